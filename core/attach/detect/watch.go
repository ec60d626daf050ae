package detect

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// Numbers of the watch (spec 04 §9.7).
const (
	wrongToDetect  = 5  // reports in a row, of peers that said otherwise before
	blocksHeld     = 10 // whose last report is kept, per transport
	blocksToDetect = 5  // that must agree
	triggersHeld   = 32 // addresses that a detection was asked for; the oldest goes
)

// Report is where a peer saw us in the PublicInternet domain, as told by a StatusA
// that came straight from it.
type Report struct {
	Protocol  wire.ProtocolType // of the flow that the question left by
	Local     netip.AddrPort    // own end of the flow
	Remote    netip.AddrPort    // the peer's
	Reachable bool              // the peer has dial info of its own
	Seen      netip.AddrPort    // what the peer said
	Previous  netip.AddrPort    // what it said before; zero: nothing
}

// Own is what a report is compared with.
type Own struct {
	Online    bool
	Published *wire.PeerInfo        // in PublicInternet; nil: nothing
	DialInfo  []wire.DialInfoDetail // in PublicInternet, as it is now
	Groups    []Group               // what is listened on
}

// Watch decides by what peers say whether our address has changed (spec 04 §9.7).
// It may be used from any goroutine; the zero value is ready.
type Watch struct {
	mu         sync.Mutex
	published  *wire.PeerInfo // that the rest belongs to
	dialInfo   []wire.DialInfoDetail
	transports map[routing.Transport]*watched
	external   []netip.Addr // of the last detection
}

// watched is what was said about one transport.
type watched struct {
	wrong   int              // reports since one that was right
	asked   []netip.AddrPort // addresses that a detection was asked for, oldest first
	reports []blockReport    // last report of each block, oldest first
}

type blockReport struct {
	block netip.Addr
	addr  netip.Addr
}

// Detected tells what the last detection found.
func (w *Watch) Detected(r *Result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.external = slices.Clone(r.External)
}

// Observe takes a report and tells whether to detect again. Everything counted is
// forgotten when our peer info or our dial info has changed.
func (w *Watch) Observe(r Report, own *Own) (redetect bool) {
	r.Seen = unmap(r.Seen)
	r.Previous = unmap(r.Previous)
	t := routing.Transport{Protocol: r.Protocol, Family: wire.AddressTypeOf(r.Remote.Addr())}
	if !own.Online || own.Published == nil || !r.counts(t, own.Groups) {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.published != own.Published || !slices.Equal(w.dialInfo, own.DialInfo) {
		w.published, w.dialInfo = own.Published, slices.Clone(own.DialInfo)
		w.transports = nil
	}
	if w.transports == nil {
		w.transports = map[routing.Transport]*watched{}
	}
	s := w.transports[t]
	if s == nil {
		s = &watched{}
		w.transports[t] = s
	}
	if slices.ContainsFunc(w.dialInfo, func(d wire.DialInfoDetail) bool { return routing.TransportOf(d.DialInfo) == t }) {
		return s.compare(&r, t, w.dialInfo)
	}
	return s.agree(&r, w.external)
}

// counts reports whether a report says anything about a port that we listen on.
func (r *Report) counts(t routing.Transport, groups []Group) bool {
	return r.Reachable &&
		r.Seen.IsValid() && wire.AddressTypeOf(r.Seen.Addr()) == t.Family && routing.IsGlobal(r.Seen.Addr()) &&
		routing.Block(r.Remote.Addr()) != routing.Block(r.Seen.Addr()) &&
		slices.ContainsFunc(groups, func(g Group) bool {
			return g.Family == t.Family && g.Port == r.Local.Port() && slices.Contains(g.Protocols, t.Protocol)
		})
}

// compare is the rule for a transport that we have dial info of.
func (s *watched) compare(r *Report, t routing.Transport, own []wire.DialInfoDetail) bool {
	if matches(r.Seen, t, own) {
		s.wrong = 0
		return false
	}
	if !matches(r.Previous, t, own) {
		return false
	}
	if s.wrong++; s.wrong < wrongToDetect || slices.Contains(s.asked, r.Seen) {
		return false
	}
	s.wrong = 0
	if len(s.asked) == triggersHeld {
		s.asked = slices.Delete(s.asked, 0, 1)
	}
	s.asked = append(s.asked, r.Seen)
	return true
}

// matches reports whether an address is that of a dial info of ours. The port
// counts only where a NAT chose it for the very socket: UDP behind a NAT.
func matches(a netip.AddrPort, t routing.Transport, own []wire.DialInfoDetail) bool {
	return slices.ContainsFunc(own, func(d wire.DialInfoDetail) bool {
		return routing.TransportOf(d.DialInfo) == t && d.DialInfo.Addr.Addr() == a.Addr() &&
			(t.Protocol != wire.UDP || !d.Class.WantsKeepalive() || d.DialInfo.Addr.Port() == a.Port())
	})
}

// agree is the rule for a transport without dial info: enough blocks name one
// address that the last detection did not see.
func (s *watched) agree(r *Report, external []netip.Addr) bool {
	block := routing.Block(r.Remote.Addr())
	s.reports = slices.DeleteFunc(s.reports, func(b blockReport) bool { return b.block == block })
	if len(s.reports) == blocksHeld {
		s.reports = slices.Delete(s.reports, 0, 1)
	}
	s.reports = append(s.reports, blockReport{block, r.Seen.Addr()})
	if len(s.reports) < blocksToDetect || slices.Contains(external, r.Seen.Addr()) ||
		slices.ContainsFunc(s.reports, func(b blockReport) bool { return b.addr != r.Seen.Addr() }) {
		return false
	}
	s.reports = nil // the next detection settles it
	return true
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
