package detect

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// natKind is what stands between this node and the internet.
type natKind int

const (
	openInternet natKind = iota
	packetFilter         // own public address, nothing comes in
	fullCone
	addressRestricted
	portRestricted
	symmetricPorts     // another port for each node
	symmetricAddresses // another address for each node
	manualForward      // port-restricted, with our port forwarded by hand
	portPreserving     // port-restricted, the same port outside
)

// What the simulated networks look like.
var (
	outside4 = netip.MustParseAddr("44.1.2.3")
	other4   = netip.MustParseAddr("44.1.2.4")
	outside6 = netip.MustParseAddr("2600:1::5")
	other6   = netip.MustParseAddr("2600:1::6")
	inside4  = netip.MustParseAddr("192.168.1.7")
)

const (
	listenPort = 5150
	natPort    = 40001
)

// world is the internet as one node sees it: validators that tell where they see
// it and dial it, and a NAT for each family. It is the Asker of the tests.
type world struct {
	nat   map[wire.AddressType]natKind
	nodes map[wire.AddressType][]*routing.Entry // fastest first

	answerAfter time.Duration           // of every question
	silent      map[*routing.Entry]bool // answer nothing: 5 s, then an error
	hang        bool                    // never answer before ctx ends
	lonely      bool                    // nodes have nobody to redirect to
	unsent      bool                    // requests to validate do not get out
	lies        map[*routing.Entry]netip.AddrPort
	filtered    bool // what is mapped or forwarded is filtered all the same

	mapper *router // nil: none

	mu        sync.Mutex
	contacted map[*routing.Entry]bool
	asked     int
	validates []validation
}

type validation struct {
	node     *routing.Entry
	di       wire.DialInfo
	redirect bool
}

func newWorld(kind natKind, validators int) *world {
	w := &world{
		nat:       map[wire.AddressType]natKind{wire.IPv4: kind, wire.IPv6: openInternet},
		nodes:     map[wire.AddressType][]*routing.Entry{},
		contacted: map[*routing.Entry]bool{},
	}
	for range validators {
		e := new(routing.Entry)
		w.nodes[wire.IPv4] = append(w.nodes[wire.IPv4], e)
		w.nodes[wire.IPv6] = append(w.nodes[wire.IPv6], e)
	}
	return w
}

func (w *world) validators(n int, f routing.DialFilter) []*routing.Entry {
	for _, family := range []wire.AddressType{wire.IPv4, wire.IPv6} {
		if f.Families == wire.Addresses(family) {
			return slices.Clone(w.nodes[family][:min(n, len(w.nodes[family]))])
		}
	}
	return nil
}

func (w *world) addresses(family wire.AddressType) (first, second netip.Addr) {
	if family == wire.IPv4 {
		return outside4, other4
	}
	return outside6, other6
}

// seenAt is the outside address of our socket towards a node.
func (w *world) seenAt(e *routing.Entry, family wire.AddressType) netip.AddrPort {
	first, second := w.addresses(family)
	index := slices.Index(w.nodes[family], e)
	switch w.nat[family] {
	case openInternet, packetFilter, portPreserving:
		return netip.AddrPortFrom(first, listenPort)
	case symmetricPorts:
		return netip.AddrPortFrom(first, uint16(natPort+index))
	case symmetricAddresses:
		if index%2 == 1 {
			return netip.AddrPortFrom(second, natPort)
		}
	}
	return netip.AddrPortFrom(first, natPort)
}

func (w *world) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *world) External(ctx context.Context, e *routing.Entry, t routing.Transport) (netip.AddrPort, error) {
	w.mu.Lock()
	w.asked++
	w.contacted[e] = true
	w.mu.Unlock()
	switch {
	case w.hang:
		<-ctx.Done()
		return netip.AddrPort{}, ctx.Err()
	case w.silent[e]:
		if err := w.wait(ctx, 5*time.Second); err != nil {
			return netip.AddrPort{}, err
		}
		return netip.AddrPort{}, errors.New("timeout")
	}
	if err := w.wait(ctx, w.answerAfter); err != nil {
		return netip.AddrPort{}, err
	}
	if lie, ok := w.lies[e]; ok {
		return lie, nil
	}
	return w.seenAt(e, t.Family), nil
}

