package dht

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Nearby tells a server which nodes are nearer to a record than its own. It must
// not block, and may be called from any goroutine.
type Nearby interface {
	// Closer lists up to n nodes that are reliable, serve records and are strictly
	// nearer to the key than this node, nearest first. ok is false if this node has
	// no id of the key's kind.
	Closer(key crypto.OpaqueRecordKey, n int, now time.Time) (peers []*wire.PeerInfo, ok bool)
}

// TableNearby is the Nearby of a routing table. Records are a matter of the public
// internet: no other domain carries DHTV (spec 06 §1.3).
type TableNearby struct{ Table *routing.Table }

// Closer implements [Nearby].
func (t TableNearby) Closer(key crypto.OpaqueRecordKey, n int, now time.Time) ([]*wire.PeerInfo, bool) {
	own, ok := t.Table.NodeID(key.Kind)
	if !ok {
		return nil, false
	}
	point := key.Coordinate()
	ours, _ := own.Distance(point)
	entries := t.Table.Closest(point, n, func(e *routing.Entry, s routing.State) bool {
		if s != routing.StateReliable {
			return false
		}
		id, ok := e.ID(key.Kind)
		if !ok {
			return false
		}
		if d, _ := id.Distance(point); !d.Less(ours) {
			return false
		}
		p := e.SignedPeerInfo(wire.PublicInternet)
		return p != nil && p.Info.Has(wire.CapDHTV)
	}, now)
	peers := make([]*wire.PeerInfo, 0, len(entries))
	for _, e := range entries {
		if p := e.SignedPeerInfo(wire.PublicInternet); p != nil {
			peers = append(peers, p)
		}
	}
	return peers, true
}

// Notifier carries changes to those who watch. It may block until the context
// ends, and is called from several goroutines at once.
type Notifier interface {
	SendValueChanged(ctx context.Context, way rpc.Destination, c *wire.ValueChanged) error
}

// RPCNotifier is the Notifier of an RPC layer.
type RPCNotifier struct{ RPC *rpc.RPC }

// SendValueChanged implements [Notifier].
func (n RPCNotifier) SendValueChanged(ctx context.Context, way rpc.Destination, c *wire.ValueChanged) error {
	_, err := n.RPC.Tell(ctx, way, c)
	return err
}

// Watcher takes reports on records that this node watches: the client side.
type Watcher interface {
	ValueChanged(ctx context.Context, c *wire.ValueChanged, reporter crypto.NodeID) error
}

// target tells ways back apart: two are the same if they lead to the same node, or
// into private routes of the same key (spec 06 §7.1 step 4).
type target struct {
	route bool
	kind  crypto.Kind
	value [crypto.ValueSize]byte
}

func targetOf(way rpc.Destination) target {
	if e := way.Entry(); e != nil {
		id := e.BestID()
		return target{false, id.Kind, id.Value}
	}
	key := way.RouteKey()
	return target{true, key.Kind, key.Value}
}
