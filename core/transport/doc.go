// Package transport moves messages between socket addresses: it frames them
// over UDP, TCP and WebSocket, keeps the table of connections, shares one port
// among protocols, and remembers which addresses misbehaved (spec 02 §1.5 to
// §7, spec 04 §11.5, §11.6 and §11.8).
//
// A message is opaque here, 0 to [MaxMessage] bytes. [Stack] is the whole of it:
// one per node, with a [Handler] above and a [Host] below. What touches sockets
// is the Host, so that the same stack runs on real sockets (platform/sockets),
// on a simulated network (core/transport/memory) and in a browser, which has
// only WebSocket connections out ([WebSocketDialer]). [AddressFilter] outlives
// a stack: punishments survive a restart of the network.
//
// Below are fragment (datagrams), vlframe (TCP) and websocket (RFC 6455 as the
// network speaks it), all pure: bytes in, values out.
//
// The package may import core/wire, core/crypto and its own sub-packages. It
// must not import net/http or crypto/tls, which the browser build cannot carry;
// that is one reason why WebSocket is our own code here. The others: the known
// libraries answer pings by themselves, while here every control frame ends the
// connection with certain bytes (spec 02 §4), and they neither send header
// names in lower case nor take a connection that is half read already (§5.1).
package transport
