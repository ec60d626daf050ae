package client

import (
	"context"
	"iter"

	"github.com/voile-net/voile/bind/jsonapi"
)

// Table is an encrypted store of keys and values in columns (spec 07 §2.6). It
// survives a lost connection. Release it before it is deleted.
type Table struct{ *handle }

// OpenTable opens a table, and makes it if there is none. Columns are numbered from
// 0; there may be more in the table than asked for here.
func (c *Client) OpenTable(ctx context.Context, name string, columns uint32) (*Table, error) {
	const op = "OpenTableDb"
	open := func(ctx context.Context, conn *conn) (uint32, error) {
		return tables.create(ctx, conn, op, opHead(op), struct {
			Name    string `json:"name"`
			Columns uint32 `json:"column_count"`
		}{name, columns})
	}
	conn, err := c.current(op)
	if err != nil {
		return nil, err
	}
	id, err := open(ctx, conn)
	if err != nil {
		return nil, err
	}
	return &Table{newHandle(c, tables, conn, id, open)}, nil
}

// DeleteTable removes a table that nobody has open, and reports whether there was
// one.
func (c *Client) DeleteTable(ctx context.Context, name string) (deleted bool, err error) {
	return call[bool](ctx, c, "DeleteTableDb", struct {
		Name string `json:"name"`
	}{name})
}

// RenameTable gives a table another name, which must be free. A Table that is open
// would not find it again after a lost connection.
func (c *Client) RenameTable(ctx context.Context, from, to string) error {
	return c.do(ctx, "RenameTableDb", struct {
		Old string `json:"old_name"`
		New string `json:"new_name"`
	}{from, to})
}

type columnParams struct {
	Column uint32 `json:"col"`
}

type cellParams struct {
	columnParams
	Key jsonapi.Bytes `json:"key"`
}

type cellValueParams struct {
	cellParams
	Value jsonapi.Bytes `json:"value"`
}

func cell(column uint32, key []byte) cellParams { return cellParams{columnParams{column}, key} }

// ColumnCount is the number of columns of the table.
func (t *Table) ColumnCount(ctx context.Context) (uint32, error) {
	return on[uint32](ctx, t.handle, "GetColumnCount", nil)
}

// Keys are the keys of a column, in no order.
func (t *Table) Keys(ctx context.Context, column uint32) ([][]byte, error) {
	list, err := on[[]jsonapi.Bytes](ctx, t.handle, "GetKeys", columnParams{column})
	keys := make([][]byte, len(list))
	for i, k := range list {
		keys[i] = k
	}
	return keys, err
}

// Entry is a key with its value.
type Entry struct{ Key, Value []byte }

// All ranges over a column, in no order. An error is the last thing it yields.
func (t *Table) All(ctx context.Context, column uint32) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		keys, err := t.Keys(ctx, column)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for _, key := range keys {
			value, ok, err := t.Load(ctx, column, key)
			if err != nil {
				yield(Entry{Key: key}, err)
				return
			}
			if ok && !yield(Entry{key, value}, nil) { // not ok: deleted meanwhile
				return
			}
		}
	}
}

// Store writes a value.
func (t *Table) Store(ctx context.Context, column uint32, key, value []byte) error {
	_, err := on[nothing](ctx, t.handle, "Store", cellValueParams{cell(column, key), value})
	return err
}

// Load reads a value; ok is false if there is none.
func (t *Table) Load(ctx context.Context, column uint32, key []byte) (value []byte, ok bool, err error) {
	return optional(on[*jsonapi.Bytes](ctx, t.handle, "Load", cell(column, key)))
}

// Delete removes a value and returns it; ok is false if there was none.
func (t *Table) Delete(ctx context.Context, column uint32, key []byte) (old []byte, ok bool, err error) {
	return optional(on[*jsonapi.Bytes](ctx, t.handle, "Delete", cell(column, key)))
}

// Release closes the table. It may be called twice.
func (t *Table) Release(ctx context.Context) error { return t.release(ctx) }

// TableTransaction changes a table all at once. It ends with its connection: what is
// done with it afterwards is [ErrStale].
type TableTransaction struct{ *handle }

// Transact begins a transaction.
func (t *Table) Transact(ctx context.Context) (*TableTransaction, error) {
	const op = "TableDb.Transact"
	conn, id, err := t.get(ctx, op)
	if err != nil {
		return nil, err
	}
	if id, err = tableTransactions.create(ctx, conn, op, tables.head(id, "Transact"), nil); err != nil {
		return nil, err
	}
	return &TableTransaction{newHandle(t.client, tableTransactions, conn, id, nil)}, nil
}

// Store writes a value, which is seen after Commit.
func (t *TableTransaction) Store(ctx context.Context, column uint32, key, value []byte) error {
	_, err := on[nothing](ctx, t.handle, "Store", cellValueParams{cell(column, key), value})
	return err
}

// Delete removes a value at Commit.
func (t *TableTransaction) Delete(ctx context.Context, column uint32, key []byte) error {
	_, err := on[nothing](ctx, t.handle, "Delete", cell(column, key))
	return err
}

// Commit makes the changes take effect. If it fails, the transaction is still there
// and wants a Rollback.
func (t *TableTransaction) Commit(ctx context.Context) error {
	_, err := on[nothing](ctx, t.handle, "Commit", nil)
	if err == nil {
		t.finished()
	}
	return err
}

// Rollback drops the changes. It does nothing after a Commit and may be called
// twice, so that it can be deferred.
func (t *TableTransaction) Rollback(ctx context.Context) error { return t.release(ctx) }
