package transport

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/voile-net/voile/core/transport/vlframe"
	"github.com/voile-net/voile/core/wire"
)

// MaxMessage is the largest message on any transport (spec 02 §0).
const MaxMessage = vlframe.MaxMessage

// DefaultDatagram is the size of datagrams towards a peer that advertises
// nothing (spec 02 §2.4).
const DefaultDatagram = 1200

// Flow is a way that messages have come or can go (spec 02 §1.5). It is
// comparable; addresses are never IPv4-mapped.
type Flow struct {
	Protocol wire.ProtocolType
	Remote   netip.AddrPort
	Local    netip.AddrPort // invalid: unknown; UDP: what the socket is bound to, so often unspecified
}

// String is for logs.
func (f Flow) String() string {
	if !f.Local.IsValid() {
		return fmt.Sprintf("%v %v", f.Protocol, f.Remote)
	}
	return fmt.Sprintf("%v %v->%v", f.Protocol, f.Local, f.Remote)
}

// Message is what a [Handler] gets.
type Message struct {
	Flow Flow
	Data []byte // valid and unchanged only during the call; may be empty
	// Datagram is the size of the UDP datagram, header included, that brought
	// the whole message; 0: in several, or not by UDP.
	Datagram int
	Inbound  bool // on a connection that the remote opened; false on UDP
}

// Handler takes what the stack receives.
//
//   - Methods are called from the goroutines that read, several at once; the
//     messages of one connection come one at a time and in order.
//   - HandleMessage may block: a connection is then not read any further, and
//     datagrams are dropped by the system once its buffer is full. It must
//     return soon after the node begins to stop, since Close waits for it.
//   - Both may call any method of the stack but Close.
//   - HandleConnClosed comes once for each connection that was in the table,
//     after its last message.
type Handler interface {
	HandleMessage(m Message)
	HandleConnClosed(c ConnClosed)
}

// CloseReason says why a connection ended.
type CloseReason uint8

const (
	ClosedRemote    CloseReason = iota // ended or reset by the other side, or lost
	ClosedWebSocket                    // the other side sent a frame that ends a connection: Text, Ping, Pong, Close (spec 02 §4)
	ClosedFraming                      // the other side broke the framing (spec 02 §3, §4)
	ClosedPunished                     // its address is punished (spec 02 §6.2)
	ClosedIdle                         // nothing received for the inactivity timeout (spec 02 §6.2)
	ClosedEvicted                      // room was needed in the table (spec 02 §6.1)
	ClosedAddress                      // its local address left the device (spec 02 §6.1)
	ClosedLocal                        // CloseFlow or CloseAll
	ClosedShutdown                     // Close of the stack
)

// String is for logs.
func (r CloseReason) String() string {
	names := [...]string{"remote", "websocket", "framing", "punished", "idle", "evicted", "address", "local", "shutdown"}
	if int(r) < len(names) {
		return names[r]
	}
	return "invalid"
}

// ConnClosed describes a connection that ended.
type ConnClosed struct {
	Flow    Flow
	Inbound bool          // the remote had opened it
	Lived   time.Duration // since it came into the table
	Reason  CloseReason
	Err     error // what ended it; nil: nothing but the reason
}

// ConnInfo is a snapshot of one connection.
type ConnInfo struct {
	Flow          Flow
	Inbound       bool
	Opened        time.Time
	LastSent      time.Time // zero: never
	LastReceived  time.Time // zero: never
	BytesSent     uint64    // of messages, without framing
	BytesReceived uint64
	Held          int  // questions that wait for an answer on it
	Priority      bool // in the priority set
	Protected     bool
	Queued        int // bytes that wait to be written
}

// Counters count messages of one protocol; bytes are those of messages,
// without framing.
type Counters struct {
	MessagesSent, MessagesReceived uint64
	BytesSent, BytesReceived       uint64
}

// Stats is a snapshot of all counters since the stack was made.
type Stats struct {
	UDP, TCP, WS       Counters
	DatagramsIgnored   uint64 // punished, badly framed or not reassembled
	AcceptsRefused     uint64 // no protocol recognised, over a limit, table full
	ConnectionsEvicted uint64
}

// bulkKey marks a context, see [Bulk].
type bulkKey struct{}

// Bulk makes a context for sends that nobody waits for and that may be many: on a
// connection that has more to do than it can, everything else goes first.
func Bulk(ctx context.Context) context.Context { return context.WithValue(ctx, bulkKey{}, true) }

func isBulk(ctx context.Context) bool { return ctx.Value(bulkKey{}) != nil }
