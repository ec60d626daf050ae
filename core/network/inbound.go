package network

import (
	"sync"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Handler takes what arrived for this node. It owns in until it calls
// [Inbound.Release].
//
// HandleEnvelope is called from the goroutine that reads the flow, so blocking
// it slows down that flow's sender: right for an ordered flow
// ([Inbound.Ordered]). For a datagram it must not block but return false when
// it is full. After false, in is dropped and must not be used.
type Handler interface {
	HandleEnvelope(in *Inbound) bool
}

// Inbound is one message that was sealed for this node: a verified sender and
// the decrypted body.
type Inbound struct {
	Body     []byte             // the handler's until Release
	Sender   crypto.NodeID      // verified
	Kind     crypto.Kind        // of the envelope
	Entry    *routing.Entry     // of Sender, never nil
	Flow     transport.Flow     // it came on; of the relay, if it was relayed
	Domain   wire.RoutingDomain // of Flow
	Datagram int                // bytes of the one datagram it came in; 0: several, or no datagram
	Dialled  bool               // Flow is a connection that we opened, or UDP
	Received time.Time

	buffer *[]byte // nil: released
	pool   *sync.Pool
}

// Ordered reports whether it came on a flow that keeps the order.
func (in *Inbound) Ordered() bool { return in.Flow.Protocol.Ordered() }

// Path is the way it came, for the counters of an entry.
func (in *Inbound) Path() routing.Path { return routing.Path{Flow: in.Flow, Dialled: in.Dialled} }

// Release gives the body's memory back. Body and everything that refers to it
// must not be used after it. Calling it again does nothing.
func (in *Inbound) Release() {
	if in.buffer != nil {
		in.pool.Put(in.buffer)
		in.buffer, in.Body = nil, nil
	}
}
