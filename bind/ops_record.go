package bind

import (
	"context"
	"math"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// The operations on records of the distributed store (spec 07 §2.3, §5.6). A
// record is open for the whole node: no client owns it, and it stays open when
// the client that opened it is gone.
func (a *API) addRecordOps() {
	a.ops.op("GetDhtRecordKey", gives[jsonapi.RecordKey](), func(p *params) run {
		s, k := req(p, "schema", schema()), req(p, "owner", key[crypto.PublicKey]())
		e := opt(p, "encryption_key", key[crypto.SharedSecret]())
		return func(context.Context, *Client) (any, error) {
			schema, err := s.get()
			if err != nil {
				return nil, err
			}
			owner, err := k.get()
			if err != nil {
				return nil, err
			}
			encryption, err := some(e)
			if err != nil {
				return nil, err
			}
			if encryption != nil && !a.crypto.Kinds().Contains(encryption.Kind) {
				return nil, generic("unsupported crypto kind")
			}
			record, err := a.node.RecordKey(schema, owner, encryption)
			if err != nil {
				return nil, err
			}
			return record.Text(), nil
		}
	})
	a.contexts.op("CreateDhtRecord", gives[jsonapi.DHTRecordDescriptor](), func(p *params) method[core.Context] {
		k, s := req(p, "kind", kind()), req(p, "schema", schema())
		o := opt(p, "owner", pair())
		return func(ctx context.Context, _ *Client, rc core.Context) (any, error) {
			schema, err := s.get()
			if err != nil {
				return nil, err
			}
			owner, err := some(o)
			if err != nil {
				return nil, err
			}
			r, err := rc.CreateRecord(ctx, k, schema, owner)
			if err != nil {
				return nil, err
			}
			return recordOf(r), nil
		}
	})
	a.onRecord("OpenDhtRecord", gives[jsonapi.DHTRecordDescriptor](), func(p *params) onRecord {
		w := opt(p, "writer", pair())
		options := opt(p, "options", openOptions())
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			writer, err := some(w)
			if err != nil {
				return nil, err
			}
			r, err := rc.OpenRecord(ctx, key, writer, orZero(options))
			if err != nil {
				return nil, err
			}
			return recordOf(r), nil
		}
	})
	a.onRecord("CloseDhtRecord", gives[null](), func(*params) onRecord {
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			return nil, rc.CloseRecord(ctx, key)
		}
	})
	a.onRecord("DeleteDhtRecord", gives[null](), func(*params) onRecord {
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			return nil, rc.DeleteRecord(ctx, key)
		}
	})
	a.addValueOps()
}

// addValueOps adds the operations on the values of records.
func (a *API) addValueOps() {
	a.onRecord("GetDhtValue", gives[jsonapi.ValueData]().orNull(), func(p *params) onRecord {
		subkey, refresh := req(p, "subkey", u32()), req(p, "force_refresh", boolean())
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			return rc.GetValue(ctx, key, subkey, refresh)
		}
	})
	a.onRecord("SetDhtValue", gives[jsonapi.ValueData]().orNull(), func(p *params) onRecord {
		subkey, value := req(p, "subkey", u32()), req(p, "data", payload())
		options := opt(p, "options", setOptions())
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			return rc.SetValue(ctx, key, subkey, value, orZero(options))
		}
	})
	a.onRecord("WatchDhtValues", gives[bool](), func(p *params) onRecord {
		ranges, expires, count := subkeys(p), expiration(p), opt(p, "count", u32())
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			most := uint32(math.MaxUint32)
			if count != nil {
				most = *count
			}
			watched, err := rc.WatchValues(ctx, key, ranges, expires, most)
			return watched, err
		}
	})
	a.onRecord("CancelDhtWatch", gives[bool](), func(p *params) onRecord {
		ranges := subkeys(p)
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			watched, err := rc.CancelWatch(ctx, key, ranges)
			return watched, err
		}
	})
	a.onRecord("InspectDhtRecord", gives[jsonapi.DHTRecordReport](), func(p *params) onRecord {
		ranges, scope := subkeys(p), scope(p)
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			r, err := rc.InspectRecord(ctx, key, ranges, scope)
			return reportOf(r), err
		}
	})
	a.onRecord("FlushDhtRecord", gives[bool](), func(p *params) onRecord {
		limit := milliseconds(opt(p, "timeout_ms", u64()))
		return func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error) {
			flushed, err := rc.FlushRecord(ctx, key, limit)
			return flushed, err
		}
	})
}

// onRecord is an operation of a context on one record.
type onRecord func(ctx context.Context, rc core.Context, key crypto.RecordKey) (any, error)

// onRecord adds one; decode reads its parameters but for the key. A key that is
// no key comes before all other errors (spec 07 §2.3).
func (a *API) onRecord(name string, r result, decode func(*params) onRecord) {
	a.contexts.op(name, r, func(p *params) method[core.Context] {
		k, do := req(p, "key", recordKey()), decode(p)
		return func(ctx context.Context, _ *Client, rc core.Context) (any, error) {
			key, err := k.get()
			if err != nil {
				return nil, err
			}
			return do(ctx, rc, key)
		}
	})
}

// orZero is what options are when they are missing.
func orZero[T any](options *T) (zero T) {
	if options == nil {
		return zero
	}
	return *options
}
