//go:build !js

package bbolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	bolt "go.etcd.io/bbolt"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/guard"
)

// Layout: the root holds a bucket per database, named like it, and each of
// these a bucket per column, named by its number in 4 bytes, big-endian. The
// bucket of formatBucket, which no database can be named like, holds what
// tells our files from others.
const (
	formatBucket = "\x00format"
	formatKey    = "voile key-value store"
	formatNow    = "1"
)

func writeFormat(tx *bolt.Tx) error {
	b, err := tx.CreateBucket([]byte(formatBucket))
	if err != nil {
		return err
	}
	return b.Put([]byte(formatKey), []byte(formatNow))
}

func checkFormat(tx *bolt.Tx) error {
	b := tx.Bucket([]byte(formatBucket))
	if b == nil {
		return errors.New("a file of another program")
	}
	if v := b.Get([]byte(formatKey)); string(v) != formatNow {
		return fmt.Errorf("unknown format %.20q", v)
	}
	return nil
}

// tx is a platform.Tx. inBolt is true while code of bbolt runs: every method
// sets it around its calls, without defer, so that it stays after a panic there.
type tx struct {
	guard  guard.Tx
	bolt   *bolt.Tx
	inBolt bool

	lastName platform.Bucket
	last     *bolt.Bucket // that of lastName; nil: none looked up
}

func (t *tx) Get(b platform.Bucket, key []byte) ([]byte, error) {
	if err := errors.Join(t.guard.Read(b), platform.CheckKey(key)); err != nil {
		return nil, fmt.Errorf("get from %v: %w", b, err)
	}
	t.inBolt = true
	bucket := t.find(b)
	if bucket == nil {
		t.inBolt = false
		return nil, fmt.Errorf("get: %w: %v", platform.ErrNoBucket, b)
	}
	value := bucket.Get(key)
	if value != nil {
		value = append([]byte{}, value...)
	}
	t.inBolt = false
	if value == nil {
		return nil, fs.ErrNotExist
	}
	return value, nil
}

func (t *tx) Put(b platform.Bucket, key, value []byte) error {
	if err := errors.Join(t.guard.Write(b), platform.CheckKey(key), platform.CheckValue(value)); err != nil {
		return fmt.Errorf("put into %v: %w", b, err)
	}
	return t.write("put into", b, func(bucket *bolt.Bucket) error {
		return bucket.Put(key, append([]byte{}, value...)) // bbolt copies the key only
	})
}

func (t *tx) Delete(b platform.Bucket, key []byte) error {
	if err := errors.Join(t.guard.Write(b), platform.CheckKey(key)); err != nil {
		return fmt.Errorf("delete from %v: %w", b, err)
	}
	return t.write("delete from", b, func(bucket *bolt.Bucket) error { return bucket.Delete(key) })
}

func (t *tx) write(what string, b platform.Bucket, f func(*bolt.Bucket) error) error {
	t.inBolt = true
	bucket := t.find(b)
	err := platform.ErrNoBucket
	if bucket != nil {
		err = f(bucket)
	}
	t.inBolt = false
	if err != nil {
		return fmt.Errorf("%s %v: %w", what, b, commitError(err))
	}
	return nil
}

func (t *tx) ForEach(b platform.Bucket, r platform.Range, fn func(key, value []byte) error) error {
	if err := t.guard.Read(b); err != nil {
		return fmt.Errorf("walk %v: %w", b, err)
	}
	t.inBolt = true
	bucket := t.find(b)
	if bucket == nil {
		t.inBolt = false
		return fmt.Errorf("walk: %w: %v", platform.ErrNoBucket, b)
	}
	start := r.Start
	if bytes.Compare(r.Prefix, start) > 0 {
		start = r.Prefix
	}
	defer t.guard.Walk()()
	cursor := bucket.Cursor()
	for key, value := cursor.Seek(start); key != nil && bytes.HasPrefix(key, r.Prefix); key, value = cursor.Next() {
		if r.KeysOnly {
			value = nil
		}
		t.inBolt = false
		if err := fn(key, value); err == fs.SkipAll {
			return nil
		} else if err != nil {
			return err
		}
		t.inBolt = true
	}
	t.inBolt = false
	return nil
}

