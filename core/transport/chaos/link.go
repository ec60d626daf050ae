package chaos

import (
	"math/rand/v2"
	"time"
)

// link is one direction of the node's link: the queue in front of it, and what got
// lost. Its owner locks.
type link struct {
	free  time.Time // when all that was let in has passed
	stats LinkStats
}

// LinkStats counts what one direction did.
type LinkStats struct {
	BacklogMS  int64  `json:"backlog_ms"` // what waits now
	Held       uint64 `json:"held"`       // waited for their turn
	Lost       uint64 `json:"lost"`
	Overflowed uint64 `json:"overflowed"` // found the queue full
	Oversize   uint64 `json:"oversize"`
}

// Stats says what was done since the start.
type Stats struct {
	Capacity     int       `json:"capacity"` // percent, now
	Collapsed    bool      `json:"collapsed"`
	Collapses    uint64    `json:"collapses"`
	Recv         LinkStats `json:"recv"`
	Send         LinkStats `json:"send"`
	ValueChanged LostStats `json:"value_changed"`
}

// LostStats counts what got lost.
type LostStats struct {
	Lost uint64 `json:"lost"`
}

// fate is what becomes of a packet.
type fate struct {
	lost  bool
	stall bool          // and nothing after it passes on its connection
	wait  time.Duration // for its turn
}

// packet is what a link looks at. size is that of the largest part that crosses
// the network as one.
type packet struct {
	size, total int
	stream      bool
	hole        Hole
}

// pass decides on a packet. capacity is a percentage; loss that of the weather.
func (l *link) pass(p packet, d *Direction, capacity int, loss Percent, random *rand.Rand, now time.Time) fate {
	for _, most := range []uint32{d.MaxSize, p.hole.MaxSize} {
		if most > 0 && p.size > int(most) {
			l.stats.Oversize++
			return fate{lost: true, stall: p.stream}
		}
	}
	for _, percent := range []Percent{d.Loss, p.hole.Loss, loss} {
		if percent > 0 && random.IntN(100) < int(percent) {
			l.stats.Lost++
			return fate{lost: true}
		}
	}
	var takes time.Duration
	if d.Rate > 0 {
		takes = time.Duration(float64(p.total) * float64(time.Second) * 100 / (float64(d.Rate) * float64(capacity)))
	}
	if d.PPS > 0 {
		takes = max(takes, time.Second*100/(time.Duration(d.PPS)*time.Duration(capacity)))
	}
	if takes == 0 {
		return fate{}
	}
	start := now
	if l.free.After(start) {
		start = l.free
	}
	wait := start.Add(takes).Sub(now)
	if start.Sub(now) > time.Duration(d.QueueMS)*time.Millisecond {
		l.stats.Overflowed++
		return fate{lost: true}
	}
	l.free = start.Add(takes)
	l.stats.Held++
	return fate{wait: wait}
}

func (l *link) snapshot(now time.Time) LinkStats {
	s := l.stats
	s.BacklogMS = max(0, l.free.Sub(now).Milliseconds())
	return s
}

// sky is the weather. Its owner locks.
type sky struct {
	capacity  int // percent, without a collapse
	redraw    time.Time
	begins    time.Time // the next collapse, or the one that lasts; zero: not drawn
	ends      time.Time
	collapses uint64
}

// least is what weather leaves of a link: it is bad, not gone.
const least = 1

// look gives the capacity in percent and the loss at a time.
func (s *sky) look(w *Weather, random *rand.Rand, now time.Time) (capacity int, loss Percent, collapsed bool) {
	if w.Drift == 0 {
		s.capacity = 100
	} else if !now.Before(s.redraw) {
		s.capacity = 100 - random.IntN(int(w.Drift)+1)
		s.redraw = now.Add(time.Duration(max(1, w.DriftS)) * time.Second)
	}
	capacity = s.capacity
	if w.CollapseEveryS == 0 || w.CollapseS == 0 {
		s.begins = time.Time{}
		return max(capacity, least), 0, false
	}
	about := func(seconds uint32) time.Duration { // half to one and a half of it
		return time.Duration((0.5 + random.Float64()) * float64(seconds) * float64(time.Second))
	}
	if s.begins.IsZero() || !now.Before(s.ends) {
		s.begins = now.Add(about(w.CollapseEveryS))
		s.ends = s.begins.Add(about(w.CollapseS))
		s.collapses++
	}
	if now.Before(s.begins) {
		return max(capacity, least), 0, false
	}
	return max(capacity*(100-int(w.CollapseCut))/100, least), w.CollapseLoss, true
}

// happened is how many collapses have begun.
func (s *sky) happened(collapsed bool) uint64 {
	if s.collapses > 0 && !collapsed && !s.begins.IsZero() {
		return s.collapses - 1 // the one to come is drawn already
	}
	return s.collapses
}
