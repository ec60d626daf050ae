package transport

import (
	"net/netip"
	"slices"
)

// table is the connections of a stack (spec 02 §6.1). The lock of the stack
// guards it. It is never larger than some hundreds, so a scan is as good as
// another index.
type table struct {
	byFlow   map[Flow]*conn
	byRemote map[netip.AddrPort][]*conn // oldest first; TCP and WS share an entry
	priority []*conn                    // front first
}

func newTable() table {
	return table{byFlow: make(map[Flow]*conn), byRemote: make(map[netip.AddrPort][]*conn)}
}

// find looks a flow up. Without a local address it is the newest of the same
// protocol and remote.
func (t *table) find(f Flow) *conn {
	if f.Local.IsValid() {
		return t.byFlow[f]
	}
	for _, c := range slices.Backward(t.byRemote[f.Remote]) {
		if c.flow.Protocol == f.Protocol {
			return c
		}
	}
	return nil
}

// reusable finds a connection to a remote, of any protocol: one whose local
// port satisfies ours, else the newest (spec 02 §6.2).
func (t *table) reusable(remote netip.AddrPort, ours func(port uint16) bool) *conn {
	all := t.byRemote[remote]
	for _, c := range slices.Backward(all) {
		if ours(c.flow.Local.Port()) {
			return c
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func (t *table) insert(c *conn) {
	t.byFlow[c.flow] = c
	t.byRemote[c.flow.Remote] = append(t.byRemote[c.flow.Remote], c)
}

func (t *table) remove(c *conn) {
	if t.byFlow[c.flow] != c {
		return
	}
	delete(t.byFlow, c.flow)
	isIt := func(x *conn) bool { return x == c }
	left := slices.DeleteFunc(t.byRemote[c.flow.Remote], isIt)
	if len(left) == 0 {
		delete(t.byRemote, c.flow.Remote)
	} else {
		t.byRemote[c.flow.Remote] = left
	}
	t.priority = slices.DeleteFunc(t.priority, isIt)
}

func (t *table) prioritize(c *conn, limit int) {
	i := slices.Index(t.priority, c)
	switch {
	case i == 0:
		return
	case i > 0:
		t.priority = slices.Delete(t.priority, i, i+1)
	}
	t.priority = slices.Insert(t.priority, 0, c)
	if len(t.priority) > limit {
		clear(t.priority[limit:])
		t.priority = t.priority[:limit]
	}
}

// victim is the least recently used connection that may be evicted; nil: none.
func (t *table) victim(protected func(netip.Addr) bool) (v *conn) {
	for _, c := range t.byFlow {
		if c.held.Load() > 0 || protected(c.flow.Remote.Addr()) || slices.Contains(t.priority, c) {
			continue
		}
		if v == nil || c.used.Load() < v.used.Load() {
			v = c
		}
	}
	return v
}
