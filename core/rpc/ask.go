package rpc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Answer is the answer to a question of ours.
type Answer struct {
	Detail   wire.AnswerDetail
	Latency  time.Duration  // from after the question was sent
	Sent     network.Result // of the question, or of the Route statement that carried it
	Flow     transport.Flow // the answer came on
	Datagram int            // bytes of the one datagram that it came in; 0: several, or none
}

// Ask sends a question and waits for its answer, as long as the protocol allows
// (spec 03 §4.6) and ctx lives. The answer is valid as far as the message alone
// can tell; values and descriptors in it are not verified.
//
// Errors: [ErrTimeout], [ErrInvalidAnswer], [ErrNoConnection], [ErrTryAgain],
// [ErrUnavailable], [ErrInvalidTarget], [ErrClosed], and what ends ctx.
//
// A question on a record that goes over a route, and that may arrive twice, is asked
// a second time over another route when its answer takes long.
func (r *RPC) Ask(ctx context.Context, d Destination, q wire.QuestionDetail) (Answer, error) {
	if d.routed() && repeatable(q) {
		return r.askTwice(ctx, d, q)
	}
	return r.ask(ctx, d, q, attempt{})
}

func (r *RPC) ask(ctx context.Context, d Destination, q wire.QuestionDetail, try attempt) (Answer, error) {
	if d.route != nil && !recordAllowed(q) {
		return Answer{}, fmt.Errorf("%w: this question must not go over a private route", ErrInvalidTarget)
	}
	var reply route.Reply
	if d.routed() {
		var err error
		if reply, err = r.cfg.Routes.ReplyRoute(d.target(), d.safety, time.Now()); err != nil {
			return Answer{}, routeError(err)
		}
		if !try.not.IsZero() && reply.Key == try.not {
			return Answer{}, fmt.Errorf("%w: no other route", ErrTryAgain)
		}
	}
	id, err := r.opID()
	if err != nil {
		return Answer{}, err
	}
	w := &waiter{question: q, reply: reply, done: make(chan answer, 1)}
	if err := r.waiting.add(id, w); err != nil {
		return Answer{}, err
	}
	if d.node != nil {
		d.node.Hold()
		defer d.node.Release()
	}
	s, err := r.send(ctx, d, id, &wire.Question{RespondTo: reply.RespondTo, Detail: q}, reply.Key)
	if err != nil {
		r.waiting.take(id)
		return Answer{}, err
	}
	defer r.cfg.Routes.Use(s.via.Safety, s.via.Reply)()
	r.counters.Questions.Add(1)
	var overdue func()
	if d.routed() {
		overdue = func() {
			r.cfg.Routes.Overdue(s.via, s.at, time.Now())
			if try.overdue != nil {
				try.overdue(reply.Key)
			}
		}
	}
	a := r.waiting.wait(ctx, id, w, d.safety.QuestionTimeout(r.cfg.Timeout), overdue)
	now := time.Now()
	if a.in == nil {
		if errors.Is(a.err, ErrTimeout) {
			r.counters.Lost.Add(1)
			r.lost(&d, &s, now)
		}
		return Answer{}, a.err
	}
	r.counters.Answered.Add(1)
	r.gained(&d, &s, a.in, now)
	if a.err != nil { // invalid, but somebody lives there
		return Answer{}, a.err
	}
	return Answer{
		Detail: a.detail, Latency: now.Sub(s.at), Sent: s.result,
		Flow: a.in.in.Flow, Datagram: a.in.in.Datagram,
	}, nil
}

// Tell sends a statement. Success says that it was sent, not that it arrived.
// Errors are as of [RPC.Ask], without those of answers.
func (r *RPC) Tell(ctx context.Context, d Destination, st wire.StatementDetail) (network.Result, error) {
	id, err := r.opID()
	if err != nil {
		return network.Result{}, err
	}
	s, err := r.send(ctx, d, id, &wire.Statement{Detail: st}, crypto.PublicKey{})
	if err != nil {
		return network.Result{}, err
	}
	r.counters.Statements.Add(1)
	return s.result, nil
}

// answer answers a question of another node.
func (r *RPC) answer(ctx context.Context, back Destination, id uint64, a wire.AnswerDetail) error {
	if _, err := r.send(ctx, back, id, &wire.Answer{Detail: a}, crypto.PublicKey{}); err != nil {
		return err
	}
	r.counters.Answers.Add(1)
	return nil
}

// sent is a message that left.
type sent struct {
	result network.Result
	first  *routing.Entry // the node that the envelope is for: the target, or the first hop
	via    route.Via      // zero Safety and Remote: no route
	bytes  int            // of the RPC message
	at     time.Time
	probe  bool
}

func (s *sent) path() routing.Path {
	return routing.Path{Flow: s.result.Flow, Dialled: s.result.Dialled}
}

// send encodes an operation, signs it if asked, and sends it directly or wrapped
// for its route (spec 03 §4.2).
func (r *RPC) send(ctx context.Context, d Destination, id uint64, body wire.Body, reply crypto.PublicKey) (sent, error) {
	if !d.routed() {
		return r.sendDirect(ctx, &d, id, body)
	}
	return r.sendRouted(ctx, &d, id, body, reply)
}

