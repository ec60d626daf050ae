package dht

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// transaction is one open transaction (spec 06 §13.1). Its snapshot of the record is
// the sequence numbers at the beginning; the values themselves stay in the store
// until somebody overwrites them, and only then move here.
type transaction struct {
	id         uint64
	descriptor *Descriptor
	signer     crypto.MemberID
	member     bool
	expires    time.Time
	seqs       []uint32 // of all subkeys at the beginning; nil: there was no record
	before     map[uint32]*wire.SignedValueData
	staged     map[uint32]*wire.SignedValueData
}

func (t *transaction) key() crypto.OpaqueRecordKey { return t.descriptor.Key }

// seq is the sequence number of a subkey of the schema at the beginning.
func (t *transaction) seq(subkey uint32) uint32 {
	if t.seqs == nil {
		return wire.SeqNone
	}
	return t.seqs[subkey]
}

func (s *Server) transactionLife() time.Duration { return 2 * s.cfg.Limits.RPCTimeout }

// transactBegin: spec 06 §13.2. The descriptor is part of the form of the question,
// so a bad one is a fault of the protocol, whatever the rest says.
func (s *Server) transactBegin(q *wire.TransactBeginQ, signer *crypto.PublicKey, now time.Time) (*wire.TransactBeginA, error) {
	sys, err := s.system(q.Key)
	if err != nil {
		return nil, err
	}
	var sent *Descriptor
	if q.Descriptor != nil {
		if sent, err = VerifyDescriptor(sys, q.Key, q.Descriptor); err != nil {
			return nil, &wire.Error{Kind: wire.Protocol, Field: "transactBeginQ.descriptor", Msg: err.Error()}
		}
	}
	if signer == nil {
		return nil, ErrUnsigned
	}
	peers, accepted, err := s.distance(q.Key, q.MaxPeers, now)
	if err != nil {
		return nil, err
	}
	a := &wire.TransactBeginA{Accepted: accepted, Peers: peers}
	if !accepted {
		return a, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seqs, d := s.cfg.Store.Seqs(q.Key, SubkeysOf(AllSubkeys(), MaxSubkeys))
	switch {
	case d != nil:
	case sent != nil:
		d = sent
	default:
		a.NeedDescriptor = true
		return a, nil
	}
	if q.WantDescriptor {
		a.Descriptor = d.Signed
	}
	member := MemberIDOf(*signer)
	t := &transaction{
		descriptor: d,
		signer:     member,
		member:     d.Schema.IsMember(d.Owner(), member),
		expires:    now.Add(s.transactionLife()),
		seqs:       seqs,
	}
	if !s.mayBeginLocked(t, now) {
		return a, nil // "unavailable": accepted and no id
	}
	if t.id, err = s.newIDLocked(); err != nil {
		return nil, err
	}
	act := s.activityLocked(q.Key)
	act.transactions = append(act.transactions, t)
	s.transactions[t.id] = t
	s.expiresLocked(t.expires)

	a.TransactionID = t.id
	a.Duration = crypto.DurationOf(s.transactionLife())
	if seqs == nil {
		seqs = slices.Repeat([]uint32{wire.SeqNone}, d.Schema.Subkeys())
	}
	a.Seqs = seqs
	return a, nil
}

// mayBeginLocked counts the open transactions of this signer, or of all who are no
// members. Every open one counts, with or without values.
func (s *Server) mayBeginLocked(t *transaction, now time.Time) bool {
	limits := &s.cfg.Limits
	most := limits.PublicTransactions
	if t.member {
		most = limits.MemberTransactions
	}
	count := 0
	if act := s.activity[t.key()]; act != nil {
		for _, o := range act.transactions {
			if now.Before(o.expires) && o.member == t.member && (!t.member || o.signer == t.signer) {
				count++
			}
		}
	}
	return count < most && len(s.transactions) < limits.Transactions
}

// transactCommand finds a transaction by its id, the only credential, and runs a
// step of it (spec 06 §13.2).
func (s *Server) transactCommand(ctx context.Context, q *wire.TransactCommandQ, now time.Time) (*wire.TransactCommandA, error) {
	switch q.Command {
	case wire.TransactGet:
		return s.transactGet(ctx, q, now)
	case wire.TransactSet:
		return s.transactSet(ctx, q, now)
	case wire.TransactEnd:
		return s.transactEnd(q, now)
	case wire.TransactCommit:
		return s.transactCommit(ctx, q, now)
	case wire.TransactRollback:
		return s.transactRollback(q, now)
	}
	return nil, &wire.Error{Kind: wire.Ignore, Field: "transactCommandQ", Msg: "unknown command"}
}

// invalidTransaction answers a command on a transaction that is not there.
func invalidTransaction() *wire.TransactCommandA {
	return &wire.TransactCommandA{Subkey: wire.SubkeyAbsent}
}

// overTransaction answers the last command of a transaction.
func overTransaction() *wire.TransactCommandA {
	return &wire.TransactCommandA{Valid: true, Subkey: wire.SubkeyAbsent}
}

// renewLocked answers a command after which the transaction lives on.
func (s *Server) renewLocked(t *transaction, subkey uint32, v *wire.SignedValueData, now time.Time) *wire.TransactCommandA {
	t.expires = now.Add(s.transactionLife())
	return &wire.TransactCommandA{
		Valid: true, Duration: crypto.DurationOf(s.transactionLife()), Subkey: subkey, Value: v,
	}
}

// liveLocked finds the transaction of a command; nil: unknown, of another record, or
// expired.
func (s *Server) liveLocked(q *wire.TransactCommandQ, now time.Time) *transaction {
	t := s.transactions[q.TransactionID]
	if t == nil || t.key() != q.Key {
		return nil
	}
	if !now.Before(t.expires) {
		s.endTransactionLocked(t)
		return nil
	}
	return t
}

// atBegin gives the value of the command's subkey at the beginning of the
// transaction; ok is false if that is over.
func (s *Server) atBegin(ctx context.Context, q *wire.TransactCommandQ, now time.Time) (v *wire.SignedValueData, ok bool, err error) {
	s.mu.Lock()
	t := s.liveLocked(q, now)
	if t == nil || t.seq(q.Subkey) == wire.SeqNone || t.before[q.Subkey] != nil {
		defer s.mu.Unlock()
		if t != nil {
			v = t.before[q.Subkey]
		}
		return v, t != nil, nil
	}
	s.mu.Unlock()

	v, err = s.cfg.Store.Get(ctx, q.Key, q.Subkey)
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return nil, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t = s.liveLocked(q, now); t == nil {
		return nil, false, nil
	}
	if SeqOf(v) == t.seq(q.Subkey) {
		return v, true, nil
	}
	// It was overwritten meanwhile and moved here, or the record had to give way to
	// another one and the snapshot is lost.
	if v = t.before[q.Subkey]; v == nil {
		s.endTransactionLocked(t)
	}
	return v, v != nil, nil
}

// transactGet gives a value as it was at the beginning; what the transaction itself
// has set is not seen. It may also come after End. Without a subkey it only keeps
// the transaction alive.
func (s *Server) transactGet(ctx context.Context, q *wire.TransactCommandQ, now time.Time) (*wire.TransactCommandA, error) {
	s.mu.Lock()
	t := s.liveLocked(q, now)
	beyond := t != nil && q.Subkey != wire.SubkeyAbsent && q.Subkey >= uint32(t.descriptor.Schema.Subkeys())
	if beyond {
		s.endTransactionLocked(t)
	}
	s.mu.Unlock()
	switch {
	case t == nil:
		return invalidTransaction(), nil
	case beyond:
		return nil, ErrRange
	}
	var v *wire.SignedValueData
	if q.Subkey != wire.SubkeyAbsent {
		var ok bool
		var err error
		if v, ok, err = s.atBegin(ctx, q, now); err != nil || !ok {
			return invalidTransaction(), err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t = s.liveLocked(q, now); t == nil {
		return invalidTransaction(), nil
	}
	return s.renewLocked(t, q.Subkey, v, now), nil
}

// transactSet stages a value that is newer than the one at the beginning. An older
// one withdraws what was staged.
func (s *Server) transactSet(ctx context.Context, q *wire.TransactCommandQ, now time.Time) (*wire.TransactCommandA, error) {
	s.mu.Lock()
	t := s.liveLocked(q, now)
	s.mu.Unlock()
	if t == nil {
		return invalidTransaction(), nil
	}
	sys, err := s.system(q.Key)
	if err != nil {
		return nil, err
	}
	// Neither the descriptor nor the numbers of the snapshot ever change.
	if err := t.descriptor.CheckValue(sys, q.Subkey, q.Value); err != nil {
		return nil, err
	}
	var old *wire.SignedValueData
	if !NewerSeq(q.Value.Value.Seq, t.seq(q.Subkey)) {
		var ok bool
		if old, ok, err = s.atBegin(ctx, q, now); err != nil || !ok {
			return invalidTransaction(), err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t = s.liveLocked(q, now); t == nil || s.activity[q.Key].lock == t {
		return invalidTransaction(), nil
	}
	if old == nil {
		grow := memoryOf(q.Value)
		if staged := t.staged[q.Subkey]; staged != nil {
			grow -= memoryOf(staged)
		}
		if s.kept+grow > s.cfg.Limits.TransactionBytes {
			return nil, fmt.Errorf("stage value: %w", ErrFull)
		}
	}
	s.unstageLocked(t, q.Subkey)
	if old == nil {
		if t.staged == nil {
			t.staged = make(map[uint32]*wire.SignedValueData)
		}
		t.staged[q.Subkey] = q.Value
		s.kept += memoryOf(q.Value)
	}
	return s.renewLocked(t, q.Subkey, old, now), nil
}

func (s *Server) unstageLocked(t *transaction, subkey uint32) {
	if v := t.staged[subkey]; v != nil {
		delete(t.staged, subkey)
		s.kept -= memoryOf(v)
	}
}

// transactEnd takes the record's lock, if nothing has changed since the beginning.
func (s *Server) transactEnd(q *wire.TransactCommandQ, now time.Time) (*wire.TransactCommandA, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.liveLocked(q, now)
	if t == nil {
		return invalidTransaction(), nil
	}
	act := s.activity[q.Key]
	s.expiredLockLocked(act, now)
	switch {
	case act.lock == t:
		return s.renewLocked(t, wire.SubkeyAbsent, nil, now), nil
	case len(t.staged) == 0:
		s.endTransactionLocked(t)
		return overTransaction(), nil
	case act.lock != nil || !s.unchangedLocked(t):
		s.endTransactionLocked(t)
		return invalidTransaction(), nil
	}
	act.lock = t
	return s.renewLocked(t, wire.SubkeyAbsent, nil, now), nil
}

// expiredLockLocked frees a lock whose transaction has expired since the last Tick.
func (s *Server) expiredLockLocked(act *activity, now time.Time) {
	if act.lock != nil && !now.Before(act.lock.expires) {
		s.endTransactionLocked(act.lock)
	}
}

// unchangedLocked compares the record with the snapshot, by its sequence numbers.
func (s *Server) unchangedLocked(t *transaction) bool {
	seqs, d := s.cfg.Store.Seqs(t.key(), SubkeysOf(AllSubkeys(), MaxSubkeys))
	return (d != nil) == (t.seqs != nil) && slices.Equal(seqs, t.seqs)
}

// transactCommit stores what was staged. The sequence numbers are not looked at
// again: a value set between End and Commit is overwritten.
func (s *Server) transactCommit(ctx context.Context, q *wire.TransactCommandQ, now time.Time) (*wire.TransactCommandA, error) {
	for {
		s.mu.Lock()
		t := s.liveLocked(q, now)
		if t == nil || s.activity[q.Key].lock != t {
			if t != nil {
				s.endTransactionLocked(t)
			}
			s.mu.Unlock()
			return invalidTransaction(), nil
		}
		changes := make([]Change, 0, len(t.staged))
		for subkey, v := range t.staged {
			changes = append(changes, Change{Subkey: subkey, Value: v})
		}
		alone := len(s.activity[q.Key].transactions) == 1
		s.mu.Unlock()

		// Others' snapshots need what is overwritten here.
		held := make([]*wire.SignedValueData, len(changes))
		for i := range changes {
			if alone {
				changes[i].Was = s.cfg.Store.Seq(q.Key, changes[i].Subkey)
				continue
			}
			v, err := s.cfg.Store.Get(ctx, q.Key, changes[i].Subkey)
			if err != nil && !errors.Is(err, ErrNoRecord) {
				return nil, err
			}
			held[i], changes[i].Was = v, SeqOf(v)
		}
		err := s.commit(q, changes, held, alone, now)
		switch {
		case errors.Is(err, ErrChanged) && ctx.Err() == nil:
			continue
		case err != nil:
			return nil, err
		}
		return overTransaction(), s.cfg.Store.Settle(ctx)
	}
}

// commit writes the changes of a transaction in one step and ends it. ErrChanged:
// what was found out about the record or the transaction is not true any more.
func (s *Server) commit(q *wire.TransactCommandQ, changes []Change, held []*wire.SignedValueData, alone bool, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.liveLocked(q, now)
	if t == nil {
		return ErrChanged
	}
	act := s.activity[q.Key]
	if act.lock != t || alone && len(act.transactions) > 1 {
		return ErrChanged
	}
	evicted, err := s.cfg.Store.Put(t.descriptor, now, changes...)
	if err != nil {
		return err
	}
	s.evictedLocked(evicted)
	for i, c := range changes {
		s.keepLocked(act, t, c.Subkey, held[i])
		s.markLocked(act, c.Subkey, nil, now)
	}
	s.endTransactionLocked(t)
	return nil
}

// keepLocked moves a value that was just overwritten into the snapshots that have
// it. A transaction for which there is no memory left is over.
func (s *Server) keepLocked(act *activity, writer *transaction, subkey uint32, held *wire.SignedValueData) {
	if held == nil {
		return
	}
	var lost []*transaction
	for _, t := range act.transactions {
		if t == writer || t.seq(subkey) != held.Value.Seq || t.before[subkey] != nil {
			continue
		}
		if s.kept+memoryOf(held) > s.cfg.Limits.TransactionBytes {
			lost = append(lost, t)
			continue
		}
		if t.before == nil {
			t.before = make(map[uint32]*wire.SignedValueData)
		}
		t.before[subkey] = held
		s.kept += memoryOf(held)
	}
	for _, t := range lost {
		s.endTransactionLocked(t)
	}
}

func (s *Server) transactRollback(q *wire.TransactCommandQ, now time.Time) (*wire.TransactCommandA, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.liveLocked(q, now)
	if t == nil {
		return invalidTransaction(), nil
	}
	s.endTransactionLocked(t)
	return overTransaction(), nil
}

// endTransactionLocked forgets a transaction and frees its lock.
func (s *Server) endTransactionLocked(t *transaction) {
	delete(s.transactions, t.id)
	for _, v := range t.before {
		s.kept -= memoryOf(v)
	}
	for _, v := range t.staged {
		s.kept -= memoryOf(v)
	}
	t.before, t.staged = nil, nil
	act := s.activity[t.key()]
	act.transactions = slices.DeleteFunc(act.transactions, func(o *transaction) bool { return o == t })
	if act.lock == t {
		act.lock = nil
	}
	s.idleLocked(t.key())
}
