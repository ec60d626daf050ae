// Package attach keeps the node in the network: the attach and detach state
// machine, and every periodic task (spec 04 sections 3, 6, 8, 9 and 12). It is
// the only package with tickers.
//
// It starts and stops the transports, registers dial info, joins through
// bootstraps, pings peers and relays, finds and replaces peers, relays and
// routes, finds out packet sizes and the public address, and works out how well
// the node is attached.
//
// The package may import everything below it: core/rpc, core/network,
// core/route, core/routing, core/transport, core/wire, core/crypto, core/config
// and platform.
package attach