func (w *world) Validate(ctx context.Context, e *routing.Entry, di wire.DialInfo, redirect bool) Verdict {
	w.mu.Lock()
	w.validates = append(w.validates, validation{e, di, redirect})
	contacted := w.contacted[e] && !redirect // who is redirected to is a stranger
	w.mu.Unlock()
	if w.unsent {
		return NoVerdict
	}
	if w.wait(ctx, w.answerAfter) != nil {
		return NoVerdict
	}
	if w.comesThrough(di.Addr, contacted) && !(redirect && w.lonely) {
		return Reached
	}
	if w.wait(ctx, time.Second) != nil {
		return NoVerdict
	}
	return NotReached
}

// comesThrough tells whether a packet to an address arrives at our socket, when it
// is from an address that we have sent to, but not from that port of it.
func (w *world) comesThrough(to netip.AddrPort, contacted bool) bool {
	if w.mapper != nil && w.mapper.maps(to) {
		return !w.filtered
	}
	family := wire.AddressTypeOf(to.Addr())
	first, _ := w.addresses(family)
	listening := to == netip.AddrPortFrom(first, listenPort)
	mapping := to == netip.AddrPortFrom(first, natPort)
	switch w.nat[family] {
	case openInternet:
		return listening
	case manualForward:
		return listening && !w.filtered
	case fullCone:
		return mapping
	case addressRestricted:
		return mapping && contacted
	}
	return false
}

// router is a PortMapper: a gateway at home.
type router struct {
	outside netip.Addr
	port    uint16 // outside; 0: maps nothing

	mu       sync.Mutex
	prepared int
	mapped   map[Port]netip.AddrPort
	unmapped []Port
}

func (r *router) maps(to netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.mapped {
		if a == to {
			return true
		}
	}
	return false
}

func (r *router) Prepare(context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prepared++
}

func (r *router) Map(_ context.Context, p Port) (netip.AddrPort, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.port == 0 || p.Family != wire.IPv4 {
		return netip.AddrPort{}, errors.New("no gateway")
	}
	if r.mapped == nil {
		r.mapped = map[Port]netip.AddrPort{}
	}
	r.mapped[p] = netip.AddrPortFrom(r.outside, r.port)
	return r.mapped[p], nil
}

func (r *router) Unmap(_ context.Context, p Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.mapped, p)
	r.unmapped = append(r.unmapped, p)
}

func (r *router) Clear(context.Context) {}
func (r *router) Lost() <-chan struct{} { return nil }
func (r *router) Close() error          { return nil }

// Groups of the tests.
var (
	udp4 = Group{Family: wire.IPv4, Port: listenPort, Protocols: []wire.ProtocolType{wire.UDP}}
	tcp4 = Group{Family: wire.IPv4, Port: listenPort, Protocols: []wire.ProtocolType{wire.TCP, wire.WS}}
	udp6 = Group{Family: wire.IPv6, Port: listenPort, Protocols: []wire.ProtocolType{wire.UDP}}
	tcp6 = Group{Family: wire.IPv6, Port: listenPort, Protocols: []wire.ProtocolType{wire.TCP, wire.WS}}
)

// config is a detection of the groups in the world.
func (w *world) config(groups ...Group) Config {
	c := Config{Groups: groups, WSPath: "/ws/", Interfaces: []netip.Addr{inside4, outside6},
		Validators: w.validators, Asker: w}
	if k := w.nat[wire.IPv4]; k == openInternet || k == packetFilter {
		c.Interfaces = append(c.Interfaces, outside4)
	}
	if w.mapper != nil {
		c.Mapper = w.mapper
	}
	return c
}
