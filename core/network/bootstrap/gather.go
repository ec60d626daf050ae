package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// Times and sizes of a round (spec 02 §13.2, §13.5, §5.2).
const (
	defaultTXTTimeout    = 10 * time.Second
	defaultAnswerTimeout = 5 * time.Second
	defaultConnect       = 5 * time.Second
	directPort           = 5150
	paddedRequest        = 124 // 0.5.2 listeners wait for 64 bytes of a stream
)

// Requester asks one node with one message from a fresh socket and returns the
// first message that comes back; over UDP only one from the address asked. It
// may block until the context ends.
type Requester interface {
	Request(ctx context.Context, di wire.DialInfo, msg []byte) ([]byte, error)
}

// Config is what one round needs. Fields without "nil" or "0" are required.
type Config struct {
	Bootstrap []string           // direct URLs and TXT names
	Keys      []crypto.PublicKey // that sign records; nil: version 0, unverified
	Records   []string           // `bootstrap_records`; may be nil

	Crypto    *crypto.Crypto
	Clock     *crypto.Clock
	Cache     *Cache
	Requester Requester

	OwnIDs      []crypto.NodeID
	OwnDialInfo []wire.DialInfo  // never asked; may be nil
	Protocols   wire.ProtocolSet // that we can dial
	Addresses   wire.AddressSet  // that we can dial

	// Assign works out the routing domain of a received node info (spec 04 §2.3);
	// false drops the peer. nil: every peer is taken as PublicInternet.
	Assign func(*wire.NodeInfo) (wire.RoutingDomain, bool)

	TXTTimeout    time.Duration // of a name, before its host is asked; 0: 10 s
	AnswerTimeout time.Duration // of a direct request, once sent; 0: 5 s
}

// Result is what a round found.
type Result struct {
	// Peers to ask, merged by node id, without ourselves: signed ones as their
	// nodes signed them, the others made of records and unsigned.
	Peers []*wire.PeerInfo
	// Records are all record strings met, sorted, at most 64: for a [Store].
	Records []string
	// Self: our own id was among the bootstraps.
	Self bool
	// Errors has one entry for each source, or address of one, that failed.
	Errors []*SourceError
}

// SourceError is why one source gave nothing.
type SourceError struct {
	Source string // as configured, or the URL that was asked
	Err    error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("bootstrap from %.200s: %v", e.Source, e.Err)
}

// Unwrap returns the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// ErrOwnAddress: a direct bootstrap that is this node itself is not asked.
var ErrOwnAddress = errors.New("own address")

// Gather asks all sources in parallel (spec 02 §13.1) and returns when each has
// answered or run out of time: 20 s at most with the default times. Failing
// sources are in the result; the error is that of the context, with what was
// found until then.
func Gather(ctx context.Context, cfg Config) (Result, error) {
	if cfg.TXTTimeout == 0 {
		cfg.TXTTimeout = defaultTXTTimeout
	}
	if cfg.AnswerTimeout == 0 {
		cfg.AnswerTimeout = defaultAnswerTimeout
	}
	g := &gathering{Config: cfg, policy: policy{cfg.Crypto, cfg.Keys}}
	each(len(cfg.Bootstrap)+1, func(i int) {
		if i == len(cfg.Bootstrap) {
			g.configured(ctx)
			return
		}
		g.source(ctx, cfg.Bootstrap[i])
	})
	return g.result(), ctx.Err()
}

