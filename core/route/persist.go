package route

import (
	"fmt"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/packed"
)

// contentVersion is the version of the stored form. The form is ours alone: no
// other program reads it (spec 05 §19).
const contentVersion = 2

// Limits of stored content, so that a damaged file costs little.
const (
	maxStoredRoutes = 1 << 16
	maxStoredLost   = maxLost
	maxStoredHops   = 5
	maxStoredSets   = 16 // kinds of keys
)

type storedContent struct {
	Version uint8
	Routes  []storedRoute
}

func (s *storedContent) fields(c *packed.Codec) {
	if packed.Uint(c, &s.Version); s.Version == contentVersion { // of another one nothing is known
		packed.List(c, &s.Routes, maxStoredRoutes, func(c *packed.Codec, r *storedRoute) { r.fields(c) })
	}
}

// storedRoute is an allocated route. Hops are stored by their ids and found again in
// the routing table; the secrets are protected by the encryption of the table alone.
type storedRoute struct {
	Sets       []storedSet
	Directions Directions
	Stability  Stability
	Ordering   Ordering
	Automatic  bool
	Created    uint64 // times are microseconds, 0: never
	Sent       uint64
	Rcvd       uint64
	Latency    []uint64         // samples, microseconds
	Per        []storedOrdering // by ordering
}

func (s *storedRoute) fields(c *packed.Codec) {
	packed.List(c, &s.Sets, maxStoredSets, func(c *packed.Codec, set *storedSet) { set.fields(c) })
	packed.Uint(c, &s.Directions)
	packed.Uint(c, &s.Stability)
	packed.Uint(c, &s.Ordering)
	packed.Bool(c, &s.Automatic)
	packed.Uint(c, &s.Created)
	packed.Uint(c, &s.Sent)
	packed.Uint(c, &s.Rcvd)
	packed.List(c, &s.Latency, latencySamples, packed.Uint[uint64])
	packed.List(c, &s.Per, orderingCount, func(c *packed.Codec, o *storedOrdering) { o.fields(c) })
}

type storedSet struct {
	Kind   uint32
	Public []byte
	Secret []byte
	Hops   [][]byte
}

func (s *storedSet) fields(c *packed.Codec) {
	packed.Uint(c, &s.Kind)
	packed.Bytes(c, &s.Public, crypto.ValueSize)
	packed.Bytes(c, &s.Secret, crypto.ValueSize)
	packed.List(c, &s.Hops, maxStoredHops, func(c *packed.Codec, id *[]byte) { packed.Bytes(c, id, crypto.ValueSize) })
}

type storedOrdering struct {
	FailedToSend int
	LoopFails    int
	Lost         []storedLost
	LastValid    uint64
	LastSent     uint64
	LastQuestion uint64
	LastAnswer   uint64
	Answers      uint64
}

func (s *storedOrdering) fields(c *packed.Codec) {
	packed.Int(c, &s.FailedToSend)
	packed.Int(c, &s.LoopFails)
	packed.List(c, &s.Lost, maxStoredLost, func(c *packed.Codec, l *storedLost) {
		packed.Bytes(c, &l.Key, 4+crypto.ValueSize)
		packed.Int(c, &l.Count)
	})
	packed.Uint(c, &s.LastValid)
	packed.Uint(c, &s.LastSent)
	packed.Uint(c, &s.LastQuestion)
	packed.Uint(c, &s.LastAnswer)
	packed.Uint(c, &s.Answers)
}

type storedLost struct {
	Key   []byte // kind and value
	Count int
}

// Save is the content to be stored, secret keys included. What it holds is what it
// was when SaveState gave Changes.
func (s *Store) Save() []byte {
	s.mu.Lock()
	content := storedContent{Version: contentVersion, Routes: []storedRoute{}}
	for _, a := range s.sortedLocked() {
		if !a.marked {
			content.Routes = append(content.Routes, a.stored())
		}
	}
	s.urgent = false
	s.mu.Unlock()

	data := packed.Append(nil, content.fields)
	for i := range content.Routes {
		for j := range content.Routes[i].Sets {
			clear(content.Routes[i].Sets[j].Secret)
		}
	}
	return data
}

func (a *allocated) stored() storedRoute {
	r := storedRoute{
		Directions: a.directions, Stability: a.stability, Ordering: a.ordering, Automatic: a.automatic,
		Created: micros(a.stats.created), Sent: a.stats.sent, Rcvd: a.stats.rcvd,
	}
	for _, d := range a.stats.latency.samples {
		r.Latency = append(r.Latency, uint64(crypto.DurationOf(d)))
	}
	for i := range a.sets {
		k := &a.sets[i]
		set := storedSet{
			Kind:   uint32(k.pair.Public.Kind),
			Public: k.pair.Public.Value[:],
			Secret: append([]byte(nil), k.pair.Secret.SecretBytes()...),
		}
		for j := range k.hops {
			set.Hops = append(set.Hops, k.hops[j].Value[:])
		}
		r.Sets = append(r.Sets, set)
	}
	for i := range a.stats.per {
		o := &a.stats.per[i]
		per := storedOrdering{
			FailedToSend: o.failedToSend, LoopFails: o.loopFails,
			LastValid: micros(o.lastValid), LastSent: micros(o.lastSent),
			LastQuestion: micros(o.lastQuestion), LastAnswer: micros(o.lastAnswer), Answers: o.answers,
		}
		for key, l := range o.lost {
			b, _ := key.AppendBinary(nil) // never fails
			per.Lost = append(per.Lost, storedLost{Key: b, Count: l.count})
		}
		r.Per = append(r.Per, per)
	}
	return r
}

