package routing

import (
	"cmp"
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Vectors of spec 04 §17.
func TestBucketIndexVectors(t *testing.T) {
	tab := newWorld(t).table(dualStack())
	own := crypto.NodeID{Kind: crypto.KindVLD0}
	for i := range own.Value {
		own.Value[i] = byte(i)
	}
	for _, c := range []struct {
		at, xor      int
		text         string
		index, depth int
	}{
		{0, 0x80, "gAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", 0, 256},
		{0, 0x40, "", 1, 128},
		{0, 0x01, "", 7, 2},
		{1, 0x80, "", 8, 1},
		{3, 0x10, "", 27, 1},
		{31, 0x01, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh4", 255, 1},
	} {
		peer := own
		peer.Value[c.at] ^= byte(c.xor)
		if text := base64.RawURLEncoding.EncodeToString(peer.Value[:]); c.text != "" && text != c.text {
			t.Fatalf("peer is %s, want %s", text, c.text)
		}
		set := bucketSet{own: own}
		set.insert(peer, new(Entry))
		index := slices.IndexFunc(set.buckets[:], func(b []member) bool { return len(b) > 0 })
		if depth := tab.depth(index); index != c.index || depth != c.depth {
			t.Errorf("byte %d xor %02x: bucket %d depth %d, want %d %d", c.at, c.xor, index, depth, c.index, c.depth)
		}
		set.insert(own, new(Entry))
		if set.count != 1 {
			t.Error("the own id got a bucket")
		}
		set.remove(peer)
		if set.count != 0 || len(set.buckets[index]) != 0 {
			t.Error("remove left the id in its bucket")
		}
	}
}

// check tests what always holds of a table.
func (t *Table) check(tb testing.TB) {
	tb.Helper()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.slots) != len(t.entries) {
		tb.Fatalf("%d slots for %d entries", len(t.slots), len(t.entries))
	}
	ids := 0
	for i, e := range t.entries {
		if t.slots[e] != i || !e.place.Load() {
			tb.Fatalf("entry %d has slot %d, in place %v", i, t.slots[e], e.place.Load())
		}
		for _, id := range e.NodeIDs() {
			ids++
			if t.index[id] != e {
				tb.Fatalf("id %v is not indexed to its entry", id)
			}
		}
	}
	if ids != len(t.index) {
		tb.Fatalf("%d ids indexed, entries have %d", len(t.index), ids)
	}
	for i, s := range t.sets {
		n := 0
		for b := range s.buckets {
			for _, m := range s.buckets[b] {
				n++
				if at, ok := crypto.BucketIndex(s.own, m.id); !ok || at != b || t.index[m.id] != m.entry || m.id.Kind != t.kinds[i] {
					tb.Fatalf("id %v in bucket %d of %v: belongs in %d", m.id, b, t.kinds[i], at)
				}
			}
		}
		if n != s.count {
			tb.Fatalf("%d members counted as %d", n, s.count)
		}
	}
}

func randomID(r *rand.Rand, kind crypto.Kind) crypto.NodeID {
	id := crypto.NodeID{Kind: kind}
	for i := range id.Value {
		id.Value[i] = byte(r.Uint32())
	}
	return id
}

// Whatever is done to the table, its parts fit together.
func TestBucketInvariants(t *testing.T) {
	w := newWorld(t, crypto.KindVLD0, crypto.KindNONE)
	tab := w.table(dualStack())
	r := rand.New(rand.NewPCG(3, 4))
	pool := make([]crypto.NodeID, 0, 600)
	for i := range cap(pool) {
		pool = append(pool, randomID(r, tab.Kinds()[i%2]))
	}
	pick := func() crypto.NodeID { return pool[r.IntN(len(pool))] }
	var held []*Entry
	for i := range 6000 {
		now := at(float64(i))
		switch r.IntN(12) {
		case 0:
			tab.Kick(now)
		case 1:
			if e := tab.Lookup(pick()); e != nil {
				tab.Remove(e)
				tab.Remove(e)
			}
		case 2:
			if e := tab.Lookup(pick()); e != nil {
				e.Hold()
				held = append(held, e)
			}
		case 3:
			if len(held) > 0 {
				held[0].Release()
				held = held[1:]
			}
		case 4, 5:
			ids := tab.supportedIDs([]crypto.NodeID{pick(), pick()})
			tab.claim(ids, now)
		default:
			if _, err := tab.RegisterSender(pick(), flowTo(wire.UDP, "45.0.0.1:1"), wire.ENV0, now); err != nil {
				t.Fatal(err)
			}
		}
		if i%97 == 0 {
			tab.check(t)
		}
	}
	tab.check(t)
	if tab.Len() == 0 {
		t.Fatal("the table is empty: nothing was tested")
	}
}

func TestKick(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	r := rand.New(rand.NewPCG(5, 6))
	// Bucket 7 (depth 2): a reliable, a held, and five new ones.
	inBucket := func(i int) *Entry {
		t.Helper()
		id := tab.NodeIDs()[0]
		id.Value[0] ^= 0x01
		id.Value[31] = byte(i)
		id.Value[30] = byte(r.Uint32())
		e, err := tab.RegisterSender(id, flowTo(wire.UDP, "45.0.0.1:1"), wire.ENV0, at(float64(i)))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	var all []*Entry
	for i := range 7 {
		all = append(all, inBucket(i))
	}
	old, held, good := all[0], all[1], all[2]
	held.Hold()
	good.AnswerReceived(over(wire.UDP), 1, time.Millisecond, at(10))
	if n := tab.Kick(at(100)); n != 5 { // of the 6 that are not held
		t.Errorf("kicked %d, want 5", n)
	}
	for _, c := range []struct {
		name string
		e    *Entry
		want bool
	}{{"held", held, true}, {"reliable", good, true}, {"oldest initial", old, false}, {"newest", all[6], false}} {
		if in := tab.Lookup(c.e.BestID()) != nil; in != c.want {
			t.Errorf("%s: in the table %v, want %v", c.name, in, c.want)
		}
	}
	if n := tab.Kick(at(101)); n != 0 {
		t.Errorf("second kick removed %d, want 0: the bucket is not queued", n)
	}
	extra := inBucket(8)
	extra.Hold()
	if n := tab.Kick(at(102)); n != 1 || tab.Lookup(good.BestID()) != nil {
		t.Errorf("with two held: removed %d, want the reliable one to go", n)
	}
	inBucket(9).AnswerReceived(over(wire.UDP), 1, time.Millisecond, at(103))
	tab.Kick(at(104))
	held.Release() // queues the bucket
	if n := tab.Kick(at(105)); n != 0 || tab.Len() != 2 {
		t.Errorf("after the release: removed %d, %d left; want 0 and the depth of 2", n, tab.Len())
	}
}

// A smaller table keeps fewer of everybody, and still knows how large the network is.
func TestSmallTable(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]crypto.NodeID, 2000)
	for i := range all {
		all[i] = randomID(r, crypto.KindVLD0)
	}
	for _, c := range []struct{ depth, least, most int }{{0, 511, 540}, {64, 127, 160}, {8, 15, 40}} {
		tab := w.sized(dualStack(), c.depth)
		for _, id := range all {
			if _, err := tab.RegisterSender(id, flowTo(wire.UDP, "45.0.0.1:1"), wire.ENV0, t0); err != nil {
				t.Fatal(err)
			}
		}
		if n := tab.EstimatedSize(t0); n < 700 || n > 6000 {
			t.Errorf("depth %d: 2000 nodes are estimated as %d", c.depth, n)
		}
		tab.Kick(t0)
		if n := tab.Len(); n > c.most || n < c.least {
			t.Errorf("depth %d: %d of 2000 are kept, want %d to %d", c.depth, n, c.least, c.most)
		}
		if over := tab.AttachmentLevel(t0).OverAttached; over > exemptReliable+exemptUnreliable {
			t.Errorf("depth %d: %d above their depth after a kick", c.depth, over)
		}
	}
}

