package policy

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

const (
	// maxAddresses is how many addresses of a name are tried.
	maxAddresses = 4
	// maxKnown bounds the clients and the nodes that are remembered, each.
	maxKnown = 1 << 16
	// burstTime is how far above its rate somebody may be for a moment.
	burstTime = 4 * time.Second
	openBurst = 15 * time.Second // 120 in a minute with the 96 towards nodes, who take 128
	// maxDebt bounds how long anybody waits for a rate.
	maxDebt = 30 * time.Second
)

// Gate decides. Its methods may be called from any goroutine and do not block. Their
// errors are *Refusal.
// Locks: mu, never held while calling out.
type Gate struct {
	settings Settings
	origins  []origin
	rules    rules

	mu       sync.Mutex
	open     int
	up, down bucket // of all
	clients  map[netip.Prefix]*party
	nodes    map[netip.AddrPort]*party
	refused  map[Code]uint64
	ended    map[Code]uint64
	admitted uint64
	messages [2]uint64 // up, down
	bytes    [2]uint64
}

// party is a client or a node.
type party struct {
	open           int
	opens          bucket
	messages       bucket
	up, down       bucket
	uselessFromNow time.Time // nothing of it counts any more then, if none is open
}

// New makes a gate. The error is a *SettingError.
func New(s Settings) (*Gate, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	g := &Gate{settings: s, clients: map[netip.Prefix]*party{}, nodes: map[netip.AddrPort]*party{}, refused: map[Code]uint64{}, ended: map[Code]uint64{}}
	for _, text := range s.Origins {
		o, err := parseOrigin(text)
		if err != nil {
			return nil, err
		}
		g.origins = append(g.origins, o)
	}
	var err error
	g.rules, err = parseRules(s.Nodes)
	return g, err
}

// Settings are what the gate was made of.
func (g *Gate) Settings() Settings { return g.settings }

// Origin reports whether a page of this origin may connect; "": none was named. A
// page that may not gets no answer but the HTTP status 403.
func (g *Gate) Origin(given string) error {
	given = strings.ToLower(given)
	if slices.ContainsFunc(g.origins, func(o origin) bool { return o.fits(given) }) {
		return nil
	}
	return refuse(NotAllowed, "pages of this origin may not use this gateway")
}

// Parse reads the path of a URL that was opened.
func (g *Gate) Parse(path string) (edgeurl.Node, error) {
	n, err := edgeurl.Parse(path)
	if err != nil {
		return n, refuse(BadURL, "want /ws/HOST/PORT/PATH")
	}
	return n, nil
}

// ClientOf is what counts as one client: who has an IPv6 network has a /56 of it.
func ClientOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 56
	}
	p, _ := addr.Prefix(bits) // zero for an invalid address
	return p
}

// Pass is one connection of a client. Its methods may be called from any goroutine.
type Pass struct {
	gate   *Gate
	client *party
	node   *party // nil: not reached
	left   bool
}

// Admit takes one more connection of a client. Leave must follow.
func (g *Gate) Admit(client netip.Addr, now time.Time) (*Pass, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.open >= g.settings.MaxConnections {
		return nil, refuse(Busy, "the gateway is full")
	}
	p := known(g.clients, ClientOf(client), now)
	if p == nil {
		return nil, refuse(Busy, "the gateway knows too many clients")
	}
	if p.open >= g.settings.MaxPerClient {
		return nil, refuse(TooMany, "too many connections from this address")
	}
	if !p.opens.tryTake(now, 1, perMinute(g.settings.OpensPerClient), openBurst) {
		return nil, refuse(TooMany, "too many new connections from this address in a minute")
	}
	p.open++
	g.open++
	g.admitted++
	return &Pass{gate: g, client: p}, nil
}

// known finds a party or makes one; nil: there are too many.
func known[K comparable](all map[K]*party, key K, now time.Time) *party {
	p := all[key]
	if p != nil {
		return p
	}
	if len(all) >= maxKnown {
		for k, old := range all {
			if old.open == 0 && !old.uselessFromNow.After(now) {
				delete(all, k)
			}
		}
		if len(all) >= maxKnown {
			return nil
		}
	}
	p = &party{}
	all[key] = p
	return p
}

// MayResolve reports whether a rule can allow a host and port, so that its name may be
// looked up; for an address it says the same as Choose.
func (g *Gate) MayResolve(n edgeurl.Node) error {
	if n.Addr().IsValid() {
		_, err := g.Choose(n, []netip.Addr{n.Addr()})
		return err
	}
	if slices.ContainsFunc(g.rules.list, func(r Rule) bool { return r.mayAllow(n.Host(), n.Port()) }) {
		return nil
	}
	return refuse(NotAllowed, "this gateway does not connect to this node")
}

