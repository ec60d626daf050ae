package envelope

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

const (
	second = crypto.Timestamp(1_000_000)
	start  = 1_700_000_000 * second
)

func node(n byte) crypto.NodeID {
	return crypto.NodeID{Kind: crypto.KindVLD0, Value: [32]byte{n}}
}

// TestTimestampLives plays the life of one sender: sent and received in seconds after start.
func TestTimestampLives(t *testing.T) {
	type arrival struct {
		sent, received float64
		want           Verdict
	}
	year := 365 * 86400.0
	for _, test := range []struct {
		name     string
		arrivals []arrival
	}{
		{"in order", []arrival{{0, 0, Accepted}, {1, 1, Accepted}, {2, 2, Accepted}}},
		{"out of order", []arrival{{5, 5, Accepted}, {3, 5.1, Accepted}, {4, 5.2, Accepted}}},
		{"duplicate", []arrival{{0, 0, Accepted}, {0, 0.1, Duplicate}, {1, 1, Accepted}, {0, 2, Duplicate}, {1, 3, Duplicate}}},
		{"a clock that is a year off does not matter", []arrival{{year, 0, Accepted}, {year + 1, 1, Accepted}, {year + 1, 2, Duplicate}, {year + 20, 20, Accepted}}},
		{"a clock that is a year behind does not matter", []arrival{{-year, 0, Accepted}, {1 - year, 1, Accepted}, {20 - year, 20, Accepted}}},
		{"behind by the limit and more", []arrival{{20, 20, Accepted}, {10, 20, Accepted}, {5.2, 20.1, Accepted}, {2, 25, Behind}}},
		{"ahead by the limit and more", []arrival{{0, 0, Accepted}, {10, 0, Accepted}, {15.1, 0, Ahead}}},
		{"what was refused is a duplicate later", []arrival{{0, 0, Accepted}, {60, 1, Ahead}, {60, 2, Duplicate}}},
		{"what was refused does not move the average", []arrival{{0, 0, Accepted}, {60, 1, Ahead}, {61, 2, Ahead}, {3, 3, Accepted}}},
		{"a clock set forward is heard again after 10 s", []arrival{
			{0, 0, Accepted}, {101, 1, Ahead}, {105, 5, Ahead}, {110.9, 10.9, Ahead}, {111, 11, Accepted}, {112, 12, Accepted}, {13, 13, Behind},
		}},
		{"a clock set back is heard again after 10 s", []arrival{
			{0, 0, Accepted}, {-99, 1, Behind}, {-95, 5, Behind}, {-89, 11, Accepted}, {-88, 12, Accepted}, {13, 13, Ahead},
		}},
		{"an accepted one ends the waiting", []arrival{
			{0, 0, Accepted}, {101, 1, Ahead}, {5, 5, Accepted}, {111, 11, Ahead}, {112, 12, Ahead}, {121, 21, Accepted},
		}},
		{"the log forgets after 10 s, the average does not", []arrival{{0, 0, Accepted}, {30, 30, Accepted}, {0, 30.1, Behind}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stamps := NewTimestamps(TimestampsConfig{})
			for i, a := range test.arrivals {
				sent, received := start+crypto.Timestamp(int64(a.sent*1e6)), start+crypto.Timestamp(int64(a.received*1e6))
				if got := stamps.Check(node(1), sent, received); got != a.want || got.OK() != (a.want == Accepted) {
					t.Fatalf("arrival %d, sent %v received %v: %v, want %v", i, a.sent, a.received, got, a.want)
				}
			}
		})
	}
}

func TestTimestampsOfOthers(t *testing.T) {
	stamps := NewTimestamps(TimestampsConfig{Senders: 2})
	for n := range byte(3) {
		if got := stamps.Check(node(n), start, start); got != Accepted {
			t.Errorf("sender %d: %v", n, got)
		}
	}
	if stamps.Len() != 2 {
		t.Errorf("%d senders remembered, want 2", stamps.Len())
	}
	if got := stamps.Check(node(2), start, start); got != Duplicate {
		t.Errorf("sender 2 again: %v", got)
	}
	if got := stamps.Check(node(0), start, start); got != Accepted {
		t.Errorf("the forgotten sender: %v", got)
	}
}

