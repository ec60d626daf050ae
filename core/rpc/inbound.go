package rpc

import (
	"errors"
	"log/slog"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// message is one RPC message on its way in. A routed one shares the envelope of
// the Route statement that brought it.
type message struct {
	in      *network.Inbound // never nil; its Body is gone once the message is decoded
	arrival route.Arrival    // Path Direct: the envelope was sealed for it
	size    int              // bytes of the RPC message
	op      *wire.Operation  // nil before it is decoded
	lane    laneKey          // what its handling may have to wait for

	kind    messageKind
	spent   time.Duration // on handling it so far
	carried *message      // what a Route statement brought us; nil: nothing
}

func (m *message) direct() bool { return m.arrival.Path == route.Direct }

// job is the part of handling a message that may wait: for the application, or for
// room on another connection.
type job struct {
	message *message
	run     func() error
	queued  time.Time // when it was put in the queue, or began to wait for room there
}

// HandleEnvelope decodes a message in the goroutine of the flow that it came on.
// Answers and receipts, which somebody waits for, are handed over there; whatever
// may wait itself is queued for a worker. It implements network.Handler.
func (r *RPC) HandleEnvelope(in *network.Inbound) bool {
	m := &message{in: in, size: len(in.Body), lane: laneKey{toSender, in.Sender}}
	run, err := r.handle(m, in.Body)
	in.Release()
	if err != nil {
		r.failed(m, err)
		return true
	}
	return run == nil || r.enqueue(job{m, run, time.Now()})
}

// enqueue queues a job. An ordered flow is slowed down meanwhile.
func (r *RPC) enqueue(j job) bool {
	if r.queue.put(r.ctx, j, j.message.in.Ordered()) {
		return true
	}
	r.counters.Shed.Add(1)
	return false
}

func (r *RPC) work() {
	for {
		select {
		case <-r.ctx.Done():
			return
		case j := <-r.queue.ready:
			started := time.Now()
			err := j.run()
			r.timings.ran(&j, started)
			if err != nil {
				r.failed(j.message, err)
			}
			r.queue.done(j, err == nil)
		}
	}
}

// failed decides what an error in a message costs its sender: only what breaks a
// rule in a direct message punishes (spec 03 §3).
func (r *RPC) failed(m *message, err error) {
	r.counters.Dropped.Add(1)
	r.log.LogAttrs(r.ctx, slog.LevelDebug, "message dropped",
		slog.Any("peer", m.in.Sender), slog.String("path", m.arrival.Path.String()), slog.Any("err", err))
	if m.direct() && (wire.KindOf(err) == wire.Protocol || errors.Is(err, network.ErrSignal)) {
		r.punish(m, transport.FailedToDecodeOperation)
	}
}

func (r *RPC) punish(m *message, why transport.Reason) {
	r.cfg.Filter.PunishNode(m.in.Sender, why, time.Now())
	m.in.Entry.SetPunished(true)
	r.log.LogAttrs(r.ctx, slog.LevelDebug, "node punished",
		slog.Any("peer", m.in.Sender), slog.String("reason", why.String()))
}

// handle decodes a message and handles what needs no waiting; run is the rest, nil if
// there is none.
func (r *RPC) handle(m *message, packed []byte) (run func() error, err error) {
	started := time.Now()
	run, err = r.decode(m, packed)
	m.spent = time.Since(started)
	if m.carried != nil {
		m.spent -= m.carried.spent // which was in the same stretch
	}
	if run == nil || m.carried != nil {
		r.timings.handled(m)
	}
	return run, err
}

// decode is handle, in the order of spec 03 §4.5.
func (r *RPC) decode(m *message, packed []byte) (run func() error, err error) {
	signed, err := wire.DecodeSignedOperation(packed)
	if err != nil {
		return nil, err
	}
	if signed.Signer != nil {
		if err := r.verifySigner(m, &signed); err != nil {
			return nil, err
		}
	}
	op, err := r.decoder.DecodeOperation(signed.OperationData)
	if err != nil {
		return nil, err
	}
	m.op, m.kind = op, kindOf(op)
	if err := r.assignDomains(m); err != nil {
		return nil, r.fail(m, err)
	}
	if a, ok := op.Body.(*wire.Answer); ok {
		return nil, r.answered(m, a.Detail)
	}
	if m.direct() {
		if err := r.senderPeerInfo(m); err != nil {
			return nil, err
		}
	}
	switch b := op.Body.(type) {
	case *wire.Question:
		if _, ok := b.Detail.(*wire.AppCallQ); ok {
			m.lane = laneKey{kind: toApp}
		}
		return func() error { return r.question(m, b, signed.Signer) }, nil
	case *wire.Statement:
		if _, ok := b.Detail.(*wire.AppMessage); ok {
			m.lane = laneKey{kind: toApp}
		}
		return r.statement(m, b.Detail)
	}
	return nil, &wire.Error{Kind: wire.Ignore, Field: "operation", Msg: "neither question, statement nor answer"}
}

// verifySigner checks the signature of a signed operation over the key that it
// was sent to (spec 03 §4.3).
func (r *RPC) verifySigner(m *message, s *wire.SignedOperation) error {
	dest := m.arrival.RouteKey
	if m.arrival.Path != route.PrivateRouted {
		key, ok := r.cfg.Onion.NodeKey(m.in.Kind)
		if !ok {
			return &wire.Error{Kind: wire.Local, Field: "signer", Msg: "no own key of the envelope's kind"}
		}
		dest = key
	}
	sys, err := r.cfg.Crypto.Get(s.Signer.Kind)
	if err != nil {
		return &wire.Error{Kind: wire.Protocol, Field: "signer", Msg: err.Error()}
	}
	input := wire.OperationSigningInput(nil, dest, s.OperationData)
	ok, err := sys.Verify(*s.Signer, input, s.Signature)
	if err != nil || !ok {
		return &wire.Error{Kind: wire.Protocol, Field: "signature", Msg: "does not verify"}
	}
	return nil
}

// fail ends the wait of an answer that cannot be used.
func (r *RPC) fail(m *message, err error) error {
	if _, ok := m.op.Body.(*wire.Answer); ok {
		if q := r.waiting.take(m.op.OpID); q != nil {
			q.done <- answer{in: m, err: errors.Join(ErrInvalidAnswer, err)}
		}
	}
	return err
}

// answered gives an answer to whoever waits for it (spec 03 §4.5 steps 5 and 6,
// spec 05 §9).
func (r *RPC) answered(m *message, detail wire.AnswerDetail) error {
	q := r.waiting.take(m.op.OpID)
	if q == nil {
		return &wire.Error{Kind: wire.Ignore, Field: "answer", Msg: "nobody waits for it"}
	}
	a := answer{detail: detail, in: m}
	err := error(nil)
	switch {
	case !fits(q.question, detail):
		err = &wire.Error{Kind: wire.Protocol, Field: "answer", Msg: "of another kind than the question expects"}
	default:
		err = wire.CheckAnswer(q.question, detail)
	}
	if err == nil {
		err = q.reply.Accepts(m.arrival)
	}
	if err == nil && m.direct() {
		err = r.senderPeerInfo(m)
	}
	if err != nil {
		a.err = errors.Join(ErrInvalidAnswer, err)
	}
	q.done <- a
	return err
}

// senderPeerInfo handles the two hints that every direct message carries
// (spec 03 §4.4).
func (r *RPC) senderPeerInfo(m *message) error {
	if p := m.op.SenderPeerInfo; p != nil {
		if !contains(p.NodeIDs, m.in.Sender) {
			r.punish(m, transport.WrongSenderPeerInfo)
			return &invalid{"sender peer info of another node"}
		}
		if _, err := r.cfg.Table.RegisterPeer(p, routing.RegisterOptions{}, time.Now()); err != nil {
			r.punish(m, transport.FailedToRegisterSenderPeerInfo)
			return &invalid{"sender peer info: " + err.Error()}
		}
	}
	m.in.Entry.SetLastSeenOurs(m.in.Domain, m.op.TargetNodeInfoTS)
	return nil
}

func contains(ids []crypto.NodeID, id crypto.NodeID) bool {
	for _, have := range ids {
		if have == id {
			return true
		}
	}
	return false
}

// assignDomains works out which routing domain each peer info belongs to, seen
// from the domain that the message came over (spec 04 §2.3). In a list a peer that
// belongs nowhere is left out; anywhere else the message is ignored.
func (r *RPC) assignDomains(m *message) error {
	domains := r.cfg.Table.Domains()
	assign := func(p *wire.PeerInfo) bool {
		d, ok := domains.Assign(&p.Info, m.in.Domain)
		p.Domain = d
		return ok
	}
	need := func(field string, p *wire.PeerInfo) error {
		if p == nil || assign(p) {
			return nil
		}
		return &wire.Error{Kind: wire.Ignore, Field: field, Msg: "fits no routing domain"}
	}
	hop := func(field string, h *wire.RouteHop) error {
		if h == nil {
			return nil
		}
		return need(field, h.PeerInfo)
	}
	if err := need("senderPeerInfo", m.op.SenderPeerInfo); err != nil {
		return err
	}
	switch b := m.op.Body.(type) {
	case *wire.Question:
		if b.RespondTo != nil {
			return hop("respondTo", b.RespondTo.FirstHop)
		}
	case *wire.Answer:
		if peers := answerPeers(b.Detail); peers != nil {
			kept := (*peers)[:0]
			for _, p := range *peers {
				if assign(p) {
					kept = append(kept, p)
				}
			}
			*peers = kept
		}
	case *wire.Statement:
		switch d := b.Detail.(type) {
		case *wire.Signal:
			return need("signal.peerInfo", d.PeerInfo)
		case *wire.Route:
			if pr := d.SafetyRoute.Private; pr != nil {
				return hop("route.firstHop", pr.FirstHop)
			}
		}
	}
	return nil
}

// answerPeers is the peer list of an answer, nil if its kind has none.
func answerPeers(a wire.AnswerDetail) *[]*wire.PeerInfo {
	switch a := a.(type) {
	case *wire.FindNodeA:
		return &a.Peers
	case *wire.GetValueA:
		return &a.Peers
	case *wire.SetValueA:
		return &a.Peers
	case *wire.WatchValueA:
		return &a.Peers
	case *wire.InspectValueA:
		return &a.Peers
	case *wire.TransactBeginA:
		return &a.Peers
	}
	return nil
}

// tooOld reports whether a message waited so long that nobody needs its handling
// any more (spec 03 §4.5): a direct question, a routed question, a Route.
func (r *RPC) tooOld(m *message, isRoute bool) bool {
	t := r.cfg.Timeout
	longest := route.QuestionTimeout(t, r.cfg.MaxHopCount)
	limit := t
	switch {
	case isRoute:
		limit = longest - t/10
	case !m.direct():
		limit = longest
	}
	return time.Since(m.in.Received) > limit
}

// shed counts a message that was too old. Nothing was done that could be measured.
func (r *RPC) shed(m *message) {
	r.counters.Shed.Add(1)
	m.kind = kindUnknown
}