// Choose keeps of the addresses of a host those that may be connected to, in their
// order, at most four. They must be used as they are: asking for the name again could
// give others. Addresses that a host does not have are the caller's fault.
func (g *Gate) Choose(n edgeurl.Node, addrs []netip.Addr) ([]netip.AddrPort, error) {
	host := n.Host()
	if n.Addr().IsValid() {
		host = ""
	}
	if len(addrs) == 0 {
		return nil, refuse(NoName, "the name of the node has no address")
	}
	chosen := g.rules.choose(host, n.Port(), addrs)
	if len(chosen) == 0 {
		return nil, refuse(NotAllowed, "this gateway does not connect to this node")
	}
	return chosen[:min(len(chosen), maxAddresses)], nil
}

// Reach counts the connection as one to a node, in place of the one that was reached
// before.
func (p *Pass) Reach(node netip.AddrPort, now time.Time) error {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	p.letGoLocked()
	n := known(g.nodes, node, now)
	switch {
	case n == nil:
		return refuse(Busy, "the gateway knows too many nodes")
	case n.open >= g.settings.MaxPerNode:
		return refuse(TooMany, "too many connections to this node")
	case !n.opens.tryTake(now, 1, perMinute(g.settings.OpensPerNode), openBurst):
		return refuse(TooMany, "too many new connections to this node in a minute")
	}
	n.open++
	n.uselessFromNow = n.opens.freeAt
	p.node = n
	return nil
}

func (p *Pass) letGoLocked() {
	if p.node != nil {
		p.node.open--
		p.node = nil
	}
}

// Up counts a message of the page and says how long it has to wait. cost is what it
// took on the wire, in bytes.
func (p *Pass) Up(cost int, now time.Time) time.Duration {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.messages[0]++
	g.bytes[0] += uint64(cost)
	s := &g.settings
	return max(
		p.client.messages.take(now, 1, float64(s.MessagesPerClient), burstTime),
		p.client.up.take(now, cost, float64(s.BytesPerClient), burstTime),
		g.up.take(now, cost, float64(s.BytesTotal), burstTime),
	)
}

// Down is the same for a message of the node.
func (p *Pass) Down(cost int, now time.Time) time.Duration {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.messages[1]++
	g.bytes[1] += uint64(cost)
	s := &g.settings
	return max(
		p.client.down.take(now, cost, float64(s.BytesPerClient), burstTime),
		g.down.take(now, cost, float64(s.BytesTotal), burstTime),
	)
}

// Leave ends the connection, with the code that the page was told; 0: it was refused
// after Admit. It may be called twice.
func (p *Pass) Leave(code Code) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	p.letGoLocked()
	p.client.open--
	c := p.client
	for _, b := range []bucket{c.opens, c.messages, c.up, c.down} {
		if b.freeAt.After(c.uselessFromNow) {
			c.uselessFromNow = b.freeAt
		}
	}
	g.open--
	if code != 0 {
		g.ended[code]++
	}
}

// CheckMessage reports what is wrong with a message of a page, by its kind and length.
func CheckMessage(binary bool, length int) error {
	switch {
	case !binary:
		return refuse(Unsupported, "want binary messages")
	case length == 0:
		return refuse(Breach, "empty message")
	case length > MaxMessage:
		return refuse(TooLarge, "a message has at most 65507 bytes")
	}
	return nil
}

// Refused counts a connection that was refused.
func (g *Gate) Refused(r *Refusal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refused[r.Code]++
}

// Stats are what an operator sees: numbers, no addresses.
type Stats struct {
	Open, Clients, Nodes     int
	Admitted                 uint64
	Refused                  map[Code]uint64 // before anything could go through
	Ended                    map[Code]uint64 // after that
	MessagesUp, MessagesDown uint64
	BytesUp, BytesDown       uint64
}

// Stats counts.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := Stats{
		Open: g.open, Admitted: g.admitted, Refused: maps.Clone(g.refused), Ended: maps.Clone(g.ended),
		MessagesUp: g.messages[0], MessagesDown: g.messages[1], BytesUp: g.bytes[0], BytesDown: g.bytes[1],
	}
	for _, c := range g.clients {
		if c.open > 0 {
			s.Clients++
		}
	}
	for _, n := range g.nodes {
		if n.open > 0 {
			s.Nodes++
		}
	}
	return s
}
