// Package chaos makes the links of a node bad on purpose, to test how an application
// bears a bad network: loss, a limited rate behind a queue, black holes for large
// packets, weather, and transports that are switched off (spec 07 §9, "chaos" and
// "transport"). It stands between a transport.Stack and what uses it, works on whole
// messages, and costs one atomic load while nothing is set.
//
// It may import core/transport and core/wire.
package chaos
