package core

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/voile-net/voile/core/table"
	"github.com/voile-net/voile/platform"
)

// Columns of the node's own table (spec 01 §8.4).
const (
	columnNode  = 0 // identity, bootstrap records, routes
	columnTable = 1 // entries of the routing table
	columns     = 2
)

// ErrDeviceKey is behind the error of [Start] when the stored tables were encrypted
// with another device key and are not to be wiped.
var ErrDeviceKey = table.ErrDeviceKey

// openTables loads or makes the device key and opens the encrypted tables.
func (n *Node) openTables(ctx context.Context) error {
	p := &n.cfg.ProtectedStore
	if p.Delete {
		if err := n.opts.ProtectedStore.Remove(ctx, table.DeviceKeyName); err != nil && !isNotExist(err) {
			return err
		}
	}
	var next *string
	if p.NewDeviceEncryptionKeyPassword != nil {
		text := string(*p.NewDeviceEncryptionKeyPassword)
		next = &text
	}
	key, err := table.DeviceKey(ctx, n.crypto, n.opts.ProtectedStore, string(p.DeviceEncryptionKeyPassword), next)
	if err != nil {
		return errorWith("device encryption key", err)
	}
	defer key.Zero()
	var wiped bool
	n.tables, wiped, err = table.Open(ctx, table.Config{
		KeyValueStore: n.opts.KeyValueStore, Crypto: n.crypto, Key: key,
		Wipe: n.cfg.TableStore.WipeOnInvalidDeviceEncryptionKey,
		Name: filepath.Join(n.cfg.TableStore.Directory, storeName(n.cfg.Namespace)),
	})
	if err != nil {
		return errorWith("table store", err)
	}
	if wiped {
		n.log.Warn("stored tables belonged to another device key and were wiped, as table_store.wipe_on_invalid_device_encryption_key says")
	}
	if n.state, err = n.tables.OpenOwn(ctx, "state", columns); err != nil {
		return errorWith("table store", err)
	}
	n.secrets, err = n.tables.Secrets(ctx)
	return err
}

// errorWith says what could not be opened.
func errorWith(what string, err error) error { return &openError{what, err} }

type openError struct {
	what string
	err  error
}

func (e *openError) Error() string { return e.what + ": " + e.err.Error() }
func (e *openError) Unwrap() error { return e.err }

func (n *Node) closeTables() {
	var errs []error
	if n.secrets != nil {
		errs = append(errs, n.secrets.Close())
	}
	if n.state != nil {
		errs = append(errs, n.state.Close())
	}
	if n.tables != nil {
		errs = append(errs, n.tables.Close())
	}
	if err := errors.Join(errs...); err != nil {
		n.log.Warn("tables not closed", "err", err)
	}
}

// value reads one of the node's own values; nil: there is none.
func (n *Node) value(ctx context.Context, name string) ([]byte, error) {
	value, _, err := n.state.Load(ctx, columnNode, []byte(name))
	return value, err
}

// change is a value to write; nil: to delete.
type change struct {
	column uint32
	name   []byte
	value  []byte
}

