package routing

import (
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
)

const (
	sizeSlots     = 24 // hours of bucket counts that the estimate looks at (spec 04 §4)
	maxTargetSize = 32 // responsive entries that are always enough (spec 04 §8)
	maxBars       = 5
)

// sizeSlot is the highest count of every bucket of one kind in one hour.
type sizeSlot struct {
	hour   int64 // since the Unix epoch
	counts [bucketCount]uint16
}

// sizeHistory is the slots of the last day, per kind.
type sizeHistory map[crypto.Kind]*[sizeSlots]sizeSlot

// record raises the counts of the present hour.
func (h sizeHistory) record(kind crypto.Kind, counts *[bucketCount]int, now time.Time) {
	slots := h[kind]
	if slots == nil {
		slots = new([sizeSlots]sizeSlot)
		h[kind] = slots
	}
	hour := now.Unix() / 3600
	slot := &slots[((hour%sizeSlots)+sizeSlots)%sizeSlots]
	if slot.hour != hour {
		*slot = sizeSlot{hour: hour}
	}
	for i, n := range counts {
		slot.counts[i] = max(slot.counts[i], uint16(min(n, 1<<16-1)))
	}
}

// estimate is the size of the network: the first bucket that was never full tells
// how many nodes share its prefix with us (spec 04 §4).
func (h sizeHistory) estimate(kind crypto.Kind, depth func(int) int, now time.Time) uint64 {
	slots := h[kind]
	if slots == nil {
		return 0
	}
	var highest [bucketCount]uint16
	oldest := now.Unix()/3600 - sizeSlots
	for i := range slots {
		if slots[i].hour > oldest {
			for b, n := range slots[i].counts {
				highest[b] = max(highest[b], n)
			}
		}
	}
	for k, n := range highest {
		if int(n) >= depth(k) {
			continue
		}
		if n == 0 && k > 0 { // by chance: the one before says more than nothing
			k--
			n = highest[k]
		}
		return uint64(n) << min(k+1, 47) // no network is larger
	}
	return 0
}

// EstimatedSize is the estimated number of nodes of the network, from the kind
// that shows most. It notes the present counts, so it is to be called each tick.
func (t *Table) EstimatedSize(now time.Time) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sizes == nil {
		t.sizes = make(sizeHistory)
	}
	var size uint64
	for i, kind := range t.kinds {
		var counts [bucketCount]int
		for b := range counts {
			counts[b] = len(t.sets[i].buckets[b])
		}
		t.sizes.record(kind, &counts, now)
		size = max(size, t.sizes.estimate(kind, t.depth, now))
	}
	return size
}

// Level is how well the node is attached, over the whole table (spec 04 §8).
type Level struct {
	Entries       int
	Live          int
	Responsive    int
	Reliable      int
	EstimatedSize uint64
	Target        int           // responsive entries that would be enough
	MedianLatency time.Duration // of the p75 of reliable entries; 0: unknown
	OverAttached  int           // entries above the depth of their buckets
}

// AttachmentLevel counts the whole table. It is to be called each tick.
func (t *Table) AttachmentLevel(now time.Time) Level {
	l := Level{EstimatedSize: t.EstimatedSize(now)}
	at := t.excused(now)
	var latencies []uint64
	for _, e := range t.Entries() {
		l.Entries++
		e.mu.Lock()
		s, _ := e.acc.state(at)
		p75, ok := e.latency.latency()
		e.mu.Unlock()
		if s.Live() {
			l.Live++
		}
		if s.Responsive() {
			l.Responsive++
		}
		if s == StateReliable {
			l.Reliable++
			if ok {
				latencies = append(latencies, p75.P75)
			}
		}
	}
	if len(latencies) > 0 {
		sorting.Ordered(latencies)
		l.MedianLatency = time.Duration(latencies[len(latencies)/2]) * time.Microsecond
	}
	l.Target = targetFor(l.EstimatedSize)
	for _, kind := range t.kinds {
		for i, n := range t.BucketCounts(kind) {
			l.OverAttached += max(0, n-t.depth(i))
		}
	}
	return l
}

// targetFor is how many responsive entries are enough in a network (spec 04 §8).
func targetFor(size uint64) int { return int(max(1, min(maxTargetSize, size/2))) }

// Bars is 0 while attaching (no live entry), then 1 for weak, 2 fair, 3 good,
// 4 strong, 5 full (spec 04 §8).
func (l Level) Bars() int {
	if l.Live == 0 {
		return 0
	}
	bars := min(maxBars, maxBars*l.Responsive/max(1, l.Target))
	for _, slow := range [...]time.Duration{rpcTimeout * 2 / 100, rpcTimeout * 5 / 100, rpcTimeout * 10 / 100} {
		if l.MedianLatency >= slow {
			bars--
		}
	}
	return max(1, bars)
}
