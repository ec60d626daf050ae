package routing

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// flowsPerTransport is how many last flows are kept of each transport, keyed by
// remote address (spec 04 §5.1).
const flowsPerTransport = 4

// UDPFlowLife is how long a UDP flow counts as live after something was received
// on it (spec 04 §5.5).
const UDPFlowLife = 15 * time.Second

// Alive tells whether a flow can still carry a message; lastReceived is the last
// reception on it from this peer. It runs under the lock of an entry: it must not
// call into this package. The rule is: a connection while it is in the connection
// table, UDP for [UDPFlowLife].
type Alive func(flow transport.Flow, lastReceived time.Time) bool

// TransportOfFlow is the transport that a flow uses.
func TransportOfFlow(f transport.Flow) Transport {
	return Transport{f.Protocol, wire.AddressTypeOf(f.Remote.Addr())}
}

type flowRecord struct {
	flow transport.Flow
	at   stamp
}

// flowList is the last flows of an entry, newest first.
type flowList []flowRecord

func (l flowList) index(f transport.Flow) int {
	return slices.IndexFunc(l, func(r flowRecord) bool {
		return r.flow.Remote == f.Remote && r.flow.Protocol == f.Protocol
	})
}

// record puts f behind the first newer ones and drops the oldest of its transport beyond
// the limit.
func (l flowList) record(f transport.Flow, at stamp, newer int) flowList {
	i := l.index(f)
	if i < 0 {
		t, same := TransportOfFlow(f), 0
		for j := range l {
			if TransportOfFlow(l[j].flow) == t {
				same, i = same+1, j // i: the oldest of the transport
			}
		}
		if same < flowsPerTransport {
			l = append(l, flowRecord{})
			i = len(l) - 1
		}
	}
	newer = min(newer, i)
	copy(l[newer+1:i+1], l[newer:i])
	l[newer] = flowRecord{f, at}
	return l
}

// pick returns the live flow that a sequencing likes best: newest first, and for
// PreferOrdered and EnsureOrdered by protocol TCP, WS, WSS, UDP before that
// (spec 04 §5.5).
func (l flowList) pick(filter DialFilter, seq wire.Sequencing, alive Alive) (transport.Flow, bool) {
	filter = filter.Sequenced(seq)
	best := -1
	for i := range l {
		f := l[i].flow
		if !filter.Matches(TransportOfFlow(f)) {
			continue
		}
		if best >= 0 && (seq == wire.PreferUnordered ||
			cmp.Compare(preference(f.Protocol), preference(l[best].flow.Protocol)) >= 0) {
			continue
		}
		if alive(f, l[i].at.Time()) {
			best = i
		}
	}
	if best < 0 {
		return transport.Flow{}, false
	}
	return l[best].flow, true
}

// RecordFlow remembers a flow over which something was received. Nothing is recorded
// while the entry is punished.
func (e *Entry) RecordFlow(f transport.Flow, now time.Time) { e.recordFlow(f, now, nil) }

// Received counts what was received from this peer, for [Entry.RecordDialled].
func (e *Entry) Received() uint32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.received
}

// RecordDialled remembers a flow that we opened to this peer, after Received was as
// given. What it has answered by meanwhile counts as newer.
func (e *Entry) RecordDialled(f transport.Flow, now time.Time, received uint32) {
	e.recordFlow(f, now, &received)
}

func (e *Entry) recordFlow(f transport.Flow, now time.Time, dialled *uint32) {
	at := stampOf(now)
	e.mu.Lock()
	if e.acc.punished {
		e.mu.Unlock()
		return
	}
	newer := 0
	if dialled == nil {
		e.received++
	} else {
		newer = int(e.received - *dialled)
	}
	e.flows = e.flows.record(f, at, newer)
	touch := e.touched.since(at) >= time.Second || e.touched == 0
	if touch {
		e.touched = at
	}
	e.mu.Unlock()
	if touch {
		e.table.touch(e)
	}
}

// LastFlow is the live flow to use for a message (spec 04 §5.5).
func (e *Entry) LastFlow(filter DialFilter, seq wire.Sequencing, alive Alive) (transport.Flow, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.flows.pick(filter, seq, alive)
}

// FlowTo is a live flow whose remote is exactly the address and port of a dial
// info, over the same low-level protocol (spec 04 §10.5).
func (e *Entry) FlowTo(d wire.DialInfo, alive Alive) (transport.Flow, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.flows {
		f := e.flows[i].flow
		if f.Remote == d.Addr && f.Protocol.LowLevel() == d.Protocol.LowLevel() && alive(f, e.flows[i].at.Time()) {
			return f, true
		}
	}
	return transport.Flow{}, false
}

// AliveFlow reports whether any last flow of the entry is live.
func (e *Entry) AliveFlow(alive Alive) bool {
	_, ok := e.LastFlow(AnyDialInfo(), wire.PreferUnordered, alive)
	return ok
}

// ForgetFlow forgets one flow.
func (e *Entry) ForgetFlow(f transport.Flow) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if i := e.flows.index(f); i >= 0 {
		e.flows = slices.Delete(e.flows, i, i+1)
	}
}

// ForgetFlows forgets the flows whose transport the filter selects.
func (e *Entry) ForgetFlows(filter DialFilter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.flows = slices.DeleteFunc(e.flows, func(r flowRecord) bool {
		return filter.Matches(TransportOfFlow(r.flow))
	})
}

// forgetOldFlowsLocked keeps the most recent flow only (spec 04 §5.4).
func (e *Entry) forgetOldFlowsLocked() {
	if len(e.flows) > 1 {
		clear(e.flows[1:])
		e.flows = e.flows[:1]
	}
}

// senderKey is where a report of our own address was seen.
type senderKey struct {
	domain    wire.RoutingDomain
	transport Transport
}

// SetSenderInfo keeps the address that this peer says our message came from, and
// returns what it said before over that transport (spec 04 §5.1, §9.7).
func (e *Entry) SetSenderInfo(domain wire.RoutingDomain, t Transport, addr netip.AddrPort) (before netip.AddrPort, had bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := senderKey{domain, t}
	before, had = e.senders[key]
	if e.senders == nil {
		e.senders = make(map[senderKey]netip.AddrPort, 1)
	}
	e.senders[key] = addr
	return before, had
}

// SenderInfo is the last report of our own address; false: none.
func (e *Entry) SenderInfo(domain wire.RoutingDomain, t Transport) (netip.AddrPort, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	addr, ok := e.senders[senderKey{domain, t}]
	return addr, ok
}
