package routing

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Why a peer is not registered (spec 04 §5.4, in the order of the checks). When
// the description came as senderPeerInfo, each of them punishes the sender.
var (
	ErrOwnNode    = errors.New("own node id")
	ErrSelfRelay  = errors.New("node is its own relay")
	ErrOwnAddress = errors.New("dial info at one of our own addresses")
	ErrUnsigned   = errors.New("not signed")
	ErrDomain     = errors.New("not valid in the routing domain")
	ErrSignature  = errors.New("no valid signature")
	// ErrNodeID: no id, or none of an enabled kind.
	ErrNodeID = errors.New("no usable node id")
)

// RegisterError is a description that was refused. errors.Is tells the reason.
type RegisterError struct {
	ID     crypto.NodeID // best id of the peer, zero if there is none
	Reason error         // one of the Err values of this package
	Err    error         // more about it; nil: nothing more
}

func (e *RegisterError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("register %s: %v: %v", e.ID, e.Reason, e.Err)
	}
	return fmt.Sprintf("register %s: %v", e.ID, e.Reason)
}

// Unwrap gives the reason and what is behind it.
func (e *RegisterError) Unwrap() []error {
	if e.Err != nil {
		return []error{e.Reason, e.Err}
	}
	return []error{e.Reason}
}

// RegisterSender finds or makes the entry of a node that sent an authentic
// envelope, notes the envelope version and records the flow (spec 04 §11.1 step 9).
// Fails with [ErrOwnNode] or [ErrNodeID].
func (t *Table) RegisterSender(id crypto.NodeID, flow transport.Flow, version wire.EnvelopeVersion, now time.Time) (*Entry, error) {
	if t.IsOwn(id) {
		return nil, &RegisterError{ID: id, Reason: ErrOwnNode}
	}
	if !t.kinds.Contains(id.Kind) {
		return nil, &RegisterError{ID: id, Reason: ErrNodeID}
	}
	e := t.Lookup(id)
	if e == nil {
		t.mu.Lock()
		if e = t.index[id]; e == nil {
			e = newEntry(t, []crypto.NodeID{id}, stampOf(now))
			t.insertLocked(e)
		}
		t.mu.Unlock()
	}
	e.mu.Lock()
	e.addVersionsLocked(version)
	e.mu.Unlock()
	e.RecordFlow(flow, now)
	return e, nil
}

// RegisterOptions are for descriptions that did not come from a message.
type RegisterOptions struct {
	AllowUnsigned bool // bootstrap records have no signature
}

// RegisterPeer takes in the description of a peer for p.Domain, after the checks
// of spec 04 §5.4 in their order; a failed one is a [RegisterError]. A description
// that is not newer than the one held changes nothing and is no error. p is kept
// and must not change any more.
func (t *Table) RegisterPeer(p *wire.PeerInfo, opts RegisterOptions, now time.Time) (*Entry, error) {
	var best crypto.NodeID
	if len(p.NodeIDs) > 0 {
		best = p.NodeIDs[0]
	}
	refuse := func(reason, err error) (*Entry, error) {
		return nil, &RegisterError{ID: best, Reason: reason, Err: err}
	}
	if slices.ContainsFunc(p.NodeIDs, t.IsOwn) {
		return refuse(ErrOwnNode, nil)
	}
	for i := range p.Info.Relays {
		if sharesID(p.NodeIDs, p.Info.Relays[i].NodeIDs) {
			return refuse(ErrSelfRelay, nil)
		}
	}
	if t.own[p.Domain].hasAddress(p.Info.DialInfo) {
		return refuse(ErrOwnAddress, nil)
	}
	if !p.Signed() && !opts.AllowUnsigned {
		return refuse(ErrUnsigned, nil)
	}
	if !t.Domains().ValidNodeInfo(p.Domain, &p.Info) {
		return refuse(ErrDomain, nil)
	}
	ids := t.supportedIDs(p.NodeIDs)
	if len(ids) == 0 {
		return refuse(ErrNodeID, nil)
	}

	e := t.find(ids)
	if p.Signed() && (e == nil || !sameRecord(e.SignedPeerInfo(p.Domain), p)) {
		verified, err := t.verify(p)
		if err != nil {
			return refuse(ErrSignature, err)
		}
		// An id whose key did not sign is only claimed, and could be another's.
		ids = slices.DeleteFunc(ids, func(id crypto.NodeID) bool {
			return !slices.Contains(verified, crypto.PublicKeyOf(id))
		})
		if len(ids) == 0 {
			return refuse(ErrSignature, nil)
		}
		if e = t.find(ids); e == nil || !slices.Equal(e.NodeIDs(), ids) {
			e = t.claim(ids, now)
		}
	} else if e == nil || !p.Signed() && !slices.Equal(e.NodeIDs(), ids) {
		e = t.claim(ids, now)
	}
	if e.update(p, now) {
		t.own[p.Domain].peerChanged(e)
		t.refreshViability(e, now)
	}
	return e, nil
}

