// Package gateway is the WebSocket gateway as a server: what "voile gateway" runs. A
// page served by https, which may open wss alone, reaches through it nodes that listen
// on plain ws.
//
// What is let through decides wasm/edge/policy, and wasm/edge/relay carries it; both
// are the same in the worker for edge platforms. This package brings the sockets:
//
//	listen.go   connections that have not asked yet, few of each address
//	server.go   HTTP: a request becomes a WebSocket or is refused
//	page.go     the WebSocket of a page
//	network.go  names and connections towards nodes
//	tls.go      certificates from files, read anew on demand
//	metrics.go  what an operator sees: numbers, no addresses
//
// The package may import wasm/edge, github.com/coder/websocket and
// github.com/prometheus/client_golang.
package gateway
