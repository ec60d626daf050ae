package table

import (
	"errors"
	"fmt"
)

// The texts of these errors, capital letters included, are those that clients of
// the API see, so they come unwrapped (spec 07 §2.6). Other errors are wrapped
// ones of the package platform: ErrTooLarge, ErrNoSpace, *CorruptError.
var (
	// ErrNoColumns: a database has at least one column. In the API an
	// InvalidArgument "column_count".
	ErrNoColumns = errors.New("column count must be greater than zero")
	// ErrStillOpen: a handle or a transaction of the database is still open.
	ErrStillOpen = errors.New("Not deleting table that is still opened")
	// ErrExists: the new name of Rename is taken, be it by the database itself.
	ErrExists = errors.New("new table already exists")
	// ErrNotFound: Rename of a database that does not exist.
	ErrNotFound = errors.New("table does not exist")
	// ErrCompleted: use of a transaction after its end.
	ErrCompleted = errors.New("transaction already completed")
	// ErrReleased: use of a handle after its Close.
	ErrReleased = errors.New("table handle is released")
	// ErrClosed: use of anything after the Store's Close.
	ErrClosed = errors.New("table store is closed")
)

// ErrDeviceKey is from Open: what is stored was encrypted under another device
// key, and the configuration does not allow to wipe it (spec 01 §8.3).
var ErrDeviceKey = errors.New("stored tables belong to another device encryption key")

// NameError is a name of a database that breaks the rule: letters and digits of
// any script, '_' and '-', at most [MaxName] bytes. In the API an InvalidArgument
// with the context "table name is invalid" and the argument "table".
type NameError struct{ Name string }

func (e *NameError) Error() string { return fmt.Sprintf("table name is invalid: %.80q", e.Name) }

// ColumnError is a column that the handle was not opened for.
type ColumnError struct {
	Column uint32
	Count  uint32 // columns of the handle
}

func (e *ColumnError) Error() string {
	return fmt.Sprintf("Column exceeds opened column count %d >= %d", e.Column, e.Count)
}

// GrowError is an attempt to open a database with more columns than it has,
// while it is open.
type GrowError struct{ Have, Want uint32 }

func (e *GrowError) Error() string {
	return fmt.Sprintf("database must be closed before increasing column count %d -> %d", e.Have, e.Want)
}

// ReservedError is a name of a secret that the node uses itself. In the API an
// InvalidArgument with this text as context and the argument "key".
type ReservedError struct{ Key string }

func (e *ReservedError) Error() string { return "protected store key is reserved by veilid" }
