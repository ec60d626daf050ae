package client

import (
	"context"

	"github.com/voile-net/voile/bind/jsonapi"
)

// Transaction changes records of the distributed store all at once (spec 07 §2.4).
// It ends with its connection: what is done with it afterwards is [ErrStale]. A
// deferred Release is good after a Commit, too.
type Transaction struct{ *handle }

type transactParams struct {
	Keys    []RecordKey      `json:"record_keys"`
	Options *TransactOptions `json:"options"`
}

// TransactDHTRecords begins a transaction over open records. options may be nil.
func (c *Client) TransactDHTRecords(ctx context.Context, keys []RecordKey, options *TransactOptions) (*Transaction, error) {
	const op = "TransactDhtRecords"
	conn, err := c.current(op)
	if err != nil {
		return nil, err
	}
	id, err := dhtTransactions.create(ctx, conn, op, opHead(op), transactParams{notNil(keys), options})
	if err != nil {
		return nil, err
	}
	return &Transaction{newHandle(c, dhtTransactions, conn, id, nil)}, nil
}

// Extend takes more records in.
func (t *Transaction) Extend(ctx context.Context, keys []RecordKey, options *TransactOptions) error {
	_, err := on[nothing](ctx, t.handle, "Extend", transactParams{notNil(keys), options})
	return err
}

// Get is a value as it was when the transaction began; nil: none.
func (t *Transaction) Get(ctx context.Context, key RecordKey, subkey uint32) (*Value, error) {
	return on[*Value](ctx, t.handle, "Get", subkeyParams{keyParams{key}, subkey})
}

// Set writes a value, which is seen after Commit. A result that is not nil is a
// newer value. options may be nil.
func (t *Transaction) Set(ctx context.Context, key RecordKey, subkey uint32, data []byte, options *TxSetOptions) (newer *Value, err error) {
	return on[*Value](ctx, t.handle, "Set", struct {
		subkeyParams
		Data    jsonapi.Bytes `json:"data"`
		Options *TxSetOptions `json:"options"`
	}{subkeyParams{keyParams{key}, subkey}, data, options})
}

// Inspect tells what the transaction knows of a record; no subkeys: all.
func (t *Transaction) Inspect(ctx context.Context, key RecordKey, subkeys Subkeys, scope Scope) (*Report, error) {
	return on[*Report](ctx, t.handle, "Inspect", inspectParams{subkeysParams{keyParams{key}, subkeys}, scopeOf(scope)})
}

// Commit makes the changes take effect. The transaction is over, also if it fails.
func (t *Transaction) Commit(ctx context.Context) error { return t.complete(ctx, "Commit") }

// Rollback drops the changes. The transaction is over, also if it fails.
func (t *Transaction) Rollback(ctx context.Context) error { return t.complete(ctx, "Rollback") }

// complete runs an operation that uses the transaction up. The server frees it if
// that succeeds; a failed one has to be released (spec 07 §5.4).
func (t *Transaction) complete(ctx context.Context, sub string) error {
	free := func(c *conn, id uint32) { c.send(dhtTransactions.head(id, "Release"), nil) }
	c, id, err := t.get(ctx, "DhtTransaction."+sub)
	if err != nil {
		return err
	}
	if _, _, ok := t.finished(); !ok {
		return released("DhtTransaction." + sub)
	}
	op := "DhtTransaction." + sub
	request, p, err := c.begin(ctx, op, dhtTransactions.head(id, sub), nil, func(a answer) {
		if len(a.fault) > 0 {
			free(c, id)
		}
	})
	if err != nil {
		free(c, id) // it was not even asked for
		return err
	}
	a, err := c.wait(ctx, op, request, p)
	if err != nil {
		return err
	}
	if _, err = decode[nothing](op, a); err != nil {
		free(c, id)
	}
	return err
}

// Release drops the transaction if it is not over. It may be called at any time.
func (t *Transaction) Release(ctx context.Context) error { return t.release(ctx) }

// notNil makes an empty list of none, since null is no list.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
