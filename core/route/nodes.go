package route

import (
	"net/netip"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Nodes is what routes need to know of the routing table, always in the
// PublicInternet domain. Methods are pure look-ups: they do not block, and are
// called from any goroutine, some of them while the [Store] is locked, so that
// they must not call back into it. What they return is not changed by this package.
type Nodes interface {
	// Published is our own published peer info; nil: nothing is published.
	Published() *wire.PeerInfo
	// PeerInfo is the signed peer info of a node; nil: the node or its peer info is
	// not known.
	PeerInfo(id crypto.NodeID) *wire.PeerInfo
	// Candidates lists the nodes that may be hops of a route of this ordering by
	// rules 1, 2 and 4 to 10 of spec 05 §16. Rules 3 and 11, the nodes to avoid,
	// are applied here.
	Candidates(kinds crypto.Kinds, ordering Ordering, now time.Time) []Candidate
	// CanContact reports whether there is a contact method from one node to another
	// over links of this ordering alone (spec 05 §16). Either may be our own.
	CanContact(from, to *wire.PeerInfo, ordering Ordering) bool
	// ValidEntry reports whether a node can be dialled from the public internet by
	// what it says of itself, directly or through its relays (spec 05 §13.3).
	ValidEntry(node *wire.PeerInfo) bool
}

// Candidate is a node that may be a hop of our routes.
type Candidate struct {
	PeerInfo     *wire.PeerInfo   // as of [Nodes.PeerInfo], never nil
	Latency      time.Duration    // mean of the 90 % of answers that were faster; 0: not measured
	Reliable     bool             // state Reliable, not only Unreliable
	Steady       time.Time        // first steady answer; zero: none
	Added        time.Time        // to the table
	NearUs       bool             // shares an IP block with us, relays included
	RelayCapable bool             // would qualify as a relay for us
	Blocks       []netip.AddrPort // IP blocks of the node and its relays; port 0 unless a port counts as a place
}
