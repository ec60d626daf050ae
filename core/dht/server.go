package dht

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Why a question gets no answer (spec 06 §7.3).
var (
	// ErrUnsigned: only a signed question may ask for this.
	ErrUnsigned = errors.New("question is not signed")
	// ErrForeignKind: the key is of a kind that this node has no id for.
	ErrForeignKind = errors.New("key of a kind that we have no node id for")
	// ErrOtherDescriptor: the descriptor is not that of the record.
	ErrOtherDescriptor = errors.New("descriptor is not that of the record")
)

// ServerLimits bound what other nodes may ask of a server. The first group is part
// of the protocol; the second protects our memory, and stock nodes have no such
// limits.
type ServerLimits struct {
	ConsensusWidth     int           // this many nearer nodes: not our business
	RPCTimeout         time.Duration // shortest watch; half the life of a transaction
	MaxWatch           time.Duration // longest watch
	PublicWatches      int           // of those who are no members, per record
	MemberWatches      int           // of each member, per record
	PublicTransactions int           // of those who are no members, per record
	MemberTransactions int           // of each member, per record

	Watches          int   // on all records
	TargetWatches    int   // of all records with the same way back
	Transactions     int   // on all records
	TransactionBytes int64 // of values that transactions keep in memory
}

// StockLimits are the limits of a release build (spec 06 §1.2).
func StockLimits() ServerLimits {
	return ServerLimits{
		ConsensusWidth:     10,
		RPCTimeout:         5 * time.Second,
		MaxWatch:           10 * time.Minute,
		PublicWatches:      32,
		MemberWatches:      8,
		PublicTransactions: 8,
		MemberTransactions: 4,

		Watches:          16384,
		TargetWatches:    1024,
		Transactions:     1024,
		TransactionBytes: 64 << 20,
	}
}

// ServerConfig is what a server is made of. Everything without "nil" in its comment
// is required.
type ServerConfig struct {
	Crypto   *crypto.Crypto
	Store    *Store // of others' records; only the server writes to it
	Nearby   Nearby
	Notifier Notifier
	Watcher  Watcher // nil: we watch nothing
	Limits   ServerLimits
}

// Server answers other nodes' questions on records. It serves what they stored
// here, never our own records.
//
// Methods may be called from any goroutine. Lock: mu, over watches and
// transactions; it is held while the store's index is used, and never during I/O,
// signature checks or sending. Goroutines: those of a Notify, which waits for them.
type Server struct {
	cfg ServerConfig

	mu           sync.Mutex
	activity     map[crypto.OpaqueRecordKey]*activity
	watches      map[uint64]*watch
	due          map[*watch]struct{} // watches with something to tell
	perTarget    map[target]int      // watches
	transactions map[uint64]*transaction
	kept         int64     // bytes of values in transactions
	nextExpiry   time.Time // nothing expires before; zero: nothing expires
}

// activity is what goes on on one record.
type activity struct {
	watches      []*watch
	transactions []*transaction
	lock         *transaction // between End and Commit; nil: nobody's
}

var _ rpc.Records = (*Server)(nil)

// NewServer makes a server.
func NewServer(cfg ServerConfig) *Server {
	return &Server{
		cfg:          cfg,
		activity:     make(map[crypto.OpaqueRecordKey]*activity),
		watches:      make(map[uint64]*watch),
		due:          make(map[*watch]struct{}),
		perTarget:    make(map[target]int),
		transactions: make(map[uint64]*transaction),
	}
}

// Answer implements [rpc.Records].
func (s *Server) Answer(ctx context.Context, q rpc.RecordQuestion) (wire.AnswerDetail, error) {
	return s.AnswerAt(ctx, q, time.Now())
}

// ValueChanged implements [rpc.Records].
func (s *Server) ValueChanged(ctx context.Context, c *wire.ValueChanged, reporter crypto.NodeID) error {
	if s.cfg.Watcher == nil {
		return rpc.ErrUnavailable
	}
	return s.cfg.Watcher.ValueChanged(ctx, c, reporter)
}

