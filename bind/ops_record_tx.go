package bind

import (
	"context"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// recordTx is a transaction that a client holds.
type recordTx struct {
	*core.RecordTransaction
	signer crypto.PublicKey // the default signing key it was begun with; zero: none
}

func (c *Client) recordTransactions() *handles[*recordTx] { return &c.recordTxs }

// The operations on transactions over records (spec 07 §2.4, §5.6). One that its
// client does not end is rolled back when the client is gone.
func (a *API) addRecordTransactionOps() {
	a.ops.op("TransactDhtRecords", func(p *params) run {
		list, options := req(p, "record_keys", list(recordKey)), opt(p, "options", object(readSigner))
		return func(ctx context.Context, c *Client) (any, error) {
			keys, err := values(list)
			if err != nil {
				return nil, err
			}
			signer, err := signerOf(options)
			if err != nil {
				return nil, err
			}
			begun, err := a.node.Transact(ctx, keys, signer)
			if err != nil {
				return nil, err
			}
			tx := &recordTx{RecordTransaction: begun}
			if signer != nil {
				tx.signer = signer.Public
			}
			id := c.recordTxs.add(tx)
			if id == 0 { // the client is gone: nobody else would end it
				tx.Release()
				return nil, &core.Error{Kind: core.NotInitialized}
			}
			return id, nil
		}
	})
	m := addFamily(a.ops, "DhtTransaction", "dhttx_id", "dhttx_op", (*Client).recordTransactions)
	m.release(func(tx *recordTx) { tx.Release() })
	m.opWithID("Commit", func(ctx context.Context, c *Client, id uint32, tx *recordTx) (any, error) {
		return endRecordTransaction(c, id, tx, tx.Commit(ctx))
	})
	m.opWithID("Rollback", func(ctx context.Context, c *Client, id uint32, tx *recordTx) (any, error) {
		return endRecordTransaction(c, id, tx, tx.Rollback(ctx))
	})
	m.op("Extend", func(p *params) method[*recordTx] {
		list, options := req(p, "record_keys", list(recordKey)), opt(p, "options", object(readSigner))
		return func(ctx context.Context, _ *Client, tx *recordTx) (any, error) {
			keys, err := values(list)
			if err != nil {
				return nil, err
			}
			signer, err := signerOf(options)
			if err != nil {
				return nil, err
			}
			if signer != nil && signer.Public != tx.signer {
				return nil, &core.Error{Kind: core.Unimplemented, Message: "a transaction has one default signing key pair: that of its beginning"}
			}
			return nil, tx.Extend(ctx, keys)
		}
	})
	onTransactionRecord(m, "Get", func(p *params) onTransaction {
		subkey := req(p, "subkey", u32)
		return func(ctx context.Context, tx *recordTx, key crypto.RecordKey) (any, error) {
			return tx.Get(ctx, key, subkey)
		}
	})
	onTransactionRecord(m, "Set", func(p *params) onTransaction {
		subkey, value := req(p, "subkey", u32), req(p, "data", payload)
		options := opt(p, "options", object(setOptionsInTransaction))
		return func(ctx context.Context, tx *recordTx, key crypto.RecordKey) (any, error) {
			return tx.Set(ctx, key, subkey, value, orZero(options))
		}
	})
	onTransactionRecord(m, "Inspect", func(p *params) onTransaction {
		ranges, scope := subkeys(p), scope(p)
		return func(ctx context.Context, tx *recordTx, key crypto.RecordKey) (any, error) {
			r, err := tx.Inspect(ctx, key, ranges, scope)
			return reportOf(r), err
		}
	})
}

// endRecordTransaction frees a transaction that has ended well. After a failure
// the handle stays, used up, until it is released (spec 07 §5.4).
func endRecordTransaction(c *Client, id uint32, tx *recordTx, err error) (any, error) {
	if err == nil {
		removeSame(&c.recordTxs, id, tx)
	}
	return nil, err
}

// onTransaction is an operation of a transaction on one record.
type onTransaction func(ctx context.Context, tx *recordTx, key crypto.RecordKey) (any, error)

func onTransactionRecord(m methods[*recordTx], name string, decode func(*params) onTransaction) {
	m.op(name, func(p *params) method[*recordTx] {
		k, do := req(p, "key", recordKey), decode(p)
		return func(ctx context.Context, _ *Client, tx *recordTx) (any, error) {
			key, err := k.get()
			if err != nil {
				return nil, err
			}
			return do(ctx, tx, key)
		}
	})
}
