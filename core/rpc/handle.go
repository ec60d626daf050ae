package rpc

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// question handles a question: by which path it may come, and what it needs of us
// (spec 03 §6). What is refused gets no answer: there is no error reply.
func (r *RPC) question(m *message, q *wire.Question, signer *crypto.PublicKey) error {
	if r.tooOld(m, false) {
		r.shed(m)
		return nil
	}
	back, err := m.wayBack(q.RespondTo)
	if err != nil {
		return err
	}
	r.received(m)
	var a wire.AnswerDetail
	switch d := q.Detail.(type) {
	case *wire.StatusQ:
		a = r.status(m, d)
	case *wire.FindNodeQ:
		a, err = r.findNode(m, d)
	case *wire.AppCallQ:
		return r.appCall(m, d, back)
	default:
		a, err = r.record(m, d, signer, back)
	}
	if err != nil || a == nil {
		return err
	}
	return r.answer(r.ctx, back, m.op.OpID, a)
}

// statement handles a statement as far as that needs no waiting.
func (r *RPC) statement(m *message, s wire.StatementDetail) (run func() error, err error) {
	if rt, ok := s.(*wire.Route); ok {
		return r.route(m, rt)
	}
	r.received(m)
	switch d := s.(type) {
	case *wire.ReturnReceipt:
		return nil, r.returnReceipt(m, d)
	case *wire.AppMessage:
		return func() error { return r.appMessage(m, d) }, nil
	case *wire.Signal:
		return func() error { return r.signal(m, d) }, nil
	case *wire.ValidateDialInfo:
		return func() error { return r.validateDialInfo(m, d) }, nil
	case *wire.ValueChanged:
		return func() error { return r.valueChanged(m, d) }, nil
	}
	return nil, &invalid{"unknown statement"}
}

// status answers StatusQ (spec 03 §6.1): whoever came directly learns the address
// that it has for us, whoever came by our private route learns nothing.
func (r *RPC) status(m *message, q *wire.StatusQ) *wire.StatusA {
	a := &wire.StatusA{NodeStatus: !m.private()}
	if !m.direct() {
		return a
	}
	if q.NodeStatus {
		m.in.Entry.SetNodeStatus(m.in.Domain)
	}
	a.SenderAddr = m.in.Flow.Remote
	a.Probe = r.echoProbe(m, q.Probe)
	return a
}

// echoProbe decides whether a question that filled a datagram is answered by one
// (spec 03 §6.1).
func (r *RPC) echoProbe(m *message, p *wire.MTUProbe) *wire.MTUProbe {
	if p == nil || m.in.Flow.Protocol != wire.UDP || r.cfg.DatagramLimit == nil {
		return nil
	}
	size := int(p.Size)
	if m.in.Datagram < size-probeSlack || r.cfg.DatagramLimit(wire.AddressTypeOf(m.in.Flow.Remote.Addr())) < size {
		return nil
	}
	return &wire.MTUProbe{Size: p.Size}
}

// findNode answers FindNodeQ (spec 04 §7.1).
func (r *RPC) findNode(m *message, q *wire.FindNodeQ) (wire.AnswerDetail, error) {
	if m.private() {
		return nil, &invalid{"FindNodeQ over a private route"}
	}
	n := min(int(min(q.MaxPeers, wire.DefaultMaxPeers)), r.cfg.MaxPeers)
	peers := r.cfg.Table.FindNode(q.NodeID, q.Capabilities, m.in.Domain, n, time.Now())
	return &wire.FindNodeA{Peers: peers}, nil
}

// returnReceipt hands a receipt to whoever waits for it (spec 03 §6.12).
func (r *RPC) returnReceipt(m *message, d *wire.ReturnReceipt) error {
	how := network.Return{Way: network.InBand, Sender: m.in.Sender, Flow: m.in.Flow}
	switch {
	case m.private():
		how = network.Return{Way: network.PrivateRoute, Route: m.arrival.RouteKey}
	case !m.direct():
		how = network.Return{Way: network.SafetyRoute}
	}
	return r.net.Receipts().Returned(d.Receipt, how)
}

// signal does what a node asks that cannot reach us by itself (spec 03 §6.13).
func (r *RPC) signal(m *message, s *wire.Signal) error {
	switch {
	case !m.direct():
		return &invalid{"signal over a route"}
	case !r.offers(m.in.Domain, wire.CapSGNL):
		return ErrUnavailable
	}
	return r.net.HandleSignal(r.ctx, s, m.in)
}

// validateDialInfo dials an address for a node that wants to know whether it can
// be reached there, or asks another node to do so (spec 03 §6.14, spec 04 §9.4).
func (r *RPC) validateDialInfo(m *message, d *wire.ValidateDialInfo) error {
	switch {
	case !m.direct():
		return &invalid{"ValidateDialInfo over a route"}
	case !r.offers(m.in.Domain, wire.CapDIAL) || !fullyDirect(r.published(m.in.Domain)):
		return ErrUnavailable
	case !d.Redirect:
		return r.net.SendReceiptOutOfBand(r.ctx, d.DialInfo, d.Receipt)
	case r.cfg.Validators == nil:
		return ErrUnavailable
	}
	pass := &wire.ValidateDialInfo{DialInfo: d.DialInfo, Receipt: d.Receipt}
	for _, e := range r.cfg.Validators(d.DialInfo, m.in.Entry) {
		ctx, cancel := context.WithTimeout(r.ctx, r.cfg.Timeout)
		_, err := r.Tell(ctx, Node(e, wire.PreferOrdered), pass)
		cancel()
		if err == nil {
			return nil
		}
	}
	return ErrUnavailable
}

// fullyDirect reports whether none of a node's own dial infos needs a signal.
func fullyDirect(p *wire.PeerInfo) bool {
	for _, d := range p.Info.DialInfo {
		if d.Class.NeedsSignal() {
			return false
		}
	}
	return true
}

// received counts a question or statement where it belongs: with its sender, or
// with our route that it came by (spec 05 §18).
func (r *RPC) received(m *message) {
	r.counters.Received.Add(1)
	now := time.Now()
	if m.direct() {
		m.in.Entry.MessageReceived(routing.Path{Flow: m.in.Flow}, m.size, now)
		return
	}
	r.routeReceived(m, now)
}
