package dht

import (
	"context"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Nodes is how a client finds and asks other nodes. Methods may be called from any
// goroutine; only Ask and PinRoute may block.
type Nodes interface {
	// Ready reports whether the network can be used for records (spec 06 §1.3).
	Ready() bool
	// Nearest lists up to 20 nodes to begin a search with, reliable ones first,
	// then by distance: those that serve records and have answered before, or with
	// initial set also those that were never asked (spec 06 §8.3).
	Nearest(key crypto.OpaqueRecordKey, initial bool) []*routing.Entry
	// Find gives a node that serves records and may be alive; nil: there is none.
	Find(id crypto.NodeID) *routing.Entry
	// Register takes the peers of an answer into the routing table, and gives those
	// that serve records, our own node not among them.
	Register(peers []*wire.PeerInfo) []*routing.Entry
	// Ask asks a node and waits for its answer, as long as the protocol allows. The
	// errors are those of [rpc.RPC.Ask].
	Ask(ctx context.Context, q Question) (Reply, error)
	// PinRoute names in a selection the own route that questions to a node would
	// take, so that all of them take it. A selection without a route stays as it is.
	PinRoute(ctx context.Context, to *routing.Entry, s route.SafetySelection) (route.SafetySelection, error)
	// RouteAlive reports whether messages still arrive by an own route, as far as is
	// known.
	RouteAlive(id crypto.RouteID) bool
	// LostRouted reports whether a node did not answer a question that went over a
	// route, as far as that says something still.
	LostRouted(e *routing.Entry) bool
	// Faulty tells of a node whose answer broke the protocol in what only the user
	// of records can see: a signature (spec 06 §17). direct: it was asked without a
	// route, so that it is known to have said so.
	Faulty(e *routing.Entry, direct bool)
}

// Question is a question on a record.
type Question struct {
	To     *routing.Entry
	Safety route.SafetySelection
	Signer crypto.Signer // nil: not signed
	Detail wire.QuestionDetail
}

// Reply is the answer to a [Question].
type Reply struct {
	Detail  wire.AnswerDetail
	Latency time.Duration
}

// RPCNodes is the Nodes of an RPC layer.
type RPCNodes struct {
	RPC    *rpc.RPC
	Table  *routing.Table
	Routes *route.Store
	Online func() bool             // PublicInternet is ready inbound and outbound
	Punish func(id *routing.Entry) // nil: nobody pays
}

// Ready implements [Nodes].
func (n RPCNodes) Ready() bool { return n.Online() }

func serves(e *routing.Entry) bool {
	p := e.SignedPeerInfo(wire.PublicInternet)
	return p != nil && p.Info.Has(wire.CapDHTV)
}

// Nearest implements [Nodes].
func (n RPCNodes) Nearest(key crypto.OpaqueRecordKey, initial bool) []*routing.Entry {
	return n.Table.FanoutNodes(key.Coordinate(), initial, func(e *routing.Entry, _ routing.State) bool { return serves(e) }, time.Now())
}

// Find implements [Nodes].
func (n RPCNodes) Find(id crypto.NodeID) *routing.Entry {
	e := n.Table.Lookup(id)
	if e == nil || !serves(e) || !e.State(time.Now()).MaybeLive() {
		return nil
	}
	return e
}

// Register implements [Nodes].
func (n RPCNodes) Register(peers []*wire.PeerInfo) []*routing.Entry {
	return slices.DeleteFunc(n.RPC.Register(peers), func(e *routing.Entry) bool { return !serves(e) })
}

// Ask implements [Nodes].
func (n RPCNodes) Ask(ctx context.Context, q Question) (Reply, error) {
	to := rpc.SafeNode(q.To, q.Safety)
	if q.Signer != nil {
		to = to.SignedBy(q.Signer)
	}
	a, err := n.RPC.Ask(ctx, to, q.Detail)
	return Reply{a.Detail, a.Latency}, err
}

// PinRoute implements [Nodes].
func (n RPCNodes) PinRoute(_ context.Context, to *routing.Entry, s route.SafetySelection) (route.SafetySelection, error) {
	spec, safe := s.Spec()
	if !safe {
		return s, nil
	}
	now := time.Now()
	reply, err := n.Routes.ReplyRoute(route.Target{Node: to.PeerInfo(wire.PublicInternet)}, s, now)
	if err != nil {
		return s, err
	}
	if id, ok := n.Routes.RouteIDOf(reply.Key, now); ok {
		spec.Preferred = id
	}
	return route.Safe(spec), nil
}

// RouteAlive implements [Nodes].
func (n RPCNodes) RouteAlive(id crypto.RouteID) bool { return n.Routes.Usable(id) }

// LostRouted implements [Nodes].
func (n RPCNodes) LostRouted(e *routing.Entry) bool {
	return n.Routes.Lost(route.Target{Node: e.PeerInfo(wire.PublicInternet)})
}

// Faulty implements [Nodes].
func (n RPCNodes) Faulty(e *routing.Entry, direct bool) {
	if direct && n.Punish != nil {
		n.Punish(e)
	}
}
