package routing

import (
	"cmp"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// MaxFindNode is the most peers in an answer; the asker ignores a longer one
// (spec 04 §7.1).
const MaxFindNode = 20

// Filter selects entries. It is called without the lock of the entry held, and in
// searches by distance under the lock of the table: it must not call the table.
type Filter func(e *Entry, s State) bool

// Closest returns up to n entries that pass the filter, nearest to the target
// first, reliable ones before all others (spec 04 §7.1, 3). nil: every entry.
func (t *Table) Closest(target crypto.HashCoordinate, n int, filter Filter, now time.Time) []*Entry {
	found := t.closest(target, n, filter, now)
	list := make([]*Entry, len(found))
	for i := range found {
		list[i] = found[i].entry
	}
	return list
}

// closest walks the buckets from the nearest on and stops as soon as nothing
// farther can matter: n reliable entries are found.
func (t *Table) closest(target crypto.HashCoordinate, n int, filter Filter, now time.Time) []member {
	i := slices.Index(t.kinds, target.Kind)
	if i < 0 || n <= 0 {
		return nil
	}
	at := t.excused(now)
	first, rest := nearest{target: target, limit: n}, nearest{target: target, limit: n}
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.sets[i].walk(target, func(b []member) bool {
		for _, m := range b {
			inFirst, inRest := first.wants(m), rest.wants(m)
			if !inFirst && !inRest {
				continue
			}
			state := m.entry.stateAt(at)
			if filter != nil && !filter(m.entry, state) {
				continue
			}
			if inFirst && state == StateReliable {
				first.add(m)
			} else if inRest {
				rest.add(m)
			}
		}
		return len(first.list) < n
	})
	more := min(len(rest.list), n-len(first.list))
	return append(first.list, rest.list[:more]...)
}

// nearest is the sorted list of the nearest members seen so far.
type nearest struct {
	target crypto.HashCoordinate
	limit  int
	list   []member
}

// wants reports whether m would get into the list.
func (l *nearest) wants(m member) bool {
	return len(l.list) < l.limit || compareDistance(m.id, l.list[len(l.list)-1].id, l.target) < 0
}

func (l *nearest) add(m member) {
	i, _ := slices.BinarySearchFunc(l.list, m, func(have, m member) int {
		return compareDistance(have.id, m.id, l.target)
	})
	if len(l.list) == l.limit {
		l.list = l.list[:l.limit-1]
	}
	l.list = slices.Insert(l.list, i, m)
}

// FindNode is the answer to a FindNodeQ: up to max descriptions, and never more
// than [MaxFindNode], of live nodes with all capabilities, ours among them if it is
// published (spec 04 §7.1). Only signed ones are returned, since an asker punishes
// or drops others.
func (t *Table) FindNode(id crypto.NodeID, caps []wire.Capability, domain wire.RoutingDomain, max int, now time.Time) []*wire.PeerInfo {
	return t.ClosestPeers(id.Coordinate(), caps, domain, max, now)
}

// ClosestPeers is FindNode for any point: what answers about records carry.
func (t *Table) ClosestPeers(target crypto.HashCoordinate, caps []wire.Capability, domain wire.RoutingDomain, max int, now time.Time) []*wire.PeerInfo {
	max = min(max, MaxFindNode)
	if max <= 0 {
		return []*wire.PeerInfo{}
	}
	at := t.excused(now)
	found := t.closest(target, max, func(e *Entry, s State) bool {
		p := e.SignedPeerInfo(domain)
		return s.Live() && p != nil && hasCaps(p, caps)
	}, now)

	ours := t.own[domain].Published()
	ownID, ok := t.NodeID(target.Kind)
	insertAt := -1
	if ours != nil && ok && hasCaps(ours, caps) {
		// We count as unreliable: after the reliable ones, then by distance.
		insertAt = len(found)
		for i, m := range found {
			if m.entry.stateAt(at) != StateReliable && compareDistance(ownID, m.id, target) < 0 {
				insertAt = i
				break
			}
		}
	}
	peers := make([]*wire.PeerInfo, 0, max)
	for i, m := range found {
		if i == insertAt {
			peers = append(peers, ours)
		}
		if p := m.entry.SignedPeerInfo(domain); p != nil {
			peers = append(peers, p)
		}
	}
	if insertAt == len(found) {
		peers = append(peers, ours)
	}
	return peers[:min(len(peers), max)]
}

// judged is an entry with what the helper searches sort by.
type judged struct {
	entry   *Entry
	state   State
	average uint64 // µs; unknown: the largest number
	tm90    uint64
}

const latencyUnknown = ^uint64(0)

func (t *Table) judge(filter Filter, now time.Time) []judged {
	at := t.excused(now)
	var list []judged
	for _, e := range t.Entries() {
		e.mu.Lock()
		j := judged{entry: e, average: latencyUnknown, tm90: latencyUnknown}
		j.state, _ = e.acc.state(at)
		if l, ok := e.latency.latency(); ok {
			j.average, j.tm90 = l.Average, l.TM90
		}
		e.mu.Unlock()
		if filter == nil || filter(e, j.state) {
			list = append(list, j)
		}
	}
	return list
}

// Fastest returns up to n live entries that pass the filter: reliable ones first,
// then by average latency, unknown last (spec 04 §7.4).
func (t *Table) Fastest(n int, filter Filter, now time.Time) []*Entry {
	list := t.judge(func(e *Entry, s State) bool {
		return s.Live() && (filter == nil || filter(e, s))
	}, now)
	sorting.By(list, func(a, b judged) int {
		if (a.state == StateReliable) != (b.state == StateReliable) {
			return cmp.Compare(b.state, a.state)
		}
		return cmp.Or(cmp.Compare(a.average, b.average), compareIDs(a.entry, b.entry))
	})
	return entriesOf(list[:min(n, len(list))])
}

// ByResponse returns all entries that pass the filter, best state first, then by
// tm90 latency, unknown last: the order of [Table.RandomFast] and [Percentile].
func (t *Table) ByResponse(filter Filter, now time.Time) []*Entry {
	list := t.judge(filter, now)
	sorting.By(list, func(a, b judged) int {
		return cmp.Or(cmp.Compare(b.state, a.state), cmp.Compare(a.tm90, b.tm90), compareIDs(a.entry, b.entry))
	})
	return entriesOf(list)
}

// RandomFast picks one of the fastest percent of a list in the order of
// [Table.ByResponse]; nil: the list is empty (spec 04 §7.4).
func (t *Table) RandomFast(list []*Entry, percentile int) *Entry {
	if len(list) == 0 {
		return nil
	}
	return list[t.intn(fastCount(len(list), percentile))]
}

// fastCount is how many of n nodes are at or above a percentile.
func fastCount(n, percentile int) int { return (n-1)*(100-percentile)/100 + 1 }

// Percentile is the place of index i in a list of n, 100 for the first
// (spec 04 §7.4).
func Percentile(i, n int) float64 { return 100 - 100*float64(i)/float64(n) }

func compareIDs(a, b *Entry) int {
	x, y := a.BestID(), b.BestID()
	return cmp.Or(cmp.Compare(x.Kind, y.Kind), slices.Compare(x.Value[:], y.Value[:]))
}

func entriesOf(list []judged) []*Entry {
	es := make([]*Entry, len(list))
	for i := range list {
		es[i] = list[i].entry
	}
	return es
}
