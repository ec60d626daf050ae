package dht

import "context"

// Columns of the tables of a store.
const (
	columnHeads  = 0 // one row per record: descriptor, and what its subkeys hold
	columnValues = 1 // one row per written subkey
	// Columns is how many a store needs.
	Columns = 2
)

// Tables keeps the rows of one store, in numbered columns from 0 to [Columns]-1.
// Rows need no order. What makes them secret at rest is below this interface.
//
//   - Methods may be called from any goroutine and may block. A Write does not
//     overlap another one; Loads and Each may run beside it and then see the state
//     before it or after it.
//   - Keys are 36 or 40 bytes, values at most 40 KiB.
//   - Nobody keeps a slice of the other side beyond the call.
type Tables interface {
	// Load gives the value of a row; a missing one is fs.ErrNotExist.
	Load(ctx context.Context, column uint32, key []byte) ([]byte, error)
	// Each visits all rows of a column in any order. The first error ends the walk
	// and is returned. fn does not call the tables.
	Each(ctx context.Context, column uint32, fn func(key, value []byte) error) error
	// Write changes rows, all or none of them, and returns when that is durable.
	Write(ctx context.Context, rows []Row) error
}

// Row is one change of a table.
type Row struct {
	Column uint32
	Key    []byte
	Value  []byte // nil: delete the row; a missing one is no error
}