// AnswerAt answers a question at a time. An error means that there is no answer;
// only that of a broken TransactBeginQ, whose descriptor is part of its form, may
// cost the asker something (spec 06 §7.3, §7.4).
func (s *Server) AnswerAt(ctx context.Context, q rpc.RecordQuestion, now time.Time) (wire.AnswerDetail, error) {
	switch d := q.Detail.(type) {
	case *wire.GetValueQ:
		return answer(s.getValue(ctx, d, now))
	case *wire.SetValueQ:
		return answer(s.setValue(ctx, d, q.Back, now))
	case *wire.InspectValueQ:
		return answer(s.inspectValue(d, now))
	case *wire.WatchValueQ:
		return answer(s.watchValue(d, q.Signer, q.Back, now))
	case *wire.TransactBeginQ:
		return answer(s.transactBegin(d, q.Signer, now))
	case *wire.TransactCommandQ:
		return answer(s.transactCommand(ctx, d, now))
	}
	return nil, fmt.Errorf("%w: %T is no question on a record", rpc.ErrUnavailable, q.Detail)
}

// answer keeps a typed nil from becoming an answer.
func answer[A wire.AnswerDetail](a A, err error) (wire.AnswerDetail, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

// distance is what all questions but TransactCommandQ have in common (spec 06 §7.1
// steps 4 to 7): the decision is taken on the whole list, the answer has the part
// that was asked for.
func (s *Server) distance(key crypto.OpaqueRecordKey, maxPeers uint32, now time.Time) (peers []*wire.PeerInfo, accepted bool, err error) {
	peers, ok := s.cfg.Nearby.Closer(key, MaxPeers, now)
	if !ok {
		return nil, false, ErrForeignKind
	}
	accepted = len(peers) < s.cfg.Limits.ConsensusWidth
	return peers[:min(len(peers), int(min(maxPeers, MaxPeers)))], accepted, nil
}

func (s *Server) system(key crypto.OpaqueRecordKey) (crypto.System, error) {
	return s.cfg.Crypto.Get(key.Kind)
}

func (s *Server) getValue(ctx context.Context, q *wire.GetValueQ, now time.Time) (*wire.GetValueA, error) {
	peers, accepted, err := s.distance(q.Key, q.MaxPeers, now)
	if err != nil {
		return nil, err
	}
	a := &wire.GetValueA{Accepted: accepted, Peers: peers}
	if !accepted {
		return a, nil
	}
	a.Value, err = s.cfg.Store.Get(ctx, q.Key, q.Subkey)
	switch {
	case errors.Is(err, ErrNoRecord):
		return a, nil
	case err != nil:
		return nil, err
	}
	if q.WantDescriptor {
		if d := s.cfg.Store.Descriptor(q.Key); d != nil {
			a.Descriptor = d.Signed
		}
	}
	return a, nil
}

// setValue follows the steps of spec 06 §10.5.
func (s *Server) setValue(ctx context.Context, q *wire.SetValueQ, back rpc.Destination, now time.Time) (*wire.SetValueA, error) {
	peers, accepted, err := s.distance(q.Key, q.MaxPeers, now)
	if err != nil {
		return nil, err
	}
	a := &wire.SetValueA{Accepted: accepted, Peers: peers}
	if !accepted {
		return a, nil
	}
	sys, err := s.system(q.Key)
	if err != nil {
		return nil, err
	}
	var verified *Descriptor // that the value was checked against
	for {
		held, err := s.cfg.Store.Get(ctx, q.Key, q.Subkey)
		if err != nil && !errors.Is(err, ErrNoRecord) {
			return nil, err
		}
		if held != nil && !NewerSeq(q.Value.Value.Seq, held.Value.Seq) {
			if q.Value.Value.Seq != held.Value.Seq || !SameValue(q.Value, held) {
				a.Value = held
			}
			return a, nil
		}
		d := s.cfg.Store.Descriptor(q.Key)
		switch {
		case d != nil && q.Descriptor != nil && !d.Same(q.Descriptor):
			return nil, ErrOtherDescriptor
		case d != nil:
		case q.Descriptor == nil:
			a.NeedDescriptor = true
			return a, nil
		case verified != nil:
			d = verified
		default:
			if d, err = VerifyDescriptor(sys, q.Key, q.Descriptor); err != nil {
				return nil, err
			}
		}
		if verified == nil { // a key has one descriptor only, its own hash sees to that
			if err := d.CheckValue(sys, q.Subkey, q.Value); err != nil {
				return nil, err
			}
			verified = d
		}
		err = s.put(d, now, held, Change{Subkey: q.Subkey, Value: q.Value, Was: SeqOf(held)}, targetOf(back))
		switch {
		case errors.Is(err, ErrChanged):
			// Somebody else's write came first: compare with that.
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		}
		return a, s.cfg.Store.Settle(ctx)
	}
}

// put stores one value and tells those who watch, except the setter.
func (s *Server) put(d *Descriptor, now time.Time, held *wire.SignedValueData, c Change, setter target) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	evicted, err := s.cfg.Store.Put(d, now, c)
	if err != nil {
		return err
	}
	s.evictedLocked(evicted)
	if act := s.activity[d.Key]; act != nil {
		s.keepLocked(act, nil, c.Subkey, held)
		s.markLocked(act, c.Subkey, &setter, now)
	}
	return nil
}

