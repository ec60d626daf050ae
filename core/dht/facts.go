package dht

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// What people see of the stores, the client and the server when they look for a
// fault. Everything is a copy.

// RecordFacts is a record in a store.
type RecordFacts struct {
	Descriptor *Descriptor
	Touched    time.Time // of the last write
	Written    Subkeys
	ValueBytes int64 // of the rows of its values
	Sizes      map[uint32]int
}

// Facts describes a record, without counting as a use of it; false: not here.
func (s *Store) Facts(key crypto.OpaqueRecordKey) (RecordFacts, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[key]
	if r == nil {
		return RecordFacts{}, false
	}
	f := RecordFacts{
		Descriptor: r.descriptor, Touched: time.UnixMicro(r.touched), ValueBytes: r.values,
		Sizes: make(map[uint32]int, len(r.entries)),
	}
	for _, e := range r.entries {
		f.Written.Add(uint32(e.subkey))
		f.Sizes[uint32(e.subkey)] = int(e.size)
	}
	return f, true
}

// Uncommitted counts the records and values that the next Flush writes.
func (s *Store) Uncommitted() (records, values int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending.heads) + len(s.flushing.heads), len(s.pending.values) + len(s.flushing.values)
}

// InboundWatch is a watch that the server has granted.
type InboundWatch struct {
	Record  crypto.OpaqueRecordKey
	ID      uint64
	Watcher crypto.MemberID
	Member  bool
	Subkeys Subkeys
	Changed Subkeys // not told yet
	Count   uint32  // notices left
	Expires time.Time
}

// InboundTransaction is a transaction that the server takes part in.
type InboundTransaction struct {
	Record  crypto.OpaqueRecordKey
	ID      uint64
	Signer  crypto.MemberID
	Member  bool
	Locked  bool // it holds the lock of the record
	Staged  int  // values
	Expires time.Time
}

// Inbound lists what others have asked of the server, by the records.
func (s *Server) Inbound() (watches []InboundWatch, transactions []InboundTransaction) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, act := range s.activity {
		for _, w := range act.watches {
			watches = append(watches, InboundWatch{
				Record: key, ID: w.id, Watcher: w.signer, Member: w.member,
				Subkeys: w.subkeys, Changed: w.changed, Count: w.count, Expires: w.expires,
			})
		}
		for _, t := range act.transactions {
			transactions = append(transactions, InboundTransaction{
				Record: key, ID: t.id, Signer: t.signer, Member: t.member,
				Locked: act.lock == t, Staged: len(t.staged), Expires: t.expires,
			})
		}
	}
	sorting.By(watches, func(a, b InboundWatch) int { return bytes.Compare(a.Record.Value[:], b.Record.Value[:]) })
	sorting.By(transactions, func(a, b InboundTransaction) int { return bytes.Compare(a.Record.Value[:], b.Record.Value[:]) })
	return watches, transactions
}

// PurgeRecords removes others' records by their keys and tells how many were here.
func (s *Server) PurgeRecords(ctx context.Context, keys []crypto.OpaqueRecordKey) (removed int, err error) {
	s.mu.Lock()
	var gone []crypto.OpaqueRecordKey
	for _, key := range keys {
		if s.cfg.Store.Delete(key) {
			gone = append(gone, key)
		}
	}
	s.evictedLocked(gone)
	s.mu.Unlock()
	return len(gone), s.cfg.Store.Flush(ctx)
}

// ClientRecord is a record of the client's own store.
type ClientRecord struct {
	Key       crypto.OpaqueRecordKey
	Open      *OpenRecord // nil: closed
	Safety    route.SafetySelection
	Offline   Subkeys // values that wait to be written to the network
	InFlight  Subkeys // of them, those under way
	Rehydrate Subkeys // to be compared with the network
	Agree     int     // nodes that must have those
	Nodes     []RecordNode
	Set       []crypto.OpaqueRecordKey // records that it was last committed with
}

// OpenRecord is how a record is open.
type OpenRecord struct {
	Key    crypto.RecordKey
	Writer *crypto.KeyPair // nil: read only; shared, not to be changed
}

// RecordNode is a node that had values of a record.
type RecordNode struct {
	ID        crypto.NodeID
	Seen, Set time.Time // zero: never
	Subkeys   Subkeys
}

// Records lists the records of the client by their keys.
func (c *Client) Records() []ClientRecord {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]ClientRecord, 0, len(c.records))
	for _, h := range c.records {
		list = append(list, h.facts())
	}
	sorting.By(list, func(a, b ClientRecord) int { return bytes.Compare(a.Key.Value[:], b.Key.Value[:]) })
	return list
}

