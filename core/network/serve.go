package network

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

const (
	bootQueue   = 32          // requests that wait to be answered; more are dropped
	bootRefresh = time.Second // an answer is made at most this often
)

// BootstrapSource is what is told to newcomers. Methods may be called from any
// goroutine and must not block for long.
type BootstrapSource interface {
	// ServesBootstrap reports whether BOOT and B01T are answered at present: by
	// configuration, or because this node found itself among its own bootstraps.
	ServesBootstrap() bool
	// BootstrapPeers are the signed PublicInternet peer infos of live nodes that
	// were not seen on the local network, the best first.
	BootstrapPeers() []*wire.PeerInfo
	// BootstrapRecords are the record strings to serve, see bootstrap.Store.
	BootstrapRecords() []string
}

// bootRequest is one BOOT or B01T to be answered.
type bootRequest struct {
	flow transport.Flow
	kind envelope.MessageKind
}

// bootstrapRequest takes a request. A node that does not serve, a sender over
// its rate and a full queue all look the same from outside: silence (spec 02
// §13.4).
func (m *Manager) bootstrapRequest(msg transport.Message, kind envelope.MessageKind) {
	if m.cfg.Bootstrap == nil || !m.cfg.Bootstrap.ServesBootstrap() {
		return
	}
	if err := m.filter.CountRequest(msg.Flow.Remote.Addr(), time.Now()); err != nil {
		m.log.Debug("bootstrap request refused", "flow", msg.Flow.String(), "err", err)
		return
	}
	select {
	case m.answers <- bootRequest{msg.Flow, kind}:
	default:
		m.traffic.dropped.Add(1)
	}
}

// bootstrapLoop answers until Close.
func (m *Manager) bootstrapLoop() {
	var cache bootCache
	for {
		select {
		case r := <-m.answers:
			answer := cache.v0.get
			fresh := m.answerV0
			if r.kind == envelope.BootstrapV1 {
				answer, fresh = cache.v1.get, m.answerV1
			}
			m.answerBootstrap(r, answer(time.Now(), fresh))
		case <-m.ctx.Done():
			return
		}
	}
}

func (m *Manager) answerBootstrap(r bootRequest, answer []byte) {
	stack := m.stack.Load()
	if stack == nil || len(answer) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(m.ctx, m.cfg.SendTimeout)
	defer cancel()
	// In datagrams of 1200 bytes at most, whoever asks (spec 02 §2.4).
	if err := (*stack).SendFlow(ctx, r.flow, answer, transport.DefaultDatagram); err != nil {
		m.log.Debug("bootstrap answer not sent", "flow", r.flow.String(), "err", err)
		return
	}
	m.traffic.up.Add(uint64(len(answer)))
}

// bootCache keeps the answers for a moment, so that a flood of requests costs
// no more than sending.
type bootCache struct{ v0, v1 bootAnswer }

type bootAnswer struct {
	text []byte // nil: silence
	made time.Time
}

// get makes the answer if the last one is too old.
func (a *bootAnswer) get(now time.Time, make func() []byte) []byte {
	if a.made.IsZero() || now.Sub(a.made) >= bootRefresh {
		a.text, a.made = make(), now
	}
	return a.text
}

// answerV0 puts this node first, on purpose: from a Veilid server that knows
// nobody the first client gets an empty list, and no network can begin.
func (m *Manager) answerV0() []byte {
	own := m.table.Own(wire.PublicInternet).Published()
	peers := bootstrap.SelectV0(m.cfg.Crypto.Kinds(), own, m.cfg.Bootstrap.BootstrapPeers())
	return bootstrap.AppendV0(nil, peers)
}

func (m *Manager) answerV1() []byte {
	answer, ok := bootstrap.AnswerToV1(m.cfg.Bootstrap.BootstrapRecords(), func(id crypto.NodeID) *wire.PeerInfo {
		if m.table.IsOwn(id) {
			return m.table.Own(wire.PublicInternet).Published()
		}
		if e := m.table.Lookup(id); e != nil {
			return e.SignedPeerInfo(wire.PublicInternet)
		}
		return nil
	})
	if !ok {
		return nil
	}
	text, err := bootstrap.AppendV1(nil, answer)
	if err != nil {
		m.log.Warn("bootstrap records do not fit an answer", "err", err)
		return nil
	}
	return text
}
