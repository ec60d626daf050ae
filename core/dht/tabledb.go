package dht

import (
	"context"
	"io/fs"

	"github.com/voile-net/voile/core/table"
)

// TableDB keeps the rows of a store in a database of the encrypted table store,
// opened with [Columns] columns. Nobody else may write to it.
type TableDB struct{ DB *table.DB }

// Load implements [Tables].
func (t TableDB) Load(ctx context.Context, column uint32, key []byte) ([]byte, error) {
	value, found, err := t.DB.Load(ctx, column, key)
	if err == nil && !found {
		err = fs.ErrNotExist
	}
	return value, err
}

// Each implements [Tables].
func (t TableDB) Each(ctx context.Context, column uint32, fn func(key, value []byte) error) error {
	return t.DB.Walk(ctx, column, fn)
}

// Write implements [Tables].
func (t TableDB) Write(ctx context.Context, rows []Row) error {
	tx, err := t.DB.Transact()
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Value == nil {
			err = tx.Delete(r.Column, r.Key)
		} else {
			err = tx.Store(r.Column, r.Key, r.Value)
		}
		if err != nil {
			break
		}
	}
	if err == nil {
		err = tx.Commit(ctx)
	}
	if err != nil {
		_ = tx.Rollback() // nothing was written, and nothing more can be done
	}
	return err
}
