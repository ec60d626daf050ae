package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// FindNode asks a node for the nodes nearest to a point that have all of the
// capabilities, and registers them (spec 03 §6.2, spec 04 §7.2). The result has
// those that could be registered, our own node not among them.
func (r *RPC) FindNode(ctx context.Context, d Destination, point crypto.NodeID, caps []wire.Capability) ([]*routing.Entry, error) {
	a, err := r.Ask(ctx, d, &wire.FindNodeQ{NodeID: point, Capabilities: caps, MaxPeers: wire.DefaultMaxPeers})
	if err != nil {
		return nil, err
	}
	peers := a.Detail.(*wire.FindNodeA).Peers
	for _, p := range peers {
		for _, c := range caps {
			if !slices.Contains(p.Info.Capabilities, c) {
				return nil, fmt.Errorf("%w: a peer without a capability that was asked for", ErrInvalidAnswer)
			}
		}
	}
	return r.Register(peers), nil
}

// Register puts the peers of an answer into the routing table; what is refused,
// a bad signature included, is left out.
func (r *RPC) Register(peers []*wire.PeerInfo) []*routing.Entry {
	var entries []*routing.Entry
	for _, p := range peers {
		if slices.ContainsFunc(p.NodeIDs, r.cfg.Table.IsOwn) {
			continue
		}
		if e, err := r.cfg.Table.RegisterPeer(p, routing.RegisterOptions{}, time.Now()); err == nil {
			entries = append(entries, e)
		}
	}
	return entries
}

// Status asks whether somebody lives there (spec 03 §6.1). What the answer says of
// us is passed to Config.Observe.
func (r *RPC) Status(ctx context.Context, d Destination) (Answer, error) {
	a, err := r.Ask(ctx, d, &wire.StatusQ{NodeStatus: d.safety.IsUnsafe()})
	if err != nil {
		return Answer{}, err
	}
	r.observe(&d, &a)
	return a, nil
}

// observe takes what a direct answer tells: that the node has a status, and the
// address that it saw us at.
func (r *RPC) observe(d *Destination, a *Answer) {
	s := a.Detail.(*wire.StatusA)
	if d.routed() {
		return
	}
	if s.NodeStatus {
		d.node.SetNodeStatus(a.Sent.Domain)
	}
	// What was not sent straight to the node was seen by its relay.
	if !s.SenderAddr.IsValid() || !a.Sent.ToDialInfo {
		return
	}
	previous, had := d.node.SetSenderInfo(a.Sent.Domain, a.Sent.Transport, s.SenderAddr)
	if r.cfg.Observe != nil {
		r.cfg.Observe(Observation{
			Reporter: d.node, Domain: a.Sent.Domain, Flow: a.Sent.Flow,
			Addr: s.SenderAddr, Previous: previous, HadPrevious: had,
		})
	}
}

// ProbeMTU asks a question that fills a datagram of a size and returns the size of
// the datagram that the answer came in, 0 if it was no single one or without
// probe (spec 03 §6.1).
func (r *RPC) ProbeMTU(ctx context.Context, d Destination, size uint16) (int, error) {
	a, err := r.Ask(ctx, d, &wire.StatusQ{NodeStatus: true, Probe: &wire.MTUProbe{Size: size}})
	if err != nil {
		return 0, err
	}
	if a.Detail.(*wire.StatusA).Probe == nil {
		return 0, nil
	}
	return a.Datagram, nil
}

// Validate asks a node to dial an address of ours, or to have another node do so,
// and waits for the receipt that comes back out of band (spec 04 §9.4). nil: the
// address can be dialled. [ErrTimeout]: it cannot. Anything else is no verdict.
func (r *RPC) Validate(ctx context.Context, d Destination, di wire.DialInfo, redirect bool, wait time.Duration) error {
	receipt, err := r.net.Receipts().New(network.OutOfBand, wait+validateSend)
	if err != nil {
		return errors.Join(ErrTryAgain, err)
	}
	defer receipt.Cancel()
	sending, cancel := context.WithTimeout(ctx, validateSend)
	defer cancel()
	if _, err := r.Tell(sending, d, &wire.ValidateDialInfo{DialInfo: di, Receipt: receipt.Bytes(), Redirect: redirect}); err != nil {
		return err
	}
	waiting, done := context.WithTimeout(ctx, wait)
	defer done()
	_, err = receipt.Wait(waiting)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return errors.Join(ErrTimeout, err)
}

// validateSend is how long a ValidateDialInfo may take to get out (spec 04 §9.4).
const validateSend = 1500 * time.Millisecond

// Resolve finds a node by its id: in the routing table, or by asking the nodes
// nearest to it, each as ask says (spec 04 §7.3). It takes up to ten seconds. If
// nobody knows the node, whatever entry there was is returned, or [ErrNoConnection].
func (r *RPC) Resolve(ctx context.Context, id crypto.NodeID, ask func(*routing.Entry) Destination) (*routing.Entry, error) {
	now := time.Now()
	if e := r.cfg.Table.Resolved(id, now); e != nil {
		return e, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	var calls guard.Group
	defer func() { cancel(); calls.Wait() }()
	f := routing.NewFanout(routing.ResolveConfig(id), r.cfg.Table.FanoutNodes(id.Coordinate(), false, nil, now), now)
	type reply struct {
		node  *routing.FanoutNode
		peers []*routing.Entry
	}
	replies := make(chan reply)
	running := 0
	for {
		now = time.Now()
		for n := f.Next(now); n != nil; n = f.Next(now) {
			running++
			calls.Go(func() {
				peers, err := r.FindNode(ctx, ask(n.Entry), id, nil)
				if err != nil {
					peers = nil
				}
				select {
				case replies <- reply{n, peers}:
				case <-ctx.Done():
				}
			})
		}
		if running == 0 || f.Finished(now) {
			break
		}
		wake := time.NewTimer(time.Until(f.Wake(now)))
		select {
		case a := <-replies:
			running--
			f.Done(a.node, routing.FanoutRejected, a.peers, time.Now())
		case <-wake.C:
		case <-ctx.Done():
			wake.Stop()
			return nil, context.Cause(ctx)
		}
		wake.Stop()
		f.Cut(time.Now())
		if e := r.cfg.Table.Resolved(id, time.Now()); e != nil {
			return e, nil
		}
	}
	if e := r.cfg.Table.Lookup(id); e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("%w: node not found", ErrNoConnection)
}

// PlainProbe is the question that goes beside a probe: its loss blames nobody
// either. It returns the round trip.
func (r *RPC) PlainProbe(ctx context.Context, d Destination) (time.Duration, error) {
	d.uncounted = true
	a, err := r.Ask(ctx, d, &wire.StatusQ{NodeStatus: true})
	return a.Latency, err
}
