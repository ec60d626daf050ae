// Package access is how clients reach the API of a server: the sockets that it
// listens on, and what stands between a connection and bind.Server, which speaks
// the API (spec 07 §5.1, §5.2).
//
//	localhost, Unix socket, pipe    lines at once, as with the original
//	any other address               TLS, then a token, then lines
//	WebSocket (opt-in)              on the same TCP ports: one JSON object a message
//
// The original has neither TLS, token nor WebSocket; on a socket of the machine
// itself nothing of it is needed or noticed.
//
// What protects a node from web pages: a request of HTTP is no line of the API and
// ends its connection before anything is done; a WebSocket is accepted only with a
// Host that names this machine by address (or that was allowed), so that no name
// of a stranger's can be pointed here, and without Origin or with one that was
// allowed.
//
// The package may import bind and github.com/coder/websocket.
package access