func TestKickSparesNearestServers(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	e := w.peer(tab, nil)
	responsive(e, time.Millisecond, t0)
	s := tab.sets[0]
	if !s.exempt(tab.excused(at(1)))[e] {
		t.Error("an unreliable node that serves records is not spared")
	}
	plain := w.peer(tab, func(n *wire.NodeInfo) { n.Capabilities = nil })
	responsive(plain, time.Millisecond, t0)
	if s.exempt(tab.excused(at(1)))[plain] {
		t.Error("a node without DHTV is spared")
	}
}

func TestClosestMatchesSorting(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	r := rand.New(rand.NewPCG(8, 9))
	for i := range 700 {
		e, err := tab.RegisterSender(randomID(r, crypto.KindVLD0), flowTo(wire.UDP, "45.0.0.1:1"), wire.ENV0, t0)
		if err != nil {
			t.Fatal(err)
		}
		if i%9 == 0 {
			e.AnswerReceived(over(wire.UDP), 1, time.Millisecond, t0)
		}
	}
	now := at(61)
	for round := range 60 {
		target := randomID(r, crypto.KindVLD0).Coordinate()
		if round == 0 {
			target = tab.NodeIDs()[0].Coordinate()
		}
		n := 1 + r.IntN(120)
		filter := func(e *Entry, _ State) bool { return e.BestID().Value[5]%3 != 0 }
		var want []*Entry
		for _, e := range tab.Entries() {
			if filter(e, 0) {
				want = append(want, e)
			}
		}
		slices.SortFunc(want, func(a, b *Entry) int {
			return cmp.Or(boolCompare(b.State(now) == StateReliable, a.State(now) == StateReliable),
				compareDistance(a.BestID(), b.BestID(), target))
		})
		if got := tab.Closest(target, n, filter, now); !slices.Equal(got, want[:min(n, len(want))]) {
			t.Fatalf("round %d, %d of %d: differs from sorting everything", round, n, len(want))
		}
	}
}