// each calls f for 0..n-1 at once and waits for all.
func each(n int, f func(i int)) {
	var wg guard.Group
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// gathering is one round under way.
type gathering struct {
	Config
	policy policy

	mu      sync.Mutex // guards what follows
	peers   []*wire.PeerInfo
	records []string
	self    bool
	errors  []*SourceError
}

func (g *gathering) fail(source string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.errors = append(g.errors, &SourceError{source, err})
}

func (g *gathering) met(texts []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.records = append(g.records, texts...)
}

// source handles one entry of `bootstrap`.
func (g *gathering) source(ctx context.Context, entry string) {
	url, err := wire.ParseURL(entry)
	if err != nil {
		g.name(ctx, entry)
		return
	}
	g.direct(ctx, url)
}

// name handles a TXT name, and asks its host directly if that gives nothing
// (spec 02 §13.2).
func (g *gathering) name(ctx context.Context, name string) {
	n := 0
	if g.Cache.CanLookup() {
		txt, cancel := context.WithTimeout(ctx, g.TXTTimeout)
		records, texts, err := g.policy.lookupTXT(txt, g.Cache, name)
		g.met(texts)
		if err == nil {
			n = g.addRecords(txt, records, nil)
			if n == 0 {
				err = ErrNoRecord
			}
		}
		cancel()
		if err != nil {
			g.fail(name, err)
		}
	}
	if n > 0 || ctx.Err() != nil {
		return
	}
	each(3, func(i int) {
		protocol := wire.ProtocolType(i)
		// WS is for those who have nothing else: browsers.
		streams := wire.Protocols(wire.UDP, wire.TCP)
		if !g.Protocols.Has(protocol) || protocol == wire.WS && g.Protocols&streams != 0 {
			return
		}
		short := ShortDial{Protocol: protocol, Port: directPort}
		if protocol == wire.WS {
			short.Path = "ws"
		}
		if url, err := short.url(name); err != nil {
			g.fail(name, err)
		} else {
			g.direct(ctx, url)
		}
	})
}

// configured handles `bootstrap_records`.
func (g *gathering) configured(ctx context.Context) {
	records, faults := g.policy.configured(g.Records)
	for _, err := range faults {
		g.fail("bootstrap_records", err)
	}
	if len(records) > 0 && g.addRecords(ctx, records, nil) == 0 {
		g.fail("bootstrap_records", ErrNoRecord)
	}
}

// direct asks every address of a URL.
func (g *gathering) direct(ctx context.Context, url wire.DialInfoURL) {
	if !g.Protocols.Has(url.Protocol) {
		g.fail(url.String(), fmt.Errorf("cannot dial %s here", url.Protocol))
		return
	}
	addrs, err := g.Cache.Host(ctx, url.Host)
	if errors.Is(err, ErrNoResolver) && url.Protocol >= wire.WS {
		// A browser resolves the host of the URL by itself (spec 04 §12.1).
		addrs, err = []netip.Addr{netip.IPv4Unspecified()}, nil
	}
	if err != nil {
		g.fail(url.String(), err)
		return
	}
	var dials []wire.DialInfo
	for _, a := range addrs {
		if !g.Addresses.Has(wire.AddressTypeOf(a)) && !a.IsUnspecified() {
			continue
		}
		dials = append(dials, at(url, a)...)
	}
	if len(dials) == 0 {
		g.fail(url.String(), errors.New("no address that can be dialled"))
	}
	each(len(dials), func(i int) {
		if err := g.ask(ctx, dials[i]); err != nil {
			g.fail(url.String()+" at "+dials[i].Addr.String(), err)
		}
	})
}

// at is the dial info of a URL at an address. The unspecified address, which no
// peer may ever see, stands for "the transport resolves the URL"; nor may one see
// WSS, which is no transport of the network.
func at(url wire.DialInfoURL, a netip.Addr) []wire.DialInfo {
	if !a.IsUnspecified() && url.Protocol != wire.WSS {
		return dialsAt(url, []netip.Addr{a})
	}
	_, request, _ := strings.Cut(url.String(), "://")
	return []wire.DialInfo{{Protocol: url.Protocol, Addr: netip.AddrPortFrom(a, url.Port), Request: request}}
}

// isOwn: an own dial info's address and port, or loopback with the port of one
// (spec 02 §13.1).
func (g *gathering) isOwn(addr netip.AddrPort) bool {
	return slices.ContainsFunc(g.OwnDialInfo, func(d wire.DialInfo) bool {
		return d.Addr == addr || addr.Addr().IsLoopback() && d.Addr.Port() == addr.Port()
	})
}

// ask makes one direct request (spec 02 §13.4, §13.5).
func (g *gathering) ask(ctx context.Context, di wire.DialInfo) error {
	if g.isOwn(di.Addr) {
		return ErrOwnAddress
	}
	timeout := g.AnswerTimeout
	if di.Protocol != wire.UDP {
		timeout += defaultConnect
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := g.Requester.Request(ctx, di, g.request(di.Protocol))
	if err != nil {
		return err
	}
	if g.policy.lowest() == 0 {
		peers, err := ParseV0(g.Crypto, reply)
		if err != nil {
			return err
		}
		g.addPeers(peers)
		return nil
	}
	answer, err := ParseV1(g.Crypto, reply)
	if err != nil {
		return err
	}
	g.met(answer.Records)
	records, err := g.policy.parseSetV1(answer.Records)
	if err != nil {
		return err
	}
	if g.addRecords(ctx, records, answer.Peers) == 0 {
		return ErrNoRecord
	}
	return nil
}

// request is the message to send: padded on raw TCP, where 0.5.2 listeners look
// at nothing before 64 bytes have come (spec 02 §5.2).
func (g *gathering) request(protocol wire.ProtocolType) []byte {
	msg := make([]byte, 4, paddedRequest)
	copy(msg, RequestV0)
	if g.policy.lowest() > 0 {
		copy(msg, RequestV1)
	}
	if protocol == wire.TCP {
		msg = msg[:paddedRequest]
	}
	return msg
}

// addRecords takes for each record the first of peers that has one of its keys,
// else makes a peer of the record (spec 02 §13.3, §13.5). It returns how many
// nodes that gave, ourselves included.
func (g *gathering) addRecords(ctx context.Context, records []*Record, peers []*wire.PeerInfo) int {
	var found []*wire.PeerInfo
	var open []*Record
	n := 0
	for _, r := range records {
		if slices.ContainsFunc(r.NodeIDs(), g.isOwnID) {
			// Whether our own host resolves does not matter.
			g.foundSelf()
			n++
			continue
		}
		i := slices.IndexFunc(peers, func(p *wire.PeerInfo) bool {
			return slices.ContainsFunc(p.Info.PublicKeys, func(k crypto.PublicKey) bool {
				return slices.Contains(r.PublicKeys, k)
			})
		})
		if i >= 0 {
			found = append(found, peers[i])
		} else {
			open = append(open, r)
		}
	}
	hosts := make([]resolved, len(open))
	each(len(open), func(i int) { hosts[i] = g.Cache.resolve(ctx, open[i]) })
	for _, r := range merged(hosts) {
		if p, ok := r.peer(g.Crypto.Kinds(), g.Clock.Now()); ok {
			found = append(found, p)
		}
	}
	g.addPeers(found)
	return n + len(found)
}

func (g *gathering) isOwnID(id crypto.NodeID) bool { return slices.Contains(g.OwnIDs, id) }

func (g *gathering) foundSelf() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.self = true
}

// addPeers sets ourselves aside, drops what is of another domain, and merges by
// node id (spec 04 §12.1 step 3).
func (g *gathering) addPeers(peers []*wire.PeerInfo) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range peers {
		if slices.ContainsFunc(p.NodeIDs, g.isOwnID) {
			g.self = true
			continue
		}
		domain, ok := wire.PublicInternet, true
		if g.Assign != nil {
			domain, ok = g.Assign(&p.Info)
		}
		if !ok || domain != wire.PublicInternet {
			continue
		}
		if p.Domain != domain {
			moved := *p
			moved.Domain = domain
			p = &moved
		}
		g.mergeLocked(p)
	}
}

func (g *gathering) mergeLocked(p *wire.PeerInfo) {
	for i, have := range g.peers {
		if !sameNode(have, p) {
			continue
		}
		switch {
		case p.Signed() && (!have.Signed() || p.Info.Timestamp > have.Info.Timestamp):
			g.peers[i] = p
		case !p.Signed() && !have.Signed():
			g.peers[i] = uniteUnsigned(have, p)
		}
		return
	}
	g.peers = append(g.peers, p)
}

// uniteUnsigned joins what two sources say of one node.
func uniteUnsigned(a, b *wire.PeerInfo) *wire.PeerInfo {
	p := *a
	p.Info.DialInfo = slices.Clone(a.Info.DialInfo)
	for _, d := range b.Info.DialInfo {
		if !slices.Contains(p.Info.DialInfo, d) && len(p.Info.DialInfo) < wire.MaxDialInfoDetails {
			p.Info.DialInfo = append(p.Info.DialInfo, d)
		}
	}
	sorting.By(p.Info.DialInfo, wire.DialInfoDetail.Compare)
	return &p
}

func (g *gathering) result() Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Result{Peers: g.peers, Records: tidy(g.records), Self: g.self, Errors: g.errors}
}
