package dht

import (
	"context"
	"fmt"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Scope says what an inspection compares (spec 06 §11.2).
type Scope uint8

const (
	ScopeLocal     Scope = iota // our own copy alone
	ScopeSyncGet                // and the network, as many nodes as a get asks
	ScopeSyncSet                // and the network, as many nodes as a set asks
	ScopeUpdateGet              // as SyncGet, beginning with our own numbers
	ScopeUpdateSet              // as SyncSet, beginning with the numbers of the next writes
)

// String names the scope.
func (s Scope) String() string {
	names := [...]string{"Local", "SyncGet", "SyncSet", "UpdateGet", "UpdateSet"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("Scope(%d)", uint8(s))
}

// network reports whether the scope asks other nodes.
func (s Scope) network() bool { return s != ScopeLocal }

// set reports whether it asks as many as a set does.
func (s Scope) set() bool { return s == ScopeSyncSet || s == ScopeUpdateSet }

// Report is what an inspection found. The numbers are those of the subkeys in order,
// wire.SeqNone for none.
type Report struct {
	Subkeys     []wire.SubkeyRange
	Offline     []wire.SubkeyRange // not written to the network yet
	LocalSeqs   []uint32
	NetworkSeqs []uint32
}

// noSeqs are n numbers of subkeys that were never written.
func noSeqs(n int) []uint32 {
	seqs := make([]uint32, n)
	for i := range seqs {
		seqs[i] = wire.SeqNone
	}
	return seqs
}

// raised are the numbers of the next writes; the greatest one stays.
func raised(seqs []uint32) []uint32 {
	next := make([]uint32, len(seqs))
	for i, seq := range seqs {
		var err error
		if next[i], err = NextSeq(seq); err != nil {
			next[i] = seq
		}
	}
	return next
}

// newestSeqs are the greater ones of two lists of the same length.
func newestSeqs(a, b []uint32) []uint32 {
	list := make([]uint32, len(a))
	for i := range a {
		list[i] = a[i]
		if NewerSeq(b[i], a[i]) {
			list[i] = b[i]
		}
	}
	return list
}

// inspected is the part of the ranges that a schema has; none: all of it.
func inspected(ranges []wire.SubkeyRange, s Schema) (Subkeys, error) {
	if !anyRange(ranges) {
		return SubkeysOf(AllSubkeys(), s.Subkeys()), nil
	}
	which := SubkeysOf(ranges, s.Subkeys())
	if which.Empty() {
		return which, invalidArgument("subkeys range should not be empty", "subkeys", "")
	}
	return which, nil
}

// Inspect compares sequence numbers of a record with those of the network; no ranges:
// of all subkeys (spec 06 §11.2).
func (c *Client) Inspect(ctx context.Context, key crypto.RecordKey, ranges []wire.SubkeyRange, scope Scope) (Report, error) {
	ctx, leave, err := c.enterRecord(ctx, key)
	if err != nil {
		return Report{}, err
	}
	defer leave()
	c.mu.Lock()
	h, err := c.openedLocked(key.Opaque)
	c.mu.Unlock()
	if err != nil {
		return Report{}, err
	}
	which, err := inspected(ranges, h.d.Schema)
	if err != nil {
		return Report{}, err
	}
	if scope.network() && !c.cfg.Nodes.Ready() {
		return Report{}, fail(TryAgain, offlineText)
	}
	local, _ := c.cfg.Store.Seqs(key.Opaque, which)
	if local == nil {
		return Report{}, errNotOpen(key.Opaque) // deleted meanwhile
	}
	r := Report{Subkeys: which.Ranges(), LocalSeqs: local, NetworkSeqs: noSeqs(len(local))}
	if scope == ScopeUpdateSet {
		r.LocalSeqs = raised(local)
	}
	if scope.network() {
		in := inspection{h: h, d: h.d, which: which, set: scope.set(), maxPeers: MaxPeers}
		if scope == ScopeUpdateGet || scope == ScopeUpdateSet {
			in.start = r.LocalSeqs
		}
		if err := c.inspect(ctx, key.Opaque, &in); err != nil {
			return Report{}, failed(err)
		}
		if in.answered == 0 {
			return Report{}, fail(TryAgain, "no node answered the inspect")
		}
		r.NetworkSeqs = in.seqs
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := h.detail.offline.Union(h.inFlight).Union(h.writing)
	if h.tx != nil && !h.tx.background {
		waiting = which
	}
	r.Offline = which.Intersect(waiting).Ranges()
	return r, nil
}