func TestFindNode(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	var peers []*Entry
	for i := range 30 {
		peers = append(peers, w.peer(tab, func(n *wire.NodeInfo) {
			if i%10 == 0 {
				n.Capabilities = []wire.Capability{wire.CapROUT}
			}
		}))
	}
	dead := peers[5]
	for range 3 {
		dead.AnswerLost(over(wire.UDP), t0)
	}
	target := tab.NodeIDs()[0]
	got := tab.FindNode(target, nil, wire.PublicInternet, 100, t0)
	if len(got) != MaxFindNode {
		t.Fatalf("%d peers, want %d", len(got), MaxFindNode)
	}
	if slices.Contains(got, dead.PeerInfo(wire.PublicInternet)) {
		t.Error("a dead node is returned")
	}
	if changed, err := o.Publish(t0); !changed || err != nil {
		t.Fatalf("Publish: %v %v", changed, err)
	}
	if got := tab.FindNode(target, nil, wire.PublicInternet, 5, t0); len(got) != 5 || got[0] != o.Published() {
		t.Errorf("asked for our own id: we are not the first of %d", len(got))
	}
	for _, p := range tab.FindNode(target, ConnectivityCaps(), wire.PublicInternet, 20, t0) {
		if !hasCaps(p, ConnectivityCaps()) {
			t.Error("a node without the capabilities is returned")
		}
	}
	if got := tab.FindNode(target, nil, wire.LocalNetwork, 20, t0); len(got) != 0 {
		t.Errorf("%d peers in LocalNetwork, want none", len(got))
	}
	if got := tab.FindNode(target, nil, wire.PublicInternet, 0, t0); got == nil || len(got) != 0 {
		t.Errorf("max 0: %v, want an empty list that is not nil", got)
	}
	// Reliable ones come before us.
	responsive(peers[7], time.Millisecond, t0)
	if got := tab.FindNode(target, nil, wire.PublicInternet, 2, at(61)); got[0] != peers[7].PeerInfo(wire.PublicInternet) || got[1] != o.Published() {
		t.Error("want the reliable node, then us")
	}
}

