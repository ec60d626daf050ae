//go:build js && wasm

// Command worker is the WebSocket gateway for edge platforms that run workers on V8
// isolates (workerd, Cloudflare Workers): the program inside worker.mjs, compiled for
// GOOS=js. What it does is the same as voile gateway: wasm/edge/policy decides and
// wasm/edge/relay carries. This package brings what a worker has in place of sockets:
//
//	main.go      the functions that worker.mjs calls
//	page.go      the WebSocket of a page
//	network.go   TCP connections of the platform, names by DNS over HTTPS
//	promise.go   waiting for promises
//
// # Why not github.com/syumai/workers
//
// Its v0.31.0 compiles with Go 1.26 and serves plain requests, but not WebSockets: a
// response with status 101 needs the property webSocket, which its ResponseWriter
// cannot set; it has no WebSocketPair; and it starts the whole program anew for each
// request, so that no two connections could be counted together. It also brings
// net/http, which this program does without. So the glue is our own: worker.mjs, about
// a hundred lines.
//
// # Why a Durable Object
//
// A worker may not use the sockets of one request while it handles another, and a Go
// program runs whichever goroutine is next. All connections of a Durable Object have
// one context, so one program serves them all, and limits that span connections hold.
// Clients are spread over SHARDS objects by address, each of which always meets the
// same clients.
//
// # What differs from the server
//
// A worker cannot stop reading from a WebSocket, and is not told how much of what it
// sent has been taken. So a page that sends more than can be passed on is closed (1008)
// where the server slows it down, and a page that is silent while much is sent to it is
// not sent more until it speaks.
//
// The package may import wasm/edge and golang.org/x/net/dns/dnsmessage. It must not
// import net/http, crypto/tls or os/exec.
package main
