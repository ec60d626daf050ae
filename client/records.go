package client

import (
	"context"
	"iter"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/crypto"
)

// The operations on records of the distributed store (spec 07 §2.3). Records are
// open in the node, not in the connection: they stay open when a connection ends,
// until they are closed or the node stops.

type keyParams struct {
	Key RecordKey `json:"key"`
}

type subkeyParams struct {
	keyParams
	Subkey uint32 `json:"subkey"`
}

type subkeysParams struct {
	keyParams
	Subkeys Subkeys `json:"subkeys"` // empty: all
}

// CreateDHTRecord makes a record of a kind, such as crypto.KindVLD0, and opens it
// with its owner as the writer. A nil owner: a new one.
func (r *RoutingContext) CreateDHTRecord(ctx context.Context, kind crypto.Kind, schema Schema, owner *KeyPair) (Record, error) {
	return on[Record](ctx, r.handle, "CreateDhtRecord", struct {
		Kind   crypto.Kind `json:"kind"`
		Schema Schema      `json:"schema"`
		Owner  *KeyPair    `json:"owner"`
	}{kind, schema, owner})
}

// OpenDHTRecord opens a record, to read or, with a writer, to write. writer and
// options may be nil.
func (r *RoutingContext) OpenDHTRecord(ctx context.Context, key RecordKey, writer *KeyPair, options *OpenOptions) (Record, error) {
	return on[Record](ctx, r.handle, "OpenDhtRecord", struct {
		keyParams
		Writer  *KeyPair     `json:"writer"`
		Options *OpenOptions `json:"options,omitempty"` // servers before 0.5.8 do not know it
	}{keyParams{key}, writer, options})
}

// CloseDHTRecord closes a record, which ends its watch.
func (r *RoutingContext) CloseDHTRecord(ctx context.Context, key RecordKey) error {
	_, err := on[nothing](ctx, r.handle, "CloseDhtRecord", keyParams{key})
	return err
}

// DeleteDHTRecord forgets the local copy of a record.
func (r *RoutingContext) DeleteDHTRecord(ctx context.Context, key RecordKey) error {
	_, err := on[nothing](ctx, r.handle, "DeleteDhtRecord", keyParams{key})
	return err
}

// GetDHTValue is the value of a subkey, nil if there is none: the local one, or that
// of the network if there is none here or refresh is set.
func (r *RoutingContext) GetDHTValue(ctx context.Context, key RecordKey, subkey uint32, refresh bool) (*Value, error) {
	return on[*Value](ctx, r.handle, "GetDhtValue", struct {
		subkeyParams
		Refresh bool `json:"force_refresh"`
	}{subkeyParams{keyParams{key}, subkey}, refresh})
}

// GetDHTValues ranges over the values of some subkeys, and their numbers, in the
// order given. Subkeys without a value are left out. An error is the last thing it
// yields.
func (r *RoutingContext) GetDHTValues(ctx context.Context, key RecordKey, subkeys Subkeys, refresh bool) iter.Seq2[SubkeyValue, error] {
	return func(yield func(SubkeyValue, error) bool) {
		for _, s := range subkeys {
			for n := uint64(s[0]); n <= uint64(s[1]); n++ {
				v, err := r.GetDHTValue(ctx, key, uint32(n), refresh)
				if err != nil {
					yield(SubkeyValue{Subkey: uint32(n)}, err)
					return
				}
				if v != nil && !yield(SubkeyValue{uint32(n), *v}, nil) {
					return
				}
			}
		}
	}
}

// SubkeyValue is a subkey with its value.
type SubkeyValue struct {
	Subkey uint32
	Value
}

// SetDHTValue writes a subkey. The result is nil if that went through, or is queued
// until the node is online; otherwise it is the newer value that was found, and a
// second attempt would overwrite it. options may be nil.
func (r *RoutingContext) SetDHTValue(ctx context.Context, key RecordKey, subkey uint32, data []byte, options *SetOptions) (newer *Value, err error) {
	return on[*Value](ctx, r.handle, "SetDhtValue", struct {
		subkeyParams
		Data    jsonapi.Bytes `json:"data"`
		Options *SetOptions   `json:"options"`
	}{subkeyParams{keyParams{key}, subkey}, data, options})
}

// WatchOptions say what a watch is for. The zero value is everything, always.
type WatchOptions struct {
	Subkeys    Subkeys   // empty: all
	Expiration time.Time // zero: never
	Count      uint32    // changes that are told; 0: all
}

// WatchDHTValues asks for a ValueChange for each change of a record, and reports
// whether it is watched now.
func (r *RoutingContext) WatchDHTValues(ctx context.Context, key RecordKey, o WatchOptions) (active bool, err error) {
	p := struct {
		subkeysParams
		Expiration *jsonapi.Timestamp `json:"expiration"`
		Count      *uint32            `json:"count"`
	}{subkeysParams: subkeysParams{keyParams{key}, o.Subkeys}}
	if !o.Expiration.IsZero() {
		t := crypto.FromTime(o.Expiration)
		p.Expiration = &t
	}
	if o.Count > 0 {
		p.Count = &o.Count
	}
	return on[bool](ctx, r.handle, "WatchDhtValues", p)
}

// CancelDHTWatch ends the watch of some subkeys, of all if there are none, and
// reports whether something is still watched.
func (r *RoutingContext) CancelDHTWatch(ctx context.Context, key RecordKey, subkeys Subkeys) (active bool, err error) {
	return on[bool](ctx, r.handle, "CancelDhtWatch", subkeysParams{keyParams{key}, subkeys})
}

// InspectDHTRecord compares what is here and what the network has; no subkeys: all.
func (r *RoutingContext) InspectDHTRecord(ctx context.Context, key RecordKey, subkeys Subkeys, scope Scope) (*Report, error) {
	return on[*Report](ctx, r.handle, "InspectDhtRecord", inspectParams{subkeysParams{keyParams{key}, subkeys}, scopeOf(scope)})
}

type inspectParams struct {
	subkeysParams
	Scope Scope `json:"scope"` // real servers want it (spec 07 §5.6)
}

// scopeOf is Local if nothing was said.
func scopeOf(s Scope) Scope {
	if s == "" {
		return jsonapi.ScopeLocal
	}
	return s
}

// FlushDHTRecord waits until no write of the record waits for the network, for the
// timeout, or until ctx ends if that is 0. It reports whether that is so.
func (r *RoutingContext) FlushDHTRecord(ctx context.Context, key RecordKey, timeout time.Duration) (bool, error) {
	return on[bool](ctx, r.handle, "FlushDhtRecord", struct {
		keyParams
		TimeoutMS *uint64 `json:"timeout_ms"`
	}{keyParams{key}, milliseconds(timeout)})
}
