package network

import (
	"context"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// HandleMessage implements transport.Handler: it dispatches one unframed
// message, in the order of spec 02 §8. It decrypts in the goroutine of the
// caller, and blocks an ordered flow while what is above it, or the queue of
// relayed messages, is full.
func (m *Manager) HandleMessage(msg transport.Message) {
	m.traffic.down.Add(uint64(len(msg.Data)))
	if msg.Inbound {
		m.accepted.add(msg.Flow)
	}
	kind := envelope.Classify(msg.Data)
	switch kind {
	case envelope.Empty:
		return
	case envelope.Short:
		m.punishIP(msg.Flow, transport.ShortPacket, nil)
		return
	}
	domain, ok := m.table.Domains().DomainOfFlow(msg.Flow.Remote, msg.Flow.Local)
	if !ok {
		return
	}
	switch kind {
	case envelope.BootstrapV0, envelope.BootstrapV1:
		m.bootstrapRequest(msg, kind)
	case envelope.OutOfBand:
		if err := m.receipts.Returned(msg.Data, Return{Way: OutOfBand, Flow: msg.Flow}); err != nil {
			m.log.Debug("receipt ignored", "flow", msg.Flow.String(), "err", err)
		}
	default:
		m.envelope(msg, domain)
	}
}

// envelope handles steps 6 to 12 of spec 02 §8.
func (m *Manager) envelope(msg transport.Message, domain wire.RoutingDomain) {
	env, err := m.codec.Parse(msg.Data)
	if err != nil {
		m.punishIP(msg.Flow, transport.FailedToDecodeEnvelope, err)
		return
	}
	if v := m.check(&env); !v.OK() {
		m.log.Debug("envelope dropped", "peer", env.Sender, "flow", msg.Flow.String(), "err", v.String())
		return
	}
	now := time.Now()
	if m.filter.NodePunished(env.Sender, now) {
		return
	}
	own := m.identityOf(env.Recipient)
	if own == nil {
		m.forward(msg, &env, now)
		return
	}
	buf := buffer(&m.bodies)
	body, err := m.codec.Open(*buf, &env, own)
	if err != nil {
		m.bodies.Put(buf)
		m.log.Debug("envelope does not open", "peer", env.Sender, "flow", msg.Flow.String(), "err", err)
		m.PunishNode(env.Sender, transport.FailedToDecryptEnvelopeBody)
		return
	}
	*buf = body
	entry, err := m.table.RegisterSender(env.Sender, msg.Flow, wire.ENV0, now)
	if err != nil {
		m.bodies.Put(buf)
		m.log.Debug("sender not registered", "peer", env.Sender, "err", err)
		return
	}
	m.keepForRelayed(entry, msg.Flow)
	in := &Inbound{
		Body: body, Sender: env.Sender, Kind: env.Kind, Entry: entry,
		Flow: msg.Flow, Domain: domain, Datagram: msg.Datagram, Dialled: !msg.Inbound, Received: now,
		buffer: buf, pool: &m.bodies,
	}
	if !m.cfg.Handler.HandleEnvelope(in) {
		in.Release()
		m.traffic.dropped.Add(1)
	}
}

// keepForRelayed protects the ordered flow of a node that names us as its relay
// from being evicted (spec 02 §6.1).
func (m *Manager) keepForRelayed(e *routing.Entry, flow transport.Flow) {
	if !m.relaying.Load() || !flow.Protocol.Ordered() {
		return
	}
	p := e.SignedPeerInfo(wire.PublicInternet)
	if p == nil {
		return
	}
	for i := range p.Info.Relays {
		if slices.ContainsFunc(p.Info.Relays[i].NodeIDs, m.table.IsOwn) {
			if stack := m.stack.Load(); stack != nil {
				(*stack).Prioritize(flow)
			}
			return
		}
	}
}

// check judges the timestamp (spec 02 §9.4).
func (m *Manager) check(env *envelope.Envelope) envelope.Verdict {
	m.stampsMu.Lock()
	defer m.stampsMu.Unlock()
	return m.stamps.Check(env.Sender, env.Timestamp, m.cfg.Clock.Increasing())
}

// identityOf is the own identity with an id; nil: not one of ours.
func (m *Manager) identityOf(id crypto.NodeID) *envelope.Identity {
	for _, own := range m.cfg.Identity {
		if own.NodeID() == id {
			return own
		}
	}
	return nil
}

// relayWait is how long a full queue may hold an ordered flow up; longer, and
// one slow target would cut off everybody behind the same connection.
const relayWait = 2 * time.Second

// relayed is a message on its way to another node.
type relayed struct {
	to      *routing.Entry
	from    transport.Flow
	message *[]byte // from Manager.messages
	queued  time.Time
}

// forward queues an envelope for somebody else (spec 02 §10). It has passed all
// checks of its sender; who the recipient is, is not checked, as long as we
// know it.
func (m *Manager) forward(msg transport.Message, env *envelope.Envelope, now time.Time) {
	if !m.relaying.Load() || m.table.IsOwn(env.Sender) {
		return
	}
	to := m.table.Lookup(env.Recipient)
	if to == nil || to.Punished() {
		return
	}
	buf := buffer(&m.messages)
	*buf = append(*buf, msg.Data...)
	job := relayed{to: to, from: msg.Flow, message: buf, queued: now}
	select {
	case m.relay <- job:
		return
	default:
	}
	if msg.Flow.Protocol.Ordered() {
		wait := time.NewTimer(relayWait)
		defer wait.Stop()
		select {
		case m.relay <- job:
			return
		case <-wait.C:
		case <-m.ctx.Done():
		}
	}
	m.messages.Put(buf)
	m.traffic.dropped.Add(1)
}

// relayLoop sends queued messages until Close.
func (m *Manager) relayLoop() {
	for {
		select {
		case job := <-m.relay:
			started := time.Now()
			m.pass(job)
			m.messages.Put(job.message)
			m.relayDequeue.Add(started.Sub(job.queued))
			m.relayProcess.Add(time.Since(started))
		case <-m.ctx.Done():
			return
		}
	}
}

// pass sends the unchanged bytes over a live flow: an ordered one if they came
// over one, else the newest of all. It never opens a connection (spec 04 §10.3).
func (m *Manager) pass(job relayed) {
	stack := m.stack.Load()
	if stack == nil {
		return
	}
	seq := wire.PreferUnordered
	if job.from.Protocol.Ordered() {
		seq = wire.EnsureOrdered
	}
	flow, ok := job.to.LastFlow(routing.AnyDialInfo(), seq, m.Alive)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, m.cfg.SendTimeout)
	defer cancel()
	size, _ := m.sizes(job.to, flow.Remote.Addr())
	if err := (*stack).SendFlow(ctx, flow, *job.message, size); err != nil {
		job.to.ForgetFlow(flow)
		m.log.Debug("relayed message not sent", "peer", job.to.BestID(), "flow", flow.String(), "err", err)
		return
	}
	m.traffic.up.Add(uint64(len(*job.message)))
	m.reached.relayed.Add(1)
}