// supportedIDs are the ids of enabled kinds, best first, one per kind.
func (t *Table) supportedIDs(ids []crypto.NodeID) []crypto.NodeID {
	usable := make([]crypto.NodeID, 0, len(ids))
	for _, kind := range t.kinds {
		if id, ok := idOfKind(ids, kind); ok {
			usable = append(usable, id)
		}
	}
	return usable
}

// find is the entry of the first id that is known.
func (t *Table) find(ids []crypto.NodeID) *Entry {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.findLocked(ids)
}

func (t *Table) findLocked(ids []crypto.NodeID) *Entry {
	for _, id := range ids {
		if e := t.index[id]; e != nil {
			return e
		}
	}
	return nil
}

// claim gives the ids to the entry that has the first known one, or to a new one
// (spec 04 §4). Another entry that had one of them loses it, and goes when it has
// none left.
func (t *Table) claim(ids []crypto.NodeID, now time.Time) *Entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.findLocked(ids)
	for _, id := range ids {
		other := t.index[id]
		if other == nil || other == e {
			continue
		}
		if rest := slices.DeleteFunc(slices.Clone(other.NodeIDs()), func(o crypto.NodeID) bool { return o == id }); len(rest) > 0 {
			t.setIDsLocked(other, rest)
		} else {
			t.removeLocked(other)
		}
	}
	if e == nil {
		e = newEntry(t, ids, stampOf(now))
		t.insertLocked(e)
		return e
	}
	t.setIDsLocked(e, ids)
	return e
}

// sameRecord reports that a signed record with the same ids and version is held,
// so that signatures need no check (spec 04 §5.4).
func sameRecord(held, p *wire.PeerInfo) bool {
	return held != nil && held.Info.Timestamp == p.Info.Timestamp && slices.Equal(held.NodeIDs, p.NodeIDs)
}

// verify checks the signatures of a description and returns the keys that signed.
// What verified once is remembered. No key at all is an error.
func (t *Table) verify(p *wire.PeerInfo) (keys []crypto.PublicKey, err error) {
	digest := recordDigest(p)
	t.verifiedMu.Lock()
	known := t.verified.Get(digest) != nil
	t.verifiedMu.Unlock()
	if known {
		for _, s := range p.Signatures {
			for _, k := range p.Info.PublicKeys {
				if k.Kind == s.Kind && t.kinds.Contains(k.Kind) {
					keys = append(keys, k)
				}
			}
		}
		return keys, nil
	}
	verified, valid, err := t.crypto.VerifySignatures(p.Info.PublicKeys, p.Message, p.Signatures)
	if err != nil {
		return nil, err
	}
	if !valid || len(verified) == 0 {
		return nil, errors.New("does not verify")
	}
	t.verifiedMu.Lock()
	t.verified.Put(digest, struct{}{})
	t.verifiedMu.Unlock()
	return verified, nil
}

// recordDigest covers all that verification depends on: the signatures, the signed
// bytes, and the keys, which the caller decoded from them.
func recordDigest(p *wire.PeerInfo) (digest [32]byte) {
	h := sha256.New()
	for _, s := range p.Signatures {
		kind := s.Kind.Bytes()
		h.Write(kind[:])
		h.Write(s.Value[:])
	}
	for _, k := range p.Info.PublicKeys {
		kind := k.Kind.Bytes()
		h.Write(kind[:])
		h.Write(k.Value[:])
	}
	h.Write(p.Message)
	h.Sum(digest[:0])
	return digest
}

// update puts a checked description in place if the rules of spec 04 §5.4 want it,
// and reports whether it did.
func (e *Entry) update(p *wire.PeerInfo, now time.Time) bool {
	at := e.table.excused(now)
	generation := e.table.generation.Load()
	e.mu.Lock()
	defer e.mu.Unlock()
	held := e.peers[p.Domain].Load()
	if held != nil && held.Signed() && p.Info.Timestamp <= held.Info.Timestamp {
		if p.Info.Timestamp == held.Info.Timestamp && e.revived != generation {
			e.revived = generation
			e.reviveLocked(at)
		}
		return false
	}
	e.revived = generation
	e.peers[p.Domain].Store(p)
	if held == nil || !held.Equivalent(p) {
		e.forgetOldFlowsLocked()
		e.failures = nil
	}
	if len(p.Info.EnvelopeSupport) > 0 {
		e.versions = p.Info.EnvelopeSupport
	}
	e.reviveLocked(at)
	e.dirty.Store(true)
	return true
}

func (e *Entry) reviveLocked(at excused) {
	if s, _ := e.acc.state(at); s == StateDead || s == StateMissing {
		e.acc.revive()
	}
}
