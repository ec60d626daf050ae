package core

import (
	"context"
	"sync"
	"time"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// AttachmentState is how well a node is attached: Detached, Detaching, Attaching,
// AttachedWeak, AttachedFair, AttachedGood, AttachedStrong, AttachedFull. It says
// nothing about readiness.
type AttachmentState = attach.State

// AttachmentStatus is the state of the attachment (spec 07 §4).
type AttachmentStatus struct {
	State AttachmentState
	// PublicInternetReady: peer info published, enough peers known and tested, and
	// safety routes at hand. Only then do private routes and records work.
	PublicInternetReady bool
	LocalNetworkReady   bool
	Uptime              time.Duration // since the start
	AttachedUptime      time.Duration // since the change to Attaching; 0: detached
	ReliablePeers       int
	LivePeers           int
	EstimatedSize       uint64        // of the network, in nodes
	OverAttached        int           // entries above the depth of their buckets
	MedianLatency       time.Duration // of reliable peers; 0: unknown
	// Stage says in one word what the node waits for while it is not ready.
	Stage string
	// StartError is why the network could not be started, "" if it is.
	StartError string
}

// NetworkStatus is what the network does (spec 07 §4).
type NetworkStatus struct {
	Started        bool
	BpsDown, BpsUp uint64 // bytes per second, average of the last ten seconds
	Peers          []PeerStatus
	NodeIDs        []crypto.NodeID // empty while the network is not started
}

// PeerStatus is what is known of a peer that was in touch lately.
type PeerStatus struct {
	NodeIDs []crypto.NodeID
	Address string // of its last flow, such as "TCP:192.0.2.1:5150"
	Stats   routing.PeerStats
}

// State is everything at once. Config has the secret keys in it.
type State struct {
	Attachment AttachmentStatus
	Network    NetworkStatus
	Config     config.Config
}

// maxPeers is how many peers a state lists (spec 07 §4).
const maxPeers = 64

// State is a snapshot.
func (n *Node) State() (State, error) {
	if err := n.usable(); err != nil {
		return State{}, err
	}
	return State{Attachment: n.attachmentStatus(n.attach.Status()), Network: n.networkStatus(), Config: *n.settings()}, nil
}

// ID is the node id of the best kind.
func (n *Node) ID() crypto.NodeID { return n.table.NodeIDs()[0] }

// Config is the configuration in force, secret keys included.
func (n *Node) Config() config.Config { return *n.settings() }

// Attach asks to be attached to the network and returns at once. Errors: Generic
// "Already attached".
func (n *Node) Attach() error { return attachError(n.attach.Attach()) }

// Detach asks to be detached and returns at once. Errors: Generic "Not attached".
func (n *Node) Detach() error { return attachError(n.attach.Detach()) }

func attachError(err error) error {
	switch err {
	case nil:
		return nil
	case attach.ErrAttached:
		return errorf(Generic, err, "Already attached")
	case attach.ErrDetached:
		return errorf(Generic, err, "Not attached")
	}
	return &Error{Kind: NotInitialized, Err: err}
}

// SetBackground tells that the application has gone to the background, where its
// node does less, or has come back.
func (n *Node) SetBackground(on bool) {
	n.debug.noteBackground(on)
	n.attach.SetBackground(on)
}

// NetworkChanged tells that interfaces or connectivity may have changed: the node
// looks now, not at its next tick.
func (n *Node) NetworkChanged() { n.attach.Poke() }

// WaitAttachment blocks until the condition holds for the state of the attachment,
// or ctx ends: then the error is Timeout. The condition must not block.
func (n *Node) WaitAttachment(ctx context.Context, condition func(AttachmentStatus) bool) (AttachmentStatus, error) {
	s, err := n.attach.Wait(ctx, func(s attach.Status) bool { return condition(n.attachmentStatus(s)) })
	switch {
	case err == attach.ErrClosed:
		err = &Error{Kind: NotInitialized, Err: err}
	case err != nil:
		err = &Error{Kind: Timeout, Err: err}
	}
	return n.attachmentStatus(s), err
}

// WaitReady blocks until the node is attached and PublicInternetReady.
func (n *Node) WaitReady(ctx context.Context) error {
	_, err := n.WaitAttachment(ctx, func(s AttachmentStatus) bool {
		return s.State >= attach.AttachedWeak && s.PublicInternetReady
	})
	return err
}

// Subscribe asks for all updates from now on; backlog is how many may wait for the
// receiver, 0 for [DefaultBacklog].
func (n *Node) Subscribe(backlog int) *Subscription { return n.updates.add(backlog) }

func (n *Node) attachmentStatus(s attach.Status) AttachmentStatus {
	a := AttachmentStatus{
		State: s.State, PublicInternetReady: s.PublicInternetReady, LocalNetworkReady: s.LocalNetworkReady,
		Uptime: time.Since(n.start), ReliablePeers: s.Reliable, LivePeers: s.Live,
		EstimatedSize: s.EstimatedSize, OverAttached: s.OverAttached, MedianLatency: s.MedianLatency,
	}
	if !s.AttachedSince.IsZero() {
		a.AttachedUptime = time.Since(s.AttachedSince)
	}
	switch {
	case s.State < attach.Attaching:
	case s.StartError != nil:
		a.Stage, a.StartError = "NetworkNotStarted", s.StartError.Error()
	case s.PublicInternetReady:
		a.Stage = "Ready"
	case s.Inbound != routing.InboundReadyToPublish:
		a.Stage = s.Inbound.String()
	default:
		a.Stage = s.Outbound.String()
	}
	return a
}

func (n *Node) networkStatus() NetworkStatus {
	s := NetworkStatus{Started: n.attach.Started()}
	if !s.Started {
		return s
	}
	s.NodeIDs = n.ids()
	s.BpsDown, s.BpsUp = n.traffic.rates()
	now := time.Now()
	for _, e := range n.table.Recent() {
		if len(s.Peers) == maxPeers {
			break
		}
		f, ok := e.LastFlow(routing.AnyDialInfo(), wire.PreferUnordered, n.network.Alive)
		if !ok {
			continue
		}
		s.Peers = append(s.Peers, PeerStatus{
			NodeIDs: append([]crypto.NodeID(nil), e.NodeIDs()...),
			Address: f.Protocol.String() + ":" + f.Remote.String(),
			Stats:   e.Stats(now),
		})
	}
	return s
}

// attachmentChanged tells of it, and of a network that has been started or stopped.
func (n *Node) attachmentChanged(s attach.Status) {
	status := n.attachmentStatus(s)
	n.log.Debug("attachment changed", "state", status.State.String(), "public_internet_ready", status.PublicInternetReady, "local_network_ready", status.LocalNetworkReady)
	n.updates.publish(AttachmentUpdate{status})
	if started := n.attach.Started(); n.started.Swap(started) != started {
		n.updates.publish(NetworkUpdate{n.networkStatus()})
	}
}

// ticked is called once a second while the network runs.
func (n *Node) ticked() {
	t := n.network.Traffic()
	if n.traffic.roll(t.Down, t.Up, time.Now()) {
		n.updates.publish(NetworkUpdate{n.networkStatus()})
	}
}

// trafficMeter keeps the transfer statistics of the whole node (spec 04 §13).
type trafficMeter struct {
	mu               sync.Mutex
	down, up         routing.TransferMeter
	lastDown, lastUp uint64
	at               time.Time
}

// roll takes the totals; it reports whether a second has passed since the last one.
func (m *trafficMeter) roll(down, up uint64, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.at) < time.Second-50*time.Millisecond {
		return false
	}
	m.at = now
	m.down.Add(int(down - m.lastDown))
	m.up.Add(int(up - m.lastUp))
	m.lastDown, m.lastUp = down, up
	m.down.Roll(now)
	m.up.Roll(now)
	return true
}

func (m *trafficMeter) rates() (down, up uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.down.Transfer().Average, m.up.Transfer().Average
}

// Started reports whether the network of the node runs: it listens and can be
// dialled.
func (n *Node) Started() bool { return n.attach.Started() }