func TestRegisterPeerRules(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	start(tab, ownEverywhere()...)
	keys := w.keys()
	make_ := func(change func(*wire.NodeInfo)) *wire.PeerInfo {
		info := w.info()
		info.Timestamp += crypto.Timestamp(w.n) // no two alike: a known record is not verified
		if change != nil {
			change(&info)
		}
		return w.sign(info, keys)
	}
	ownKeys := w.sign(w.info(), tab.keys)
	badSignature := make_(nil)
	badSignature.Signatures = slices.Clone(badSignature.Signatures)
	badSignature.Signatures[0].Value[3] ^= 1
	otherKind := make_(nil)
	otherKind.Signatures = []crypto.Signature{{Kind: crypto.KindNONE}}
	unsigned := make_(nil)
	unsigned.Signatures = nil
	badKey := make_(nil)
	badKey.Info.PublicKeys = []crypto.PublicKey{{Kind: crypto.KindVLD0, Value: [32]byte{2}}}
	for _, c := range []struct {
		name   string
		p      *wire.PeerInfo
		opts   RegisterOptions
		reason error
	}{
		{"own id", ownKeys, RegisterOptions{}, ErrOwnNode},
		{"own relay", make_(func(n *wire.NodeInfo) {
			n.Relays = []wire.RelayInfo{{NodeIDs: []crypto.NodeID{crypto.NodeIDOf(keys[0].Public)}, DialInfo: direct("TCP 46.0.0.1:1")}}
		}), RegisterOptions{}, ErrSelfRelay},
		{"our address", make_(func(n *wire.NodeInfo) { n.DialInfo = direct("UDP 44.2.0.1:5150") }), RegisterOptions{}, ErrOwnAddress},
		{"our address, other port", make_(func(n *wire.NodeInfo) { n.DialInfo = direct("UDP 44.2.0.1:5151") }), RegisterOptions{}, nil},
		{"unsigned", unsigned, RegisterOptions{}, ErrUnsigned},
		{"nowhere valid", make_(func(n *wire.NodeInfo) { n.DialInfo = nil }), RegisterOptions{}, ErrDomain},
		{"private address", make_(func(n *wire.NodeInfo) { n.DialInfo = direct("UDP 192.168.7.5:1") }), RegisterOptions{}, ErrDomain},
		{"bad signature", badSignature, RegisterOptions{}, ErrSignature},
		{"signature of another kind", otherKind, RegisterOptions{}, ErrSignature},
		{"key that is no point", badKey, RegisterOptions{}, ErrSignature},
		{"good", make_(func(n *wire.NodeInfo) { n.Timestamp += 5 }), RegisterOptions{}, nil},
	} {
		e, err := tab.RegisterPeer(c.p, c.opts, t0)
		if !errors.Is(err, c.reason) || (err == nil) != (e != nil) {
			t.Errorf("%s: entry %v, error %v; want %v", c.name, e != nil, err, c.reason)
		}
		var re *RegisterError
		if err != nil && (!errors.As(err, &re) || re.ID != c.p.NodeIDs[0]) {
			t.Errorf("%s: %v is not a RegisterError with the id", c.name, err)
		}
	}
	tab.check(t)

	lone := w.info()
	boot := w.sign(lone, w.keys())
	boot.Signatures = nil
	e, err := tab.RegisterPeer(boot, RegisterOptions{AllowUnsigned: true}, t0)
	if err != nil || e.SignedPeerInfo(wire.PublicInternet) != nil || e.PeerInfo(wire.PublicInternet) != boot {
		t.Errorf("unsigned bootstrap record: %v", err)
	}
}

