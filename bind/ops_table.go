package bind

import (
	"context"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

// The operations on tables of the application (spec 07 §2.6, §5.6). A client
// holds its open tables and transactions until it releases them or is gone.

func (c *Client) tableHandles() *handles[*core.Table] { return &c.tables }

func (c *Client) tableTransactions() *handles[*core.TableTransaction] { return &c.tableTxs }

func (a *API) addTableOps() {
	t := a.ops
	t.op("OpenTableDb", gives[uint32](), func(p *params) run {
		name, columns := req(p, "name", text()), req(p, "column_count", u32())
		return func(ctx context.Context, c *Client) (any, error) {
			db, err := a.node.OpenTable(ctx, name, columns)
			if err != nil {
				return nil, err
			}
			id := c.tables.add(db)
			if id == 0 { // the client is gone: nobody else would close it
				return nil, closeTable(db, &core.Error{Kind: core.NotInitialized})
			}
			return id, nil
		}
	})
	t.op("DeleteTableDb", gives[bool](), func(p *params) run {
		name := req(p, "name", text())
		return func(ctx context.Context, _ *Client) (any, error) {
			deleted, err := a.node.DeleteTable(ctx, name)
			return deleted, err
		}
	})
	t.op("RenameTableDb", gives[null](), func(p *params) run {
		from, to := req(p, "old_name", text()), req(p, "new_name", text())
		return func(ctx context.Context, _ *Client) (any, error) { return nil, a.node.RenameTable(ctx, from, to) }
	})

	m := addFamily(t, jsonapi.TableDB, (*Client).tableHandles)
	m.release(func(db *core.Table) { db.Close() })
	m.op("GetColumnCount", gives[uint32](), noMethodParams(func(_ context.Context, _ *Client, db *core.Table) (any, error) {
		return db.Columns(), nil
	}))
	m.op("GetKeys", gives[[]jsonapi.Bytes](), func(p *params) method[*core.Table] {
		column := req(p, "col", u32())
		return func(ctx context.Context, _ *Client, db *core.Table) (any, error) {
			keys, err := db.Keys(ctx, column)
			return dataList(keys), err
		}
	})
	m.op("Store", gives[null](), func(p *params) method[*core.Table] {
		column, key, value := req(p, "col", u32()), req(p, "key", payload()), req(p, "value", payload())
		return func(ctx context.Context, _ *Client, db *core.Table) (any, error) {
			return nil, db.Store(ctx, column, key, value)
		}
	})
	m.op("Load", gives[jsonapi.Bytes]().orNull(), func(p *params) method[*core.Table] {
		column, key := req(p, "col", u32()), req(p, "key", payload())
		return func(ctx context.Context, _ *Client, db *core.Table) (any, error) {
			value, found, err := db.Load(ctx, column, key)
			return foundData(value, found), err
		}
	})
	m.op("Delete", gives[jsonapi.Bytes]().orNull(), func(p *params) method[*core.Table] {
		column, key := req(p, "col", u32()), req(p, "key", payload())
		return func(ctx context.Context, _ *Client, db *core.Table) (any, error) {
			old, found, err := db.Delete(ctx, column, key)
			return foundData(old, found), err
		}
	})
	m.op("Transact", gives[uint32]().always(), noMethodParams(func(_ context.Context, c *Client, db *core.Table) (any, error) {
		// There is no error form (spec 07 §5.6): what fails is only a table that was
		// closed meanwhile, and that is no object any more.
		tx, err := db.Transact()
		if err != nil {
			return nil, errInvalidID
		}
		id := c.tableTxs.add(tx)
		if id == 0 {
			tx.Rollback()
			return nil, errInvalidID
		}
		return id, nil
	}))
	addTableTransactionOps(t)
}

func addTableTransactionOps(t table) {
	m := addFamily(t, jsonapi.TableDBTransaction, (*Client).tableTransactions)
	m.op("Store", gives[null](), func(p *params) method[*core.TableTransaction] {
		column, key, value := req(p, "col", u32()), req(p, "key", payload()), req(p, "value", payload())
		return func(_ context.Context, _ *Client, tx *core.TableTransaction) (any, error) {
			return nil, tx.Store(column, key, value)
		}
	})
	m.op("Delete", gives[null](), func(p *params) method[*core.TableTransaction] {
		column, key := req(p, "col", u32()), req(p, "key", payload())
		return func(_ context.Context, _ *Client, tx *core.TableTransaction) (any, error) {
			return nil, tx.Delete(column, key)
		}
	})
	m.opWithID("Commit", gives[null](), func(ctx context.Context, c *Client, id uint32, tx *core.TableTransaction) (any, error) {
		if err := tx.Commit(ctx); err != nil {
			// It can be committed again, if it was not given up while it was being
			// committed: rolling back was not possible then, so it is done now.
			if now, ok := c.tableTxs.get(id); !ok || now != tx {
				tx.Rollback()
			}
			return nil, err
		}
		removeSame(&c.tableTxs, id, tx)
		return nil, nil
	})
	m.opWithID("Rollback", result{}, func(_ context.Context, c *Client, id uint32, tx *core.TableTransaction) (any, error) {
		removeSame(&c.tableTxs, id, tx)
		tx.Rollback() // fails only for one that is over already, or is so in a moment
		return noValue{}, nil
	})
}

// closeTable closes a table that cannot be used, and returns why.
func closeTable(db *core.Table, why error) error {
	db.Close()
	return why
}

// foundData is the bytes that were found, or null.
func foundData(value []byte, found bool) any {
	if !found {
		return nil
	}
	return data(value)
}
