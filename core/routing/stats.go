package routing

import (
	"sync"
	"time"
)

const (
	latencySamples  = 50 // kept (spec 04 §13)
	transferSamples = 10
)

// Latency summarises the newest samples, in microseconds (spec 04 §13). tmN is the
// mean of the fastest N percent, pN the sample at that percentile.
type Latency struct {
	Fastest, Average, Slowest uint64
	TM90, TM75                uint64
	P90, P75                  uint64
}

// samples is a ring of the newest values, summarised on demand.
type samples struct {
	ring  [latencySamples]uint64
	n     int // used
	next  int
	total uint64 // ever added
	stale bool
	sum   Latency
}

func (s *samples) add(v uint64) {
	s.ring[s.next] = v
	s.next = (s.next + 1) % len(s.ring)
	s.n = min(s.n+1, len(s.ring))
	s.total++
	s.stale = true
}

// latency is the summary; false: no samples.
func (s *samples) latency() (Latency, bool) {
	if s == nil || s.n == 0 {
		return Latency{}, false
	}
	if s.stale {
		s.sum, s.stale = summarize(s.ring[:s.n]), false
	}
	return s.sum, true
}

func summarize(values []uint64) Latency {
	var buf [latencySamples]uint64
	sorted := append(buf[:0], values...)
	for i := range sorted { // few, and no allocation as sorting would need
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	n := len(sorted)
	mean := func(k int) uint64 {
		if k == 0 {
			k = n
		}
		var sum uint64
		for _, v := range sorted[:k] {
			sum += v
		}
		return sum / uint64(k)
	}
	at := func(percent int) uint64 { return sorted[max(n*percent/100-1, 0)] }
	return Latency{
		Fastest: sorted[0], Average: mean(n), Slowest: sorted[n-1],
		TM90: mean(n * 90 / 100), TM75: mean(n * 75 / 100),
		P90: at(90), P75: at(75),
	}
}

// LatencyMeter summarises the newest 50 times that something took. The zero value is
// ready. Methods may be called from any goroutine; Add takes one short lock and no
// memory.
type LatencyMeter struct {
	mu      sync.Mutex
	samples samples
}

// Add counts one.
func (m *LatencyMeter) Add(d time.Duration) {
	m.mu.Lock()
	m.samples.add(uint64(max(0, d.Microseconds())))
	m.mu.Unlock()
}

// Latency is the summary, zero before the first, and how many there ever were.
func (m *LatencyMeter) Latency() (l Latency, count uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, _ = m.samples.latency()
	return l, m.samples.total
}

// Transfer is bytes in all and bytes per second (spec 04 §13).
type Transfer struct {
	Total, Maximum, Average, Minimum uint64
}

// TransferMeter turns bytes counted between rolls into a [Transfer]. The zero
// value is ready. It has no lock.
type TransferMeter struct {
	pending uint64
	total   uint64
	kept    []uint64 // bytes of the newest intervals
	last    time.Time
	sum     Transfer
}

// Add counts bytes.
func (m *TransferMeter) Add(bytes int) { m.pending += uint64(max(0, bytes)) }

// Roll ends an interval, once a second by rule. The first call only begins one.
func (m *TransferMeter) Roll(now time.Time) {
	if m.last.IsZero() {
		m.last = now
		return
	}
	if m.idle() {
		m.last = now
		return
	}
	ms := now.Sub(m.last).Milliseconds()
	if ms <= 0 {
		return // the clock has not moved; keep counting
	}
	m.last = now
	m.roll(uint64(ms))
}

// roll is a function of bytes and milliseconds: amounts of older intervals are
// scaled by the newest one, as a real node does (spec 04 §17).
func (m *TransferMeter) roll(ms uint64) {
	if len(m.kept) == transferSamples {
		m.kept = append(m.kept[:0], m.kept[1:]...)
	}
	m.kept = append(m.kept, m.pending)
	m.total += m.pending
	m.pending = 0
	s := Transfer{Total: m.total, Minimum: ^uint64(0)}
	var sum uint64
	for _, amount := range m.kept {
		rate := amount * 1000 / ms
		s.Maximum, s.Minimum = max(s.Maximum, rate), min(s.Minimum, rate)
		sum += rate
	}
	s.Average = sum / uint64(len(m.kept))
	m.sum = s
}

// Transfer is the summary as of the last roll.
func (m *TransferMeter) Transfer() Transfer { return m.sum }

// idle reports that a roll would change nothing but zeros.
func (m *TransferMeter) idle() bool {
	return m.pending == 0 && m.sum.Maximum == 0 && len(m.kept) == transferSamples
}

// PeerStats is what applications see of an entry (spec 04 §13).
type PeerStats struct {
	Latency  *Latency // nil: no sample yet; a copy
	Down, Up Transfer
	State    State
	Reason   Reason
	LastSeen time.Time // zero: never
	Added    time.Time
	Lost     uint32 // answers lost in a row
	Failed   uint32 // sends failed in a row
}
