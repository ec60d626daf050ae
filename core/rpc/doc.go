// Package rpc asks and answers: the life of an operation, from its encoding to
// the matching of its answer, and the handling of everything other nodes ask
// (spec 03 sections 3, 4 and 6; spec 05 sections 6, 7 and 9).
//
// It knows nothing of sockets: sealed bytes go to core/network and come from
// it. It keeps no periodic task: those are core/attach's. The distributed
// records are not here either; what serves them is given as [Records].
//
// Received messages wait for a worker in lanes by where their handling leads, so that
// a slow neighbour or application slows down only what is for it (lanes.go); our own
// application's messages go after everything else (app.go). How much waits where is
// each node's own affair (spec 03 §4.8).
//
// The package may import core/crypto, core/wire, core/routing, core/route,
// core/network and core/transport (for the type of a flow).
package rpc
