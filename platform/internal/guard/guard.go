// Package guard is the part of the contract of platform.Tx that is the same for
// every adapter: what may be called when, and with which names and sizes.
// It imports package platform only.
package guard

import "github.com/voile-net/voile/platform"

// Tx is embedded by value in the transaction of an adapter. The zero Tx is a
// read transaction that has just begun. It is used from one goroutine.
type Tx struct {
	Writable bool
	done     bool
	walks    int // ForEach and Size calls that are running
}

// Read checks a method that reads from b.
func (t *Tx) Read(b platform.Bucket) error {
	if t.done {
		return platform.ErrTxDone
	}
	return b.Check()
}

// Write checks a method that changes b.
func (t *Tx) Write(b platform.Bucket) error {
	switch {
	case t.done:
		return platform.ErrTxDone
	case !t.Writable:
		return platform.ErrReadOnly
	case t.walks > 0:
		return platform.ErrWalking
	}
	return b.Check()
}

// Alive checks a method that names no bucket.
func (t *Tx) Alive() error {
	if t.done {
		return platform.ErrTxDone
	}
	return nil
}

// Walk marks the start of a walk; call the result at its end.
func (t *Tx) Walk() (end func()) {
	t.walks++
	return func() { t.walks-- }
}

// End makes every later check fail.
func (t *Tx) End() { t.done = true }

// Size is [platform.Tx.Size] for stores that keep no count: it walks the bucket.
func Size(t platform.Tx, b platform.Bucket) (size platform.Size, err error) {
	err = t.ForEach(b, platform.Range{}, func(key, value []byte) error {
		size.Rows++
		size.Bytes += int64(len(key) + len(value))
		return nil
	})
	return size, err
}