func (r *RPC) sendDirect(ctx context.Context, d *Destination, id uint64, body wire.Body) (sent, error) {
	domain, ok := r.domainOf(d)
	if !ok {
		d.node.NoContact()
		return sent{}, fmt.Errorf("%w: no routing domain for the node", ErrNoConnection)
	}
	op := &wire.Operation{OpID: id, Body: body}
	r.hints(op, d.node, domain)
	packed, err := r.pack(op, d, d.node)
	if err != nil {
		return sent{}, err
	}
	s := sent{first: d.node, bytes: len(packed)}
	s.result, err = r.net.Send(ctx, network.Request{
		Target: d.node, Body: packed, Sequencing: d.safety.Sequencing(),
		Protocols: d.protocols, Addresses: d.addresses,
		PinFlow: d.pin, MustPin: d.mustPin, DialInfo: d.dialInfo,
	})
	if err != nil {
		return sent{}, networkError(err)
	}
	s.at = time.Now()
	// Probes are not counted: what they lose is blamed on nobody (spec 03 §6.1).
	if s.probe = d.uncounted || probeOf(body) != nil; !s.probe {
		r.countSent(&s, body)
	}
	return s, nil
}

func (r *RPC) countSent(s *sent, body wire.Body) {
	switch body.(type) {
	case *wire.Question:
		s.first.QuestionSent(s.path(), s.bytes, s.at)
	case *wire.Answer:
		s.first.AnswerSent(s.path(), s.bytes, s.at)
	default:
		s.first.StatementSent(s.path(), s.bytes, s.at)
	}
}

// domainOf is the routing domain that a node is talked to in (spec 04 §11.4).
func (r *RPC) domainOf(d *Destination) (wire.RoutingDomain, bool) {
	domains := r.cfg.Table.Domains()
	switch {
	case d.pin != nil:
		return domains.DomainOfFlow(d.pin.Remote, d.pin.Local)
	case d.dialInfo != nil:
		return domains.DomainOf(d.dialInfo.Addr.Addr())
	}
	return d.node.BestDomain(r.cfg.Alive)
}

// hints fills in what every direct message says about peer infos (spec 03 §4.4).
func (r *RPC) hints(op *wire.Operation, to *routing.Entry, domain wire.RoutingDomain) {
	op.TargetNodeInfoTS = to.NodeInfoTimestamp(domain)
	if p := r.published(domain); p != nil && to.LastSeenOurs(domain) != p.Info.Timestamp {
		op.SenderPeerInfo = p
	}
}

// pack encodes an operation as the packed message of an envelope or a route. to is
// the node whose key a signature covers; nil: the private route's.
func (r *RPC) pack(op *wire.Operation, d *Destination, to *routing.Entry) ([]byte, error) {
	if p := probeOf(op.Body); p != nil {
		return packProbe(op, p)
	}
	data, err := wire.EncodeOperation(op)
	if err != nil {
		return nil, err
	}
	if d.signer == nil {
		return wire.EncodeSignedOperation(data, nil, crypto.Signature{})
	}
	dest := d.RouteKey()
	if to != nil {
		key, ok := keyOf(to, d.signer.PublicKey().Kind)
		if !ok {
			return nil, fmt.Errorf("%w: the node has no key to sign for", ErrInvalidTarget)
		}
		dest = key
	}
	signer := d.signer.PublicKey()
	signature := d.signer.Sign(wire.OperationSigningInput(nil, dest, data))
	return wire.EncodeSignedOperation(data, &signer, signature)
}

// keyOf is the public key of a node that signed operations name.
func keyOf(e *routing.Entry, kind crypto.Kind) (crypto.PublicKey, bool) {
	if p := e.PeerInfo(wire.PublicInternet); p != nil {
		if key, ok := route.PublicKeyFor(p, kind); ok {
			return key, true
		}
	}
	id, ok := e.ID(kind)
	return crypto.PublicKeyOf(id), ok
}

// lost charges a question that was not answered to whatever carried it.
func (r *RPC) lost(d *Destination, s *sent, now time.Time) {
	if s.result.Dialled && !d.routed() && !s.probe {
		r.net.Outcome(s.result.Transport, s.first.BestID(), false)
	}
	fault := r.linkFault(s.result.Transport)
	if d.routed() {
		s.via.Suppressed = fault
		evidence := 1.0
		if fault {
			evidence = 0
		}
		if r.cfg.Routes.QuestionLost(s.via, d.target(), s.at, evidence, now) || fault {
			return
		}
	}
	if !fault && !s.probe {
		s.first.AnswerLost(s.path(), now)
	}
}

// gained credits an answer to whatever carried the question.
func (r *RPC) gained(d *Destination, s *sent, in *message, now time.Time) {
	if s.result.Dialled && !d.routed() {
		r.net.Outcome(s.result.Transport, s.first.BestID(), true)
	}
	if d.routed() && r.cfg.Routes.AnswerReceived(s.via, d.target(), in.size, now.Sub(s.at), now) {
		return
	}
	if !s.probe {
		s.first.AnswerReceived(s.path(), in.size, now.Sub(s.at), now)
	}
}

// networkError turns the reason why a message did not leave into ours.
func networkError(err error) error {
	switch {
	case errors.Is(err, network.ErrTooLarge):
		return errors.Join(ErrTooLong, err)
	case errors.Is(err, network.ErrClosed):
		return errors.Join(ErrClosed, err)
	case errors.Is(err, network.ErrBusy), errors.Is(err, network.ErrNotPublished):
		return errors.Join(ErrTryAgain, err)
	}
	return errors.Join(ErrNoConnection, err)
}

// routeError turns the reason why there is no route into ours.
func routeError(err error) error {
	switch {
	case errors.Is(err, route.ErrTryAgain):
		return errors.Join(ErrTryAgain, err)
	case errors.Is(err, route.ErrUnavailable):
		return errors.Join(ErrUnavailable, err)
	case errors.Is(err, route.ErrUnreachable), errors.Is(err, route.ErrUnknownRoute):
		return errors.Join(ErrNoConnection, err)
	}
	return errors.Join(ErrInvalidTarget, err)
}