func TestNoLimits(t *testing.T) {
	stamps := NewTimestamps(TimestampsConfig{Behind: -1, Ahead: -1})
	for i, sent := range []crypto.Timestamp{start, start + 1000*second, start - 1000*second} {
		if got := stamps.Check(node(1), sent, start+crypto.Timestamp(i)); got != Accepted {
			t.Errorf("sent at %v: %v", sent, got)
		}
	}
	if got := stamps.Check(node(1), start, start+9*second); got != Duplicate {
		t.Errorf("duplicate: %v", got)
	}
}

func TestStall(t *testing.T) {
	stamps := NewTimestamps(TimestampsConfig{})
	check := func(name string, n byte, sent, received float64, want Verdict) {
		t.Helper()
		at := func(s float64) crypto.Timestamp { return start + crypto.Timestamp(int64(s*1e6)) }
		if got := stamps.Check(node(n), at(sent), at(received)); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	check("known, clock right", 1, 0, 0, Accepted)
	check("known, clock 100 s ahead", 2, 100, 0, Accepted)
	// The node sleeps from 5 to 60. Somebody's envelope of that time comes before it notices.
	check("first through the stall", 3, 30, 60.001, Accepted)
	check("first, sent after", 4, 60.001, 60.002, Accepted)
	stamps.Stall(start+5*second, start+60*second)
	if stamps.Len() != 3 {
		t.Errorf("%d senders, want 3: the one first seen through the stall goes", stamps.Len())
	}
	check("sent in the stall", 1, 40, 60.1, Stalled)
	check("the same again, not recorded", 1, 40, 60.2, Stalled)
	check("sent in the stall by its clock, not by ours", 2, 30, 60.3, Behind)
	check("sent in the stall by ours, not by its clock", 2, 140, 60.4, Stalled)
	check("unknown sender, sent in the stall", 5, 40, 60.5, Stalled)
	check("unknown sender, sent after", 5, 60.5, 60.6, Accepted)
	check("sent after", 1, 61, 61, Accepted)
	check("unknown sender, until the limit", 6, 50, 69.9, Stalled)
	check("unknown sender, past the limit", 6, 50, 70, Accepted)
}

// TestExtremes: any number may stand in an envelope.
func TestExtremes(t *testing.T) {
	values := []crypto.Timestamp{0, 1, start, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64 - 1, math.MaxUint64}
	for _, first := range values {
		for _, second := range values {
			stamps := NewTimestamps(TimestampsConfig{})
			if got := stamps.Check(node(1), first, start); got != Accepted {
				t.Errorf("first %d: %v", first, got)
			}
			got := stamps.Check(node(1), second, start+1)
			if (got == Duplicate) != (first == second) {
				t.Errorf("%d after %d: %v", second, first, got)
			}
			stamps.Check(node(1), first/2+second/2, start+2)
		}
	}
}

// TestBound floods the memory and sees that it stays bounded, without losing what is recent.
func TestBound(t *testing.T) {
	stamps := NewTimestamps(TimestampsConfig{})
	stamps.maxLogged = 4000
	local := start
	for i := range 10000 { // old noise: ten senders, each with a full log in the end
		local++
		stamps.Check(node(byte(i%10)), local, local)
	}
	if stamps.logged > stamps.maxLogged {
		t.Errorf("%d timestamps in memory, bound %d", stamps.logged, stamps.maxLogged)
	}
	// A minute later they are all too old: new senders push nobody out.
	local += 60 * second
	for i := range 3000 {
		local++
		stamps.Check(node(byte(100+i%20)), local, local)
	}
	senders := stamps.Len()
	for i := range 900 {
		local++
		stamps.Check(node(byte(100+i%20)), local, local)
	}
	if stamps.Len() != senders || stamps.logged > stamps.maxLogged {
		t.Errorf("%d senders of %d, %d timestamps", stamps.Len(), senders, stamps.logged)
	}
	if got := stamps.Check(node(100), local-10, local+1); got != Duplicate && got != Accepted {
		t.Errorf("a recent timestamp: %v", got)
	}
	if got := stamps.Check(node(byte(100+899%20)), local, local+2); got != Duplicate {
		t.Errorf("the last timestamp again: %v", got)
	}
	if n := countLogged(stamps); n != stamps.logged {
		t.Errorf("%d timestamps, counted as %d", n, stamps.logged)
	}
	// More than one log holds.
	for range 3 * maxLog {
		local++
		stamps.Check(node(1), local, local)
	}
	if s := stamps.senders.Peek(node(1)); s.size() != maxLog || cap(s.log) > 4*maxLog {
		t.Errorf("log of %d with room for %d, want %d", s.size(), cap(s.log), maxLog)
	}
}

func countLogged(t *Timestamps) (n int) {
	t.senders.RemoveFunc(func(_ crypto.NodeID, s *sender) bool { n += s.size(); return false })
	return n
}

// model is spec 02 §9.4 word by word, for one sender.
type model struct {
	log                     []modelEntry
	total                   int64
	n                       int64
	baseLocal, baseRemote   int64
	rejecting               int64
	started                 bool
	stallFrom, stallTo, end int64
}

type modelEntry struct {
	r, l int64
	yes  bool
}

func (m *model) check(r, l int64) bool {
	const limit, keep = 10_000_000, 10_000_000
	if l < m.end {
		sent := r
		if m.started {
			sent = r + (m.baseLocal - m.baseRemote)
		}
		if m.stallFrom <= sent && sent <= m.stallTo {
			return false
		}
	}
	if !m.started {
		*m = model{
			log: []modelEntry{{r, l, true}}, total: r - l, n: 1, baseLocal: l, baseRemote: r, started: true,
			stallFrom: m.stallFrom, stallTo: m.stallTo, end: m.end,
		}
		return true
	}
	adj := r + (m.baseLocal - m.baseRemote)
	for _, e := range m.log {
		if e.r == r {
			return false
		}
	}
	ok := !(l-adj > limit) && !(adj-l > limit)
	if !ok && m.rejecting != 0 && l-m.rejecting >= keep {
		for i := range m.log {
			m.log[i].yes = false
		}
		m.total, m.n, ok = 0, 0, true
	}
	m.log = append(m.log, modelEntry{r, l, ok})
	if ok {
		m.total += r - l
		m.n++
		m.rejecting = 0
	} else if m.rejecting == 0 {
		m.rejecting = l
	}
	for len(m.log) > 1024 || m.log[0].l < l-keep {
		if m.log[0].yes {
			m.total -= m.log[0].r - m.log[0].l
			m.n--
		}
		m.log = m.log[1:]
	}
	if m.n > 0 {
		m.baseLocal, m.baseRemote = l, l+m.total/m.n
	}
	return ok
}

// TestModel compares with the words of the spec over long random lives.
func TestModel(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 7))
		stamps := NewTimestamps(TimestampsConfig{})
		var m model
		local, clock := int64(start), int64(0) // clock: the sender's error
		pause := []time.Duration{time.Millisecond, 100 * time.Millisecond, 3 * time.Second}[seed%3]
		var sent []int64
		accepted := 0
		for step := range 5000 {
			local += 1 + r.Int64N(pause.Microseconds())
			if r.IntN(300) == 0 {
				clock = r.Int64N(100e6) - 50e6
			}
			if r.IntN(500) == 0 {
				m.stallFrom, m.stallTo, m.end = local-r.Int64N(30e6), local, local+10_000_000
				stamps.stallFrom, stamps.stallTo, stamps.stallUntil =
					crypto.Timestamp(m.stallFrom), crypto.Timestamp(m.stallTo), crypto.Timestamp(m.end)
			}
			remote := local + clock - r.Int64N(2e6)
			switch r.IntN(20) {
			case 0:
				remote = local + clock + r.Int64N(40e6) - 20e6
			case 1:
				if len(sent) > 0 {
					remote = sent[len(sent)-1-r.IntN(min(len(sent), 50))]
				}
			}
			sent = append(sent, remote)
			want := m.check(remote, local)
			if got := stamps.Check(node(1), crypto.Timestamp(remote), crypto.Timestamp(local)); got.OK() != want {
				t.Fatalf("seed %d step %d: %v, want ok %v", seed, step, got, want)
			}
			if want {
				accepted++
			}
		}
		if accepted < 100 || accepted > 4990 {
			t.Errorf("seed %d: %d of 5000 accepted, the life is not varied", seed, accepted)
		}
	}
}

func BenchmarkTimestamps(b *testing.B) {
	stamps := NewTimestamps(TimestampsConfig{})
	local := start
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		local += 100
		if !stamps.Check(node(byte(i)), local, local).OK() {
			b.Fatal("refused")
		}
	}
}
