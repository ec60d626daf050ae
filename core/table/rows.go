package table

import (
	"bytes"
	"context"
	"errors"
	"io/fs"

	"github.com/voile-net/voile/platform"
)

// checkEvery is how many rows of a long walk pass between two looks at ctx.
const checkEvery = 1024

// change is one write, sealed.
type change struct {
	bucket platform.Bucket
	name   []byte
	cell   []byte // nil: the row is deleted
}

// write makes several changes in a transaction of the store below. They should be
// sorted by bucket.
func write(tx platform.Tx, changes []change) error {
	for i, c := range changes {
		if i == 0 || c.bucket != changes[i-1].bucket {
			if err := tx.CreateBucket(c.bucket); err != nil {
				return err
			}
		}
		var err error
		if c.cell == nil {
			err = tx.Delete(c.bucket, c.name)
		} else {
			err = tx.Put(c.bucket, c.name, c.cell)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readRow gives a copy of a cell; nil: there is none.
func readRow(ctx context.Context, kv platform.KeyValueStore, b platform.Bucket, name []byte) (cell []byte, err error) {
	err = kv.View(ctx, func(tx platform.Tx) (err error) {
		cell, err = tx.Get(b, name)
		return err
	})
	if missing(err) {
		return nil, nil
	}
	return cell, err
}

// row is a copy of a row of the store below.
type row struct{ name, cell []byte } // cell is nil if only names were asked for

// limit ends a readRows early: after the first row with which either is reached.
type limit struct{ rows, bytes int }

var noLimit = limit{}

// readRows copies rows, all of them as they are at one moment. A bucket that does
// not exist has none.
func readRows(ctx context.Context, kv platform.KeyValueStore, b platform.Bucket, r platform.Range, l limit) (rows []row, err error) {
	size := 0
	err = kv.View(ctx, func(tx platform.Tx) error {
		return tx.ForEach(b, r, func(name, cell []byte) error {
			c := row{name: bytes.Clone(name)}
			if !r.KeysOnly {
				c.cell = append([]byte{}, cell...)
			}
			rows = append(rows, c)
			if size += len(name) + len(cell); l != noLimit && (len(rows) >= l.rows || size >= l.bytes) {
				return fs.SkipAll
			}
			if len(rows)%checkEvery == 0 {
				return ctx.Err()
			}
			return nil
		})
	})
	if missing(err) {
		return nil, nil
	}
	return rows, err
}

// missing reports the two ways in which a row is not there: columns without rows
// need not exist.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, platform.ErrNoBucket)
}
