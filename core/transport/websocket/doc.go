// Package websocket is RFC 6455 as nodes of the network speak it (spec 02 §4,
// §5.1): the upgrade of both sides, and frames. It is pure and imports nothing
// of the project.
//
// Binary messages only; no subprotocol, extension, cookie or authentication.
// Control frames are not answered and forgotten as usual, each ends the
// connection, with bytes that [AppendEnd] knows.
package websocket