func TestRegisterPeerUpdates(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	keys, info := w.keys(), w.info()
	first := w.sign(info, keys)
	register := func(p *wire.PeerInfo) *Entry {
		t.Helper()
		e, err := tab.RegisterPeer(p, RegisterOptions{AllowUnsigned: true}, t0)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := register(first)
	e.RecordFlow(flowTo(wire.TCP, "45.0.0.9:1"), t0)
	e.RecordFlow(flowTo(wire.UDP, "45.0.0.9:2"), at(1))

	older := info
	older.Timestamp--
	register(w.sign(older, keys))
	same := w.sign(info, keys)
	register(same)
	if e.PeerInfo(wire.PublicInternet) != first {
		t.Error("a description that is not newer replaced the one held")
	}
	newer := info
	newer.Timestamp++
	register(w.sign(newer, keys))
	if got := e.NodeInfoTimestamp(wire.PublicInternet); got != newer.Timestamp {
		t.Errorf("timestamp %d, want %d", got, newer.Timestamp)
	}
	if len(e.flows) != 2 {
		t.Errorf("%d flows after a new timestamp alone, want 2", len(e.flows))
	}
	newer.Timestamp++
	newer.DialInfo = newer.DialInfo[:2]
	register(w.sign(newer, keys))
	if len(e.flows) != 1 || e.flows[0].flow.Protocol != wire.UDP {
		t.Errorf("flows after a change: %v, want the latest only", e.flows)
	}

	boot := w.info()
	bootKeys := w.keys()
	unsigned := w.sign(boot, bootKeys)
	unsigned.Signatures = nil
	b := register(unsigned)
	boot.Timestamp -= 1000
	signed := w.sign(boot, bootKeys)
	register(signed)
	if b.SignedPeerInfo(wire.PublicInternet) != signed {
		t.Error("an unsigned description is not replaced by an older signed one")
	}
}

func TestSeveralKinds(t *testing.T) {
	w := newWorld(t, crypto.KindVLD0, crypto.KindNONE)
	tab := w.table(dualStack())
	keys, info := w.keys(), w.info()
	e, err := tab.RegisterPeer(w.sign(info, keys), RegisterOptions{}, t0)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if tab.Lookup(crypto.NodeIDOf(k.Public)) != e {
			t.Errorf("id of kind %v does not find the entry", k.KindOf())
		}
	}
	if tab.sets[0].count != 1 || tab.sets[1].count != 1 || tab.Len() != 1 {
		t.Errorf("members %d and %d, entries %d; want one each", tab.sets[0].count, tab.sets[1].count, tab.Len())
	}
	for _, kind := range tab.Kinds() {
		if got := tab.Closest(crypto.HashCoordinate{Kind: kind}, 5, nil, t0); len(got) != 1 || got[0] != e {
			t.Errorf("%v: closest finds %d entries, want the one", kind, len(got))
		}
	}

	// It drops the NONE key, and another node takes it up.
	none := keys[1]
	info.Timestamp++
	if _, err := tab.RegisterPeer(w.sign(info, keys[:1]), RegisterOptions{}, t0); err != nil {
		t.Fatal(err)
	}
	if tab.Lookup(crypto.NodeIDOf(none.Public)) != nil || tab.Lookup(e.BestID()) != e {
		t.Error("the dropped id still finds the entry")
	}
	other := w.keys()
	f, err := tab.RegisterPeer(w.sign(w.info(), []crypto.KeyPair{other[0], none}), RegisterOptions{}, t0)
	if err != nil || f == e || tab.Lookup(crypto.NodeIDOf(none.Public)) != f {
		t.Errorf("the id was not taken up: %v", err)
	}
	tab.check(t)

	// A node that claims a key without its signature does not get the id.
	thief := w.keys()
	claim := w.info()
	p := w.sign(claim, []crypto.KeyPair{thief[0], none})
	p.Signatures = p.Signatures[:1]
	g, err := tab.RegisterPeer(p, RegisterOptions{}, t0)
	if err != nil {
		t.Fatal(err)
	}
	if tab.Lookup(crypto.NodeIDOf(none.Public)) != f || g == f || len(g.NodeIDs()) != 1 {
		t.Error("a claimed id moved without a signature of its key")
	}
	tab.check(t)
	for _, c := range tab.Own(wire.PublicInternet).Counts(t0) {
		want := 3
		if c.Kind == crypto.KindNONE {
			want = 1
		}
		if c.Live != want {
			t.Errorf("%v: %d live, want %d", c.Kind, c.Live, want)
		}
	}
}

