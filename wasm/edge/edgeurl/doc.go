// Package edgeurl is how a page names a node to a WebSocket gateway: the form of the
// URL, and what both sides say while they connect. The browser node maps a dial info
// to such a URL, and the gateway takes it apart again, so both import this package.
//
//	dial info      ws://HOST[:PORT]PATH
//	gateway        wss://GATEWAY[/PREFIX]
//	URL to open    wss://GATEWAY[/PREFIX]/ws/HOST/PORT[PATH]
//
// HOST is a name, an IPv4 address or an IPv6 address without brackets. PORT is always
// there, in decimal. PATH is that of the dial info as it is, "/ws" for most nodes:
//
//	ws://203.0.113.7:5150/ws        wss://gw.example/ws/203.0.113.7/5150/ws
//	ws://[2001:db8::7]:5150/ws      wss://gw.example/ws/2001:db8::7/5150/ws
//	ws://node.example/              wss://gw.example/ws/node.example/80/
//
// Nothing in a URL is percent-encoded, so that no proxy on the way can change what it
// means; what would have to be encoded is refused, and so are a query, a fragment, a
// user, dot segments and empty segments.
//
// The package is pure: it imports net/netip and the text packages of the standard
// library alone, which the browser module has anyway. It implements no part of the
// protocol's specification; docs/gateway.md is the description for operators.
package edgeurl
