package network

import (
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Request is one message to send.
type Request struct {
	Target     *routing.Entry  // whom the envelope is sealed for
	Body       []byte          // RPC message; not kept, not changed
	Sequencing wire.Sequencing // wanted order

	Protocols wire.ProtocolSet    // restricts the dial info used; 0: all
	Addresses wire.AddressSet     // likewise; 0: both
	Domain    *wire.RoutingDomain // restricts the routing domain; nil: the best of the target

	// PinFlow is the flow to send on, for an answer the flow of its question
	// (spec 02 §6.3 rule 0). If it is gone, a contact method is chosen, or with
	// MustPin the send fails with ErrFlowGone. nil: not pinned.
	PinFlow *transport.Flow
	MustPin bool

	// DialInfo sends exactly there whoever listens there: a relay of Target (the
	// "Relay" destination) or a dial info of its own. A live flow of the node at
	// that address is used if there is one. nil: a contact method is chosen.
	DialInfo *wire.DialInfo
}

// Result says how a message left.
type Result struct {
	Flow transport.Flow
	// Dialled: a datagram, or on a connection that we opened. Only then is an
	// answer that does not come held against the node (spec 04 §5.3).
	Dialled bool
	// ToDialInfo: Flow ends at one of the target's own dial infos, so an answer
	// proves that its transport works. False for relayed messages.
	ToDialInfo bool
	Domain     wire.RoutingDomain // of Flow
	Transport  routing.Transport  // of Flow
	Size       int                // bytes of the envelope
}