func TestNewChecksKeys(t *testing.T) {
	w := newWorld(t)
	good := w.keys()
	mixed := w.keys()
	mixed[0].Public = good[0].Public
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		name string
		cfg  Config
		ok   bool
	}{
		{"good", Config{Crypto: w.crypto, Keys: good, Rand: r}, true},
		{"no keys", Config{Crypto: w.crypto, Rand: r}, false},
		{"mismatching pair", Config{Crypto: w.crypto, Keys: mixed, Rand: r}, false},
		{"two of a kind", Config{Crypto: w.crypto, Keys: append(w.keys(), good...), Rand: r}, false},
		{"no crypto", Config{Keys: good, Rand: r}, false},
		{"no random source", Config{Crypto: w.crypto, Keys: good}, false},
	} {
		if _, err := New(c.cfg); (err == nil) != c.ok {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
}

// Numbers of spec 04 §17.
func TestPickAndPercentile(t *testing.T) {
	for n, want := range map[int]int{1: 1, 4: 1, 5: 2, 8: 2, 9: 3, 20: 5, 100: 25} {
		if got := fastCount(n, relayPercentile); got != want {
			t.Errorf("of %d candidates the first %d, want %d", n, got, want)
		}
	}
	for _, c := range []struct {
		i, n int
		want float64
	}{{3, 10, 70}, {9, 10, 10}, {91, 100, 9}, {1, 3, 66.67}} {
		if got := Percentile(c.i, c.n); got < c.want-0.01 || got > c.want+0.01 {
			t.Errorf("percentile of %d in %d: %v, want %v", c.i, c.n, got, c.want)
		}
	}
}

func TestFastestOrder(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	slow := responsive(w.peer(tab, nil), 300*time.Millisecond, t0)
	fast := responsive(w.peer(tab, nil), 10*time.Millisecond, at(59))
	unknown := w.peer(tab, nil)
	dead := w.peer(tab, nil)
	for range 3 {
		dead.AnswerLost(over(wire.UDP), t0)
	}
	now := at(62) // slow is reliable by now, fast is not
	if got := tab.Fastest(10, nil, now); !slices.Equal(got, []*Entry{slow, fast, unknown}) {
		t.Errorf("fastest: %d entries in wrong order", len(got))
	}
	if got := tab.ByResponse(nil, now); !slices.Equal(got, []*Entry{slow, fast, unknown, dead}) {
		t.Errorf("by response: %d entries in wrong order", len(got))
	}
	if tab.RandomFast(nil, 75) != nil {
		t.Error("picked from nothing")
	}
}

func TestRecent(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	a, b := w.bare(tab), w.bare(tab)
	a.RecordFlow(flowTo(wire.UDP, "45.0.0.1:1"), at(10))
	if got := tab.Recent(); !slices.Equal(got, []*Entry{a, b}) {
		t.Errorf("%d recent peers, want the one used last first", len(got))
	}
	tab.Remove(a)
	a.RecordFlow(flowTo(wire.UDP, "45.0.0.1:1"), at(20))
	if got := tab.Recent(); !slices.Equal(got, []*Entry{b}) {
		t.Errorf("%d recent peers, want the one in the table", len(got))
	}
}