// Record describes a record of the client; false: not here.
func (c *Client) Record(key crypto.OpaqueRecordKey) (ClientRecord, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.records[key]
	if h == nil {
		return ClientRecord{}, false
	}
	return h.facts(), true
}

func (h *held) facts() ClientRecord {
	r := ClientRecord{
		Key: h.key, Safety: h.detail.safety, Offline: h.detail.offline, InFlight: h.inFlight,
		Rehydrate: h.detail.rehydrate, Agree: h.detail.agree, Set: slices.Clone(h.detail.set),
	}
	if h.open != nil {
		r.Open = &OpenRecord{h.open.key, h.open.writer}
	}
	for i := range h.detail.nodes {
		n := &h.detail.nodes[i]
		r.Nodes = append(r.Nodes, RecordNode{n.id, n.seen, n.set, n.subkeys})
	}
	return r
}

// OutboundWatch is a watch of ours.
type OutboundWatch struct {
	Key     crypto.RecordKey
	Wanted  bool
	Subkeys Subkeys
	Expires time.Time // zero: never
	Left    uint32    // changes to tell of
	Watcher crypto.PublicKey
	Changed bool      // nodes do not know yet what is wanted
	RetryAt time.Time // zero: at once
	Inspect Subkeys   // to be compared with the network
	Nodes   []WatchNode
}

// WatchNode is what one node has granted.
type WatchNode struct {
	ID      crypto.NodeID
	WatchID uint64
	Expires time.Time
	Count   uint32
	Watcher crypto.PublicKey
	Safety  route.SafetySelection // with the route that reports come by
	Active  bool                  // one of the nodes that count
}

// Watches lists our watches by the records.
func (c *Client) Watches() []OutboundWatch {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]OutboundWatch, 0, len(c.watches))
	for _, w := range c.watches {
		o := OutboundWatch{Key: w.key, Wanted: w.want != nil, Changed: w.changed, RetryAt: w.retryAt, Inspect: w.inspect}
		if w.want != nil {
			o.Subkeys, o.Expires, o.Left, o.Watcher = w.want.subkeys, w.want.expires, w.want.left, w.want.signer.Public
		}
		for i := range w.nodes {
			n := &w.nodes[i]
			o.Nodes = append(o.Nodes, WatchNode{n.id, n.watchID, n.expires, n.count, n.signer, n.safety, n.active})
		}
		list = append(list, o)
	}
	sorting.By(list, func(a, b OutboundWatch) int { return bytes.Compare(a.Key.Opaque.Value[:], b.Key.Opaque.Value[:]) })
	return list
}

// OutboundTransaction is a transaction of ours that nodes take part in.
type OutboundTransaction struct {
	Background bool
	Stage      string
	Records    []TransactionRecord
}

// TransactionRecord is a record in a transaction of ours.
type TransactionRecord struct {
	Key   crypto.OpaqueRecordKey
	Nodes []crypto.NodeID // that take part
	Wrote Subkeys         // to be committed
}

// String names the stage.
func (s transactionStage) String() string {
	names := [...]string{"open", "committing", "ending", "failed", "dropped", "over"}
	if int(s) < len(names) {
		return names[s]
	}
	return "invalid"
}

// Transactions lists our transactions.
func (c *Client) Transactions() []OutboundTransaction {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]OutboundTransaction, 0, len(c.live))
	for t := range c.live {
		o := OutboundTransaction{Background: t.background, Stage: t.stage.String()}
		for _, r := range t.listLocked() {
			f := TransactionRecord{Key: r.h.key}
			for _, n := range r.nodes {
				f.Nodes = append(f.Nodes, n.id)
			}
			for k := range r.wrote {
				f.Wrote.Add(k)
			}
			o.Records = append(o.Records, f)
		}
		list = append(list, o)
	}
	return list
}

// RequestRehydrate asks for a record to be compared with the network in the
// background, and for what fewer than agree nodes have to be written there again
// (spec 06 §16); no ranges: all subkeys. false: the record is not here.
func (c *Client) RequestRehydrate(key crypto.OpaqueRecordKey, ranges []wire.SubkeyRange, agree int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.records[key]
	if h == nil {
		return false
	}
	if len(ranges) == 0 {
		ranges = AllSubkeys()
	}
	h.detail.wantRehydration(SubkeysOf(ranges, h.d.Schema.Subkeys()), min(agree, 255))
	c.saveLocked(h)
	return true
}
