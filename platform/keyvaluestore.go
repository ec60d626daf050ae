package platform

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits that every [KeyValueStore] keeps, so that data moves between them.
const (
	MaxDatabaseName = 512       // bytes
	MaxKey          = 32 << 10  // bytes; what bbolt can hold
	MaxValue        = 128 << 20 // bytes; a callback holds a value in memory, also on a phone
)

// Bucket names one ordered map from keys to values: a column of a database.
// A database exists as long as it has a column.
type Bucket struct {
	Database string // 1 to MaxDatabaseName bytes of UTF-8 without NUL
	Column   uint32
}

func (b Bucket) String() string { return fmt.Sprintf("%s/%d", b.Database, b.Column) }

// Check is the rule for names of buckets.
func (b Bucket) Check() error {
	switch {
	case b.Database == "" || strings.IndexByte(b.Database, 0) >= 0 || !utf8.ValidString(b.Database):
		return fmt.Errorf("%w: database name %q", ErrInvalidKey, b.Database)
	case len(b.Database) > MaxDatabaseName:
		return fmt.Errorf("%w: database name of %d bytes", ErrTooLarge, len(b.Database))
	}
	return nil
}

// Range selects rows of a bucket. The zero Range is all of them.
type Range struct {
	Prefix   []byte // nil: every key
	Start    []byte // first key to visit, inclusive; nil: the first there is
	KeysOnly bool   // values are not read; the callback gets nil
}

// Size is what a bucket holds, as the sum over its rows, without overhead.
type Size struct {
	Rows  int
	Bytes int64 // of keys and values
}

// KeyValueStore keeps databases of numbered columns, with transactions. One
// Open owns it; a second one, in this process or another, gets [ErrInUse].
//
//   - Methods may be called from any goroutine. Updates run one after the other;
//     Views run beside each other and beside an Update, and see the state before
//     it.
//   - View and Update call fn at most once, in the caller's goroutine, and have
//     returned before it is called again. ctx bounds the waiting for a
//     transaction to start. Once fn runs, ctx is not looked at any more.
//   - Update commits when fn returns nil. When Update returns nil the writes are
//     durable: a process killed right after keeps them. When it returns an error
//     none of them is visible, now or after a restart; only when the device
//     itself failed while it made them durable may they be, all or none, and
//     the store then refuses Updates until it is opened again.
//   - The error of fn is returned as it is, and so is a panic of fn: both undo.
//   - fn may do nothing else that waits: only calls to its Tx, no channel, no
//     contended lock, no other transaction, no I/O. A browser ends a transaction
//     as soon as the page waits for anything else, and another transaction of
//     the same store inside fn may wait forever.
//   - An adapter may collect writes and hand them over at the next read or at
//     commit, so an error of a write may come later, from Update itself.
//   - After Close, View and Update return [ErrClosed]. Close waits for running
//     transactions and may be called twice. Close in fn waits forever.
type KeyValueStore interface {
	View(ctx context.Context, fn func(tx Tx) error) error
	Update(ctx context.Context, fn func(tx Tx) error) error
	Close() error
}

// Tx is one transaction. It belongs to the goroutine that runs the callback and
// is dead when that returns: every method then gives [ErrTxDone].
//
//   - Reads see the writes made before them in the same transaction.
//   - A key is 1 to [MaxKey] bytes: else [ErrInvalidKey] or [ErrTooLarge]. A
//     value is 0 to [MaxValue] bytes: else ErrTooLarge; nil is the empty value.
//   - Put, Delete, CreateBucket, DeleteBucket and DeleteDatabase inside View:
//     [ErrReadOnly]; inside the callback of ForEach: [ErrWalking].
//   - A missing bucket is [ErrNoBucket], also for DeleteBucket, and for Columns
//     and DeleteDatabase if the database has no column.
type Tx interface {
	// Get returns a copy of the value, never nil; a missing key is fs.ErrNotExist.
	Get(b Bucket, key []byte) ([]byte, error)
	// Put sets a row and copies both slices, at the latest when it returns.
	Put(b Bucket, key, value []byte) error
	// Delete removes a row. A missing row is no error.
	Delete(b Bucket, key []byte) error
	// ForEach visits the rows of r in the order of their key bytes. The slices
	// are valid and must stay unchanged until fn returns; fn may read from the
	// transaction. The first error ends the walk and is returned, but
	// fs.SkipAll ends it without error.
	ForEach(b Bucket, r Range, fn func(key, value []byte) error) error
	// Size walks the whole bucket.
	Size(b Bucket) (Size, error)

	// CreateBucket makes an empty bucket. One that exists stays as it is.
	CreateBucket(b Bucket) error
	// DeleteBucket removes a bucket and its rows.
	DeleteBucket(b Bucket) error
	// DeleteDatabase removes all buckets of a database.
	DeleteDatabase(name string) error
	// Databases lists the names in the order of their bytes.
	Databases() ([]string, error)
	// Columns lists the columns of a database, ascending.
	Columns(database string) ([]uint32, error)
}

// CheckKey is the rule for keys of rows.
func CheckKey(key []byte) error {
	switch {
	case len(key) == 0:
		return fmt.Errorf("%w: empty", ErrInvalidKey)
	case len(key) > MaxKey:
		return fmt.Errorf("%w: key of %d bytes", ErrTooLarge, len(key))
	}
	return nil
}

// CheckValue is the rule for values of rows.
func CheckValue(value []byte) error {
	if len(value) > MaxValue {
		return fmt.Errorf("%w: value of %d bytes", ErrTooLarge, len(value))
	}
	return nil
}