func micros(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(crypto.FromTime(t))
}

func fromMicros(us uint64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return crypto.Timestamp(us).Time()
}

// Load adds the routes of stored content whose hops the routing table still knows; the
// others are dropped silently. They are unpublished and keep their test state
// (spec 05 §19). Content that cannot be read is [ErrContent], and nothing was added.
func (s *Store) Load(data []byte) error {
	var content storedContent
	err := packed.Read(data, content.fields)
	if content.Version != contentVersion {
		return fmt.Errorf("%w: version %d", ErrContent, content.Version)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrContent, err)
	}
	var loaded []*allocated
	for i := range content.Routes {
		a, err := s.restore(&content.Routes[i])
		if err != nil {
			return fmt.Errorf("%w: route %d: %w", ErrContent, i, err)
		}
		if a != nil {
			loaded = append(loaded, a)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range loaded {
		if s.routes[a.id] == nil {
			s.addLocked(a)
		}
	}
	return nil
}

// restore makes a route of its stored form; nil: its hops are not known any more.
func (s *Store) restore(r *storedRoute) (*allocated, error) {
	if r.Directions == 0 || r.Directions > Both || r.Stability > Reliable || r.Ordering > Ordered ||
		len(r.Per) != orderingCount || len(r.Latency) > latencySamples {
		return nil, fmt.Errorf("a field is out of range")
	}
	a := &allocated{
		directions: r.Directions, stability: r.Stability, ordering: r.Ordering, automatic: r.Automatic,
		stats: stats{created: fromMicros(r.Created), sent: r.Sent, rcvd: r.Rcvd},
	}
	for _, us := range r.Latency {
		a.stats.latency.add(crypto.TimestampDuration(us).Duration())
	}
	for i := range r.Per {
		if err := a.stats.per[i].restore(&r.Per[i]); err != nil {
			return nil, err
		}
	}
	var keys []crypto.PublicKey
	for i := range r.Sets {
		k, ok, err := s.restoreSet(&r.Sets[i])
		if err != nil {
			return nil, err
		}
		if ok {
			a.sets = append(a.sets, k)
			keys = append(keys, k.pair.Public)
		}
	}
	if len(a.sets) == 0 {
		return nil, nil
	}
	a.sortSets(s.crypto.Kinds())
	for i := range a.sets {
		if a.hops == nil {
			a.hops = s.resolve(a.sets[i].hops)
		}
		if len(a.sets[i].hops) != len(a.sets[0].hops) {
			return nil, fmt.Errorf("keys with different numbers of hops")
		}
	}
	if a.hops == nil {
		return nil, nil
	}
	var err error
	a.id, err = routeIDOf(s.crypto, keys)
	return a, err
}

// resolve finds the hops of a route in the routing table; nil: not all are there.
func (s *Store) resolve(ids []crypto.NodeID) []hop {
	hops := make([]hop, len(ids))
	for i, id := range ids {
		node := s.nodes.PeerInfo(id)
		if node == nil {
			return nil
		}
		hops[i] = hop{ids: node.NodeIDs}
	}
	return hops
}

// restoreSet makes the part of a kind; false: the kind is not enabled any more.
func (s *Store) restoreSet(r *storedSet) (k routeKey, ok bool, err error) {
	kind := crypto.Kind(r.Kind)
	sys, err := s.crypto.Get(kind)
	if err != nil {
		return k, false, nil
	}
	if k.pair.Public, err = crypto.FromParts[crypto.PublicKey](kind, r.Public); err != nil {
		return k, false, err
	}
	if k.pair.Secret, err = crypto.FromParts[crypto.SecretKey](kind, r.Secret); err != nil {
		return k, false, err
	}
	clear(r.Secret)
	if valid, err := sys.ValidateKeyPair(k.pair); err != nil || !valid {
		return k, false, crypto.ErrKeyPair
	}
	if len(r.Hops) < 1 || len(r.Hops) > maxStoredHops {
		return k, false, fmt.Errorf("%d hops", len(r.Hops))
	}
	for _, value := range r.Hops {
		id, err := crypto.FromParts[crypto.NodeID](kind, value)
		if err != nil {
			return k, false, err
		}
		k.hops = append(k.hops, id)
	}
	return k, true, nil
}

func (o *orderingStats) restore(r *storedOrdering) error {
	if r.FailedToSend < 0 || r.LoopFails < 0 || len(r.Lost) > maxStoredLost {
		return fmt.Errorf("a statistic is out of range")
	}
	*o = orderingStats{
		failedToSend: r.FailedToSend, loopFails: r.LoopFails,
		lastValid: fromMicros(r.LastValid), lastSent: fromMicros(r.LastSent),
		lastQuestion: fromMicros(r.LastQuestion), lastAnswer: fromMicros(r.LastAnswer), answers: r.Answers,
	}
	for _, l := range r.Lost {
		key, err := crypto.ParseBytes[crypto.PublicKey](l.Key)
		if err != nil || l.Count < 1 {
			return fmt.Errorf("a lost question is malformed")
		}
		if o.lost == nil {
			o.lost = make(map[crypto.PublicKey]lostQuestions)
		}
		o.lost[key] = lostQuestions{count: l.Count} // evidence is not stored
	}
	return nil
}
