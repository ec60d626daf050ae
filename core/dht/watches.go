package dht

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// watch is one granted watch. Its changes wait in changed until the next Notify.
type watch struct {
	id      uint64
	key     crypto.OpaqueRecordKey
	signer  crypto.MemberID
	member  bool
	subkeys Subkeys
	changed Subkeys
	count   uint32 // notices left
	expires time.Time
	way     rpc.Destination
	target  target
}

// watchValue: spec 06 §12.1. Everything from here on is accepted; a refusal is a
// duration of 0.
func (s *Server) watchValue(q *wire.WatchValueQ, signer *crypto.PublicKey, back rpc.Destination, now time.Time) (*wire.WatchValueA, error) {
	if signer == nil {
		return nil, ErrUnsigned
	}
	peers, accepted, err := s.distance(q.Key, q.MaxPeers, now)
	if err != nil {
		return nil, err
	}
	if q.Count == 0 && q.WatchID == 0 {
		return nil, &wire.Error{Kind: wire.Ignore, Field: "watchValueQ", Msg: "cancels no watch"}
	}
	a := &wire.WatchValueA{Accepted: accepted, Peers: peers, WatchID: q.WatchID}
	if !accepted {
		return a, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.watches[q.WatchID]
	if w != nil && !now.Before(w.expires) {
		s.endWatchLocked(w)
		w = nil
	}
	if w != nil && w.key != q.Key || w == nil && q.WatchID != 0 {
		return a, nil
	}
	d := s.cfg.Store.Descriptor(q.Key)
	if d == nil {
		return a, nil
	}
	if q.Count == 0 { // whoever knows the id may cancel
		s.endWatchLocked(w)
		return a, nil
	}
	life, most := q.Duration.Duration(), s.cfg.Limits.MaxWatch
	if life == 0 || life > most {
		life = most
	}
	if life < s.cfg.Limits.RPCTimeout {
		if w != nil {
			s.endWatchLocked(w)
		}
		return a, nil
	}
	member := MemberIDOf(*signer)
	asked := watch{
		key:     q.Key,
		signer:  member,
		member:  d.Schema.IsMember(d.Owner(), member),
		subkeys: SubkeysOf(q.Subkeys, d.Schema.Subkeys()),
		count:   q.Count,
		expires: now.Add(life),
		way:     back,
		target:  targetOf(back),
	}
	switch {
	case w != nil:
		if w.signer != member || !s.changeWatchLocked(w, &asked) {
			return a, nil
		}
		a.WatchID = w.id
	default:
		id, err := s.newWatchLocked(&asked, now)
		if err != nil {
			return nil, err
		}
		if id == 0 {
			return a, nil
		}
		a.WatchID = id
	}
	a.Duration = crypto.DurationOf(life)
	return a, nil
}

// newWatchLocked grants a watch and gives its id, or 0 if there are too many. A
// watch of nothing is granted and not kept (spec 06 §5).
func (s *Server) newWatchLocked(asked *watch, now time.Time) (id uint64, err error) {
	limits := &s.cfg.Limits
	most := limits.PublicWatches
	if asked.member {
		most = limits.MemberWatches
	}
	count := 0
	if act := s.activity[asked.key]; act != nil {
		for _, w := range act.watches {
			if !now.Before(w.expires) || w.member != asked.member || asked.member && w.signer != asked.signer {
				continue
			}
			if w.target == asked.target {
				return 0, nil
			}
			count++
		}
	}
	if count >= most || len(s.watches) >= limits.Watches || s.perTarget[asked.target] >= limits.TargetWatches {
		return 0, nil
	}
	if id, err = s.newIDLocked(); err != nil || asked.subkeys.Empty() {
		return id, err
	}
	w := new(watch)
	*w = *asked
	w.id = id
	act := s.activityLocked(w.key)
	act.watches = append(act.watches, w)
	s.watches[id] = w
	s.perTarget[w.target]++
	s.expiresLocked(w.expires)
	return id, nil
}

// changeWatchLocked replaces what a watch is about. It reports whether the new way
// back may have one more watch.
func (s *Server) changeWatchLocked(w, asked *watch) bool {
	if w.target != asked.target {
		if s.perTarget[asked.target] >= s.cfg.Limits.TargetWatches {
			return false
		}
		s.leaveTargetLocked(w.target)
		s.perTarget[asked.target]++
	}
	w.subkeys, w.count, w.expires, w.way, w.target = asked.subkeys, asked.count, asked.expires, asked.way, asked.target
	w.changed = w.changed.Intersect(w.subkeys)
	s.expiresLocked(w.expires)
	if w.subkeys.Empty() {
		s.endWatchLocked(w)
	}
	return true
}

func (s *Server) leaveTargetLocked(t target) {
	if s.perTarget[t]--; s.perTarget[t] <= 0 {
		delete(s.perTarget, t)
	}
}

func (s *Server) endWatchLocked(w *watch) {
	delete(s.watches, w.id)
	delete(s.due, w)
	s.leaveTargetLocked(w.target)
	act := s.activity[w.key]
	act.watches = slices.DeleteFunc(act.watches, func(o *watch) bool { return o == w })
	s.idleLocked(w.key)
}

// markLocked notes a change for those who watch it, except the one who made it; nil:
// nobody is excepted.
func (s *Server) markLocked(act *activity, subkey uint32, setter *target, now time.Time) {
	for _, w := range act.watches {
		if !w.subkeys.Contains(subkey) || !now.Before(w.expires) || setter != nil && w.target == *setter {
			continue
		}
		w.changed.Add(subkey)
		s.due[w] = struct{}{}
	}
}
