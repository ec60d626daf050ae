package bind

import (
	"context"
	"errors"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// The operations on records of the distributed store (spec 07 §2.3, §2.4). This
// node keeps none: the requests are checked for their form like all others, and
// answered with Unimplemented, or InvalidId where they name an object, since
// there can be none.

// form checks parameters and keeps none of them.
type form func(p *params)

// checked reads an object for its form alone.
func checked(f form) reader[struct{}] {
	return object(func(p *params) (nothing struct{}) {
		f(p)
		return nothing
	})
}

const noRecords = "this node has no record store"

// absent is the object of families that have none.
type absent struct{}

// addRecordOps adds what concerns records.
func (a *API) addRecordOps() {
	t := a.ops
	schema, signer := checked(schemaForm), checked(signerForm)
	t.absent("GetDhtRecordKey", noRecords, func(p *params) {
		req(p, "schema", schema)
		req(p, "owner", key[crypto.PublicKey])
		opt(p, "encryption_key", key[crypto.SharedSecret])
	})
	t.absent("TransactDhtRecords", noRecords, func(p *params) {
		req(p, "record_keys", list(recordKey))
		opt(p, "options", signer)
	})

	inContext := func(name string, f form) {
		a.contexts.op(name, func(p *params) method[core.Context] {
			f(p)
			return func(ctx context.Context, c *Client, _ core.Context) (any, error) {
				return unimplemented(noRecords)(ctx, c)
			}
		})
	}
	inContext("CreateDhtRecord", func(p *params) {
		req(p, "kind", kind)
		req(p, "schema", schema)
		opt(p, "owner", pair[crypto.KeyPair])
	})
	inContext("OpenDhtRecord", func(p *params) {
		req(p, "key", recordKey)
		opt(p, "writer", pair[crypto.KeyPair])
		opt(p, "options", checked(func(p *params) { opt(p, "rehydrate", boolean) }))
	})
	inContext("CloseDhtRecord", keyForm)
	inContext("DeleteDhtRecord", keyForm)
	inContext("GetDhtValue", func(p *params) {
		keyForm(p)
		req(p, "subkey", u32)
		req(p, "force_refresh", boolean)
	})
	inContext("SetDhtValue", setForm)
	inContext("WatchDhtValues", func(p *params) {
		keyForm(p)
		opt(p, "subkeys", list(subkeyRange))
		opt(p, "expiration", decimal)
		opt(p, "count", u32)
	})
	inContext("CancelDhtWatch", func(p *params) {
		keyForm(p)
		opt(p, "subkeys", list(subkeyRange))
	})
	inContext("InspectDhtRecord", inspectForm)
	inContext("FlushDhtRecord", func(p *params) {
		keyForm(p)
		opt(p, "timeout_ms", u64)
	})

	tx := a.absentFamily("DhtTransaction", "dhttx_id", "dhttx_op")
	for _, name := range []string{"Release", "Commit", "Rollback"} {
		tx(name, func(*params) {})
	}
	tx("Extend", func(p *params) {
		req(p, "record_keys", list(recordKey))
		opt(p, "options", signer)
	})
	tx("Get", func(p *params) {
		keyForm(p)
		req(p, "subkey", u32)
	})
	tx("Set", setForm)
	tx("Inspect", inspectForm)
}

// absent adds an operation that this node does not have.
func (t table) absent(name, why string, f form) {
	t.op(name, func(p *params) run {
		f(p)
		return unimplemented(why)
	})
}

// absentFamily adds the operations on objects that this node never has.
func (a *API) absentFamily(op, idField, opField string) (add func(name string, f form)) {
	m := addFamily(a.ops, op, idField, opField, func(*Client) *handles[absent] { return &handles[absent]{} })
	return func(name string, f form) {
		m.op(name, func(p *params) method[absent] {
			f(p)
			return func(context.Context, *Client, absent) (any, error) { return nil, errInvalidID }
		})
	}
}

// schemaForm is a DHTSchema.
func schemaForm(p *params) {
	req(p, "o_cnt", u16)
	switch req(p, "kind", text) {
	case "DFLT":
	case "SMPL":
		req(p, "members", list(checked(func(p *params) {
			req(p, "m_key", payload)
			req(p, "m_cnt", u16)
		})))
	default:
		p.fail("kind", errors.New("neither DFLT nor SMPL"))
	}
}

func signerForm(p *params) { opt(p, "default_signing_keypair", pair[crypto.KeyPair]) }

func keyForm(p *params) { req(p, "key", recordKey) }

func setForm(p *params) {
	keyForm(p)
	req(p, "subkey", u32)
	req(p, "data", payload)
	opt(p, "options", checked(func(p *params) {
		opt(p, "writer", pair[crypto.KeyPair])
		opt(p, "allow_offline", boolean)
		opt(p, "min_seqnum", u32)
	}))
}

// inspectForm takes a missing scope as Local, as the published schema does (spec
// 07 §5.6).
func inspectForm(p *params) {
	keyForm(p)
	opt(p, "subkeys", list(subkeyRange))
	scope := map[string]struct{}{"Local": {}, "SyncGet": {}, "SyncSet": {}, "UpdateGet": {}, "UpdateSet": {}}
	omit(p, "scope", enum(scope), struct{}{})
}

// subkeyRange reads [from,to], inclusive at both ends.
func subkeyRange(raw []byte) (ends [2]uint32, err error) {
	both, err := list(u32)(raw)
	switch {
	case err != nil:
		return ends, err
	case len(both) != 2:
		return ends, errRange
	}
	return [2]uint32(both), nil
}