// put writes several of the node's own values at once, all or none.
func (n *Node) put(ctx context.Context, changes []change) error {
	tx, err := n.state.Transact()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, c := range changes {
		if c.value == nil {
			err = tx.Delete(c.column, c.name)
		} else {
			err = tx.Store(c.column, c.name, c.value)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

// TableInfo describes a table of the application.
type TableInfo = table.Info

// OpenTable opens an encrypted table of the application, or makes it. It has
// numbered columns, each a map from keys to values; opening an existing one with
// fewer columns shows only those, with more is an error. Open tables are shared:
// each must be closed. Names are letters, digits, "_" and "-".
//
// Errors: InvalidArgument for a bad name or no columns, Generic for more columns
// than there are.
func (n *Node) OpenTable(ctx context.Context, name string, columns uint32) (*Table, error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	db, err := n.tables.OpenDB(ctx, name, columns)
	if err != nil {
		return nil, tableError(err)
	}
	return &Table{db}, nil
}

// DeleteTable deletes a table and reports whether there was one. Error: Generic
// while it is open.
func (n *Node) DeleteTable(ctx context.Context, name string) (bool, error) {
	if err := n.usable(); err != nil {
		return false, err
	}
	deleted, err := n.tables.Delete(ctx, name)
	return deleted, tableError(err)
}

// RenameTable renames a table that is not open.
func (n *Node) RenameTable(ctx context.Context, from, to string) error {
	if err := n.usable(); err != nil {
		return err
	}
	return tableError(n.tables.Rename(ctx, from, to))
}

// ListTables lists the application's tables.
func (n *Node) ListTables(ctx context.Context) ([]TableInfo, error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	list, err := n.tables.List(ctx)
	return list, tableError(err)
}

// Table is an open table of the application. Keys and values are encrypted under
// the device key. Slices are copied both ways; methods may be called from any
// goroutine and return when the device has the data.
type Table struct{ db *table.DB }

// Columns is how many columns were opened.
func (t *Table) Columns() uint32 { return t.db.ColumnCount() }

// Close releases the table.
func (t *Table) Close() error { return tableError(t.db.Close()) }

// Store writes one row.
func (t *Table) Store(ctx context.Context, column uint32, key, value []byte) error {
	return tableError(t.db.Store(ctx, column, key, value))
}

// Load reads one row; found tells whether there is one.
func (t *Table) Load(ctx context.Context, column uint32, key []byte) (value []byte, found bool, err error) {
	value, found, err = t.db.Load(ctx, column, key)
	return value, found, tableError(err)
}

// Delete removes one row and returns what it held.
func (t *Table) Delete(ctx context.Context, column uint32, key []byte) (old []byte, found bool, err error) {
	old, found, err = t.db.Delete(ctx, column, key)
	return old, found, tableError(err)
}

// Keys lists the keys of a column, in no order.
func (t *Table) Keys(ctx context.Context, column uint32) ([][]byte, error) {
	keys, err := t.db.Keys(ctx, column)
	return keys, tableError(err)
}

// KeyCount counts the rows of a column.
func (t *Table) KeyCount(ctx context.Context, column uint32) (uint64, error) {
	count, err := t.db.KeyCount(ctx, column)
	return count, tableError(err)
}

// Transact begins a transaction: writes are kept until it commits, all or none.
func (t *Table) Transact() (*TableTransaction, error) {
	tx, err := t.db.Transact()
	if err != nil {
		return nil, tableError(err)
	}
	return &TableTransaction{tx}, nil
}

// TableTransaction is a set of writes. End it with Commit or Rollback.
type TableTransaction struct{ tx *table.Tx }

// Store adds a row to be written.
func (x *TableTransaction) Store(column uint32, key, value []byte) error {
	return tableError(x.tx.Store(column, key, value))
}

// Delete adds a row to be removed.
func (x *TableTransaction) Delete(column uint32, key []byte) error {
	return tableError(x.tx.Delete(column, key))
}

// Commit writes everything; after a failure it may be tried again.
func (x *TableTransaction) Commit(ctx context.Context) error { return tableError(x.tx.Commit(ctx)) }

// Rollback drops everything.
func (x *TableTransaction) Rollback() error { return tableError(x.tx.Rollback()) }

// SaveUserSecret keeps a secret of the application, encrypted under the device key,
// and reports whether it replaced one. Error: InvalidArgument for a name that the
// node uses itself.
func (n *Node) SaveUserSecret(ctx context.Context, name string, secret []byte) (existed bool, err error) {
	if err := n.usable(); err != nil {
		return false, err
	}
	existed, err = n.secrets.Save(ctx, name, secret)
	return existed, tableError(err)
}

// LoadUserSecret reads a secret; found tells whether there is one.
func (n *Node) LoadUserSecret(ctx context.Context, name string) (secret []byte, found bool, err error) {
	if err := n.usable(); err != nil {
		return nil, false, err
	}
	secret, found, err = n.secrets.Load(ctx, name)
	return secret, found, tableError(err)
}

// RemoveUserSecret forgets a secret and reports whether there was one.
func (n *Node) RemoveUserSecret(ctx context.Context, name string) (existed bool, err error) {
	if err := n.usable(); err != nil {
		return false, err
	}
	existed, err = n.secrets.Remove(ctx, name)
	return existed, tableError(err)
}

// ListUserSecrets lists the names of the secrets, in no order.
func (n *Node) ListUserSecrets(ctx context.Context) ([]string, error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	names, err := n.secrets.List(ctx)
	return names, tableError(err)
}

// DeleteAllUserSecrets forgets all secrets of the application.
func (n *Node) DeleteAllUserSecrets(ctx context.Context) error {
	if err := n.usable(); err != nil {
		return err
	}
	return tableError(n.secrets.DeleteAll(ctx))
}

// tableError maps what a table refuses (spec 07 §2.6, §3).
func tableError(err error) error {
	var name *table.NameError
	var reserved *table.ReservedError
	var corrupt *platform.CorruptError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &name):
		return &Error{Kind: InvalidArgument, Context: "table name is invalid", Argument: "table", Value: name.Name, Err: err}
	case errors.As(err, &reserved):
		return &Error{Kind: InvalidArgument, Context: err.Error(), Argument: "key", Value: reserved.Key, Err: err}
	case errors.Is(err, table.ErrNoColumns):
		return &Error{Kind: InvalidArgument, Context: err.Error(), Argument: "column_count", Value: "0", Err: err}
	case errors.Is(err, table.ErrClosed):
		return &Error{Kind: NotInitialized, Err: err}
	case errors.As(err, &corrupt):
		return errorf(Internal, err, "%v", err)
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Timeout, Err: err}
	}
	return errorf(Generic, err, "%v", err)
}