func (t *tx) Size(b platform.Bucket) (platform.Size, error) { return guard.Size(t, b) }

func (t *tx) CreateBucket(b platform.Bucket) error {
	if err := t.guard.Write(b); err != nil {
		return fmt.Errorf("create bucket %v: %w", b, err)
	}
	t.inBolt = true
	database, err := t.bolt.CreateBucketIfNotExists([]byte(b.Database))
	if err == nil {
		_, err = database.CreateBucketIfNotExists(columnName(b.Column))
	}
	t.inBolt = false
	if err != nil {
		return fmt.Errorf("create bucket %v: %w", b, commitError(err))
	}
	return nil
}

func (t *tx) DeleteBucket(b platform.Bucket) error {
	if err := t.guard.Write(b); err != nil {
		return fmt.Errorf("delete bucket %v: %w", b, err)
	}
	t.inBolt = true
	err := t.deleteBucket(b)
	t.inBolt = false
	if err != nil {
		return fmt.Errorf("delete bucket %v: %w", b, err)
	}
	return nil
}

func (t *tx) deleteBucket(b platform.Bucket) error {
	if t.find(b) == nil {
		return platform.ErrNoBucket
	}
	t.last = nil
	database := t.bolt.Bucket([]byte(b.Database))
	if err := database.DeleteBucket(columnName(b.Column)); err != nil {
		return err
	}
	if key, _ := database.Cursor().First(); key != nil {
		return nil
	}
	return t.bolt.DeleteBucket([]byte(b.Database)) // that was its last column
}

func (t *tx) DeleteDatabase(name string) error {
	if err := t.guard.Write(platform.Bucket{Database: name}); err != nil {
		return fmt.Errorf("delete database %q: %w", name, err)
	}
	t.inBolt = true
	t.last = nil
	err := platform.ErrNoBucket
	if t.bolt.Bucket([]byte(name)) != nil {
		err = t.bolt.DeleteBucket([]byte(name))
	}
	t.inBolt = false
	if err != nil {
		return fmt.Errorf("delete database %q: %w", name, err)
	}
	return nil
}

func (t *tx) Databases() ([]string, error) {
	if err := t.guard.Alive(); err != nil {
		return nil, fmt.Errorf("list databases: %w", err)
	}
	var names []string
	t.inBolt = true
	cursor := t.bolt.Cursor()
	for name, _ := cursor.First(); name != nil; name, _ = cursor.Next() {
		if string(name) != formatBucket {
			names = append(names, string(name))
		}
	}
	t.inBolt = false
	return names, nil
}

func (t *tx) Columns(database string) ([]uint32, error) {
	if err := t.guard.Read(platform.Bucket{Database: database}); err != nil {
		return nil, fmt.Errorf("list columns of %q: %w", database, err)
	}
	var columns []uint32
	t.inBolt = true
	if bucket := t.bolt.Bucket([]byte(database)); bucket != nil {
		cursor := bucket.Cursor()
		for name, _ := cursor.First(); name != nil; name, _ = cursor.Next() {
			columns = append(columns, binary.BigEndian.Uint32(name))
		}
	}
	t.inBolt = false
	if columns == nil {
		return nil, fmt.Errorf("list columns of %q: %w", database, platform.ErrNoBucket)
	}
	return columns, nil
}

// find looks a bucket up; nil: there is none. The last one is remembered, since
// most transactions are about one.
func (t *tx) find(b platform.Bucket) *bolt.Bucket {
	if t.last != nil && t.lastName == b {
		return t.last
	}
	database := t.bolt.Bucket([]byte(b.Database))
	if database == nil {
		return nil
	}
	if bucket := database.Bucket(columnName(b.Column)); bucket != nil {
		t.lastName, t.last = b, bucket
		return bucket
	}
	return nil
}

func columnName(column uint32) []byte { return binary.BigEndian.AppendUint32(nil, column) }
