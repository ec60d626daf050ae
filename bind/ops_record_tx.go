package bind

import (
	"context"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

func (c *Client) recordTransactions() *handles[*core.RecordTransaction] { return &c.recordTxs }

// The operations on transactions over records (spec 07 §2.4, §5.6). One that its
// client does not end is rolled back when the client is gone.
func (a *API) addRecordTransactionOps() {
	a.ops.op("TransactDhtRecords", gives[uint32](), func(p *params) run {
		list, options := req(p, "record_keys", list(recordKey())), opt(p, "options", transactOptions())
		return func(ctx context.Context, c *Client) (any, error) {
			keys, err := values(list)
			if err != nil {
				return nil, err
			}
			signer, err := signerOf(options)
			if err != nil {
				return nil, err
			}
			tx, err := a.node.Transact(ctx, keys, signer)
			if err != nil {
				return nil, err
			}
			id := c.recordTxs.add(tx)
			if id == 0 { // the client is gone: nobody else would end it
				tx.Release()
				return nil, &core.Error{Kind: core.NotInitialized}
			}
			return id, nil
		}
	})
	m := addFamily(a.ops, jsonapi.DHTTransaction, (*Client).recordTransactions)
	m.release(func(tx *core.RecordTransaction) { tx.Release() })
	m.opWithID("Commit", gives[null](), func(ctx context.Context, c *Client, id uint32, tx *core.RecordTransaction) (any, error) {
		return endRecordTransaction(c, id, tx, tx.Commit(ctx))
	})
	m.opWithID("Rollback", gives[null](), func(ctx context.Context, c *Client, id uint32, tx *core.RecordTransaction) (any, error) {
		return endRecordTransaction(c, id, tx, tx.Rollback(ctx))
	})
	m.op("Extend", gives[null](), func(p *params) method[*core.RecordTransaction] {
		list, options := req(p, "record_keys", list(recordKey())), opt(p, "options", transactOptions())
		return func(ctx context.Context, _ *Client, tx *core.RecordTransaction) (any, error) {
			keys, err := values(list)
			if err != nil {
				return nil, err
			}
			signer, err := signerOf(options)
			if err != nil {
				return nil, err
			}
			return nil, tx.Extend(ctx, keys, signer)
		}
	})
	onTransactionRecord(m, "Get", gives[jsonapi.ValueData]().orNull(), func(p *params) onTransaction {
		subkey := req(p, "subkey", u32())
		return func(ctx context.Context, tx *core.RecordTransaction, key crypto.RecordKey) (any, error) {
			return tx.Get(ctx, key, subkey)
		}
	})
	onTransactionRecord(m, "Set", gives[jsonapi.ValueData]().orNull(), func(p *params) onTransaction {
		subkey, value := req(p, "subkey", u32()), req(p, "data", payload())
		options := opt(p, "options", transactionSetOptions())
		return func(ctx context.Context, tx *core.RecordTransaction, key crypto.RecordKey) (any, error) {
			return tx.Set(ctx, key, subkey, value, orZero(options))
		}
	})
	onTransactionRecord(m, "Inspect", gives[jsonapi.DHTRecordReport](), func(p *params) onTransaction {
		ranges, scope := subkeys(p), scope(p)
		return func(ctx context.Context, tx *core.RecordTransaction, key crypto.RecordKey) (any, error) {
			r, err := tx.Inspect(ctx, key, ranges, scope)
			return reportOf(r), err
		}
	})
}

// endRecordTransaction frees a transaction that has ended well. After a failure
// the handle stays, used up, until it is released (spec 07 §5.4).
func endRecordTransaction(c *Client, id uint32, tx *core.RecordTransaction, err error) (any, error) {
	if err == nil {
		removeSame(&c.recordTxs, id, tx)
	}
	return nil, err
}

// onTransaction is an operation of a transaction on one record.
type onTransaction func(ctx context.Context, tx *core.RecordTransaction, key crypto.RecordKey) (any, error)

func onTransactionRecord(m methods[*core.RecordTransaction], name string, r result, decode func(*params) onTransaction) {
	m.op(name, r, func(p *params) method[*core.RecordTransaction] {
		k, do := req(p, "key", recordKey()), decode(p)
		return func(ctx context.Context, _ *Client, tx *core.RecordTransaction) (any, error) {
			key, err := k.get()
			if err != nil {
				return nil, err
			}
			return do(ctx, tx, key)
		}
	})
}