// evictedLocked ends the watches of records that had to give way; nobody is told
// (spec 06 §12.2).
func (s *Server) evictedLocked(keys []crypto.OpaqueRecordKey) {
	for _, key := range keys {
		if act := s.activity[key]; act != nil {
			for len(act.watches) > 0 {
				s.endWatchLocked(act.watches[0])
			}
		}
	}
}

// inspectValue: spec 06 §11.1.
func (s *Server) inspectValue(q *wire.InspectValueQ, now time.Time) (*wire.InspectValueA, error) {
	peers, accepted, err := s.distance(q.Key, q.MaxPeers, now)
	if err != nil {
		return nil, err
	}
	a := &wire.InspectValueA{Accepted: accepted, Peers: peers}
	if !accepted {
		return a, nil
	}
	ranges := q.Subkeys
	if len(ranges) == 0 {
		ranges = []wire.SubkeyRange{{Start: 0, End: MaxSubkeys - 1}}
	}
	seqs, d := s.cfg.Store.Seqs(q.Key, SubkeysOf(ranges, MaxSubkeys))
	if len(seqs) == 0 {
		return a, nil // no record, or nothing of it asked for: no descriptor either
	}
	a.Seqs = seqs
	if q.WantDescriptor {
		a.Descriptor = d.Signed
	}
	return a, nil
}

// newIDLocked makes an id that cannot be guessed and is not taken.
func (s *Server) newIDLocked() (uint64, error) {
	for {
		var b [8]byte
		if err := s.cfg.Crypto.Best().RandomBytes(b[:]); err != nil {
			return 0, err
		}
		id := binary.LittleEndian.Uint64(b[:])
		if id != 0 && s.watches[id] == nil && s.transactions[id] == nil {
			return id, nil
		}
	}
}

func (s *Server) activityLocked(key crypto.OpaqueRecordKey) *activity {
	act := s.activity[key]
	if act == nil {
		act = new(activity)
		s.activity[key] = act
	}
	return act
}

// idleLocked forgets the activity of a record that has none.
func (s *Server) idleLocked(key crypto.OpaqueRecordKey) {
	if act := s.activity[key]; act != nil && len(act.watches) == 0 && len(act.transactions) == 0 {
		delete(s.activity, key)
	}
}

func (s *Server) expiresLocked(at time.Time) {
	if s.nextExpiry.IsZero() || at.Before(s.nextExpiry) {
		s.nextExpiry = at
	}
}

// Tick ends watches and transactions whose time is over, and writes what was stored
// since the last Tick. It is due once a second, also while the node is offline.
func (s *Server) Tick(ctx context.Context, now time.Time) error {
	s.expire(now)
	return s.cfg.Store.Flush(ctx)
}

func (s *Server) expire(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nextExpiry.IsZero() || now.Before(s.nextExpiry) {
		return
	}
	s.nextExpiry = time.Time{}
	for _, w := range s.watches {
		if !now.Before(w.expires) {
			s.endWatchLocked(w)
			continue
		}
		s.expiresLocked(w.expires)
	}
	for _, t := range s.transactions {
		if !now.Before(t.expires) {
			s.endTransactionLocked(t)
			continue
		}
		s.expiresLocked(t.expires)
	}
}

// Purge removes others' records, the one used least recently first, until at most
// that many bytes are stored, and gives the number removed. Their watches end.
func (s *Server) Purge(ctx context.Context, most int64) (removed int, err error) {
	s.mu.Lock()
	gone := s.cfg.Store.Purge(most, nil)
	s.evictedLocked(gone)
	s.mu.Unlock()
	return len(gone), s.cfg.Store.Flush(ctx)
}

// ServerStats says what a server keeps for others.
type ServerStats struct {
	Watches          int
	Due              int // watches with something to tell
	Transactions     int
	TransactionBytes int64
}

// Stats says what the server keeps for others.
func (s *Server) Stats() ServerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ServerStats{
		Watches: len(s.watches), Due: len(s.due),
		Transactions: len(s.transactions), TransactionBytes: s.kept,
	}
}
