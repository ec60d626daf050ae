// Package client speaks the JSON API of a node (spec 07 §5) from a Go program: to
// "voile serve", and to other servers of Veilid 0.5.6 and later. A program that
// wants the node in its own process uses package core.
//
//	c, err := client.Dial(ctx, "localhost:5959", client.Options{})
//	defer c.Close()
//	rc, err := c.NewRoutingContext(ctx)
//	answer, err := rc.AppCall(ctx, client.ToRoute(id), []byte("hello"))
//
// The operations have the names of the API. Requests run side by side on one
// connection. When the context of one ends, its caller returns at once; the node is
// not told, since the API has no word for that, and the answer is dropped (an object
// that it brings is released).
//
// # Updates
//
// [Client.Subscribe] gives the node's updates, and what happens to the connection,
// in order and with a bound: a receiver that is too slow loses the oldest and can
// count them.
//
// # Reconnecting
//
// A lost connection is made again, with growing waits. Until then requests fail at
// once with a [ConnectionError]; [Client.WaitConnected] waits. Requests that were
// under way fail as well, and say whether the node may have done them.
//
// The API keeps objects for a connection. A [RoutingContext], a [Table] and a
// [CryptoSystem] are made again on their first use after a loss, and nobody notices.
// A [Transaction] and a [TableTransaction] cannot be: they fail with [ErrStale].
// Records, watches and private routes are of the node: they outlive a connection,
// but not a restart of the node, after which they have to be opened again.
//
// # Errors
//
// What the node reports is an [Error] of one of the kinds of package bind/jsonapi:
//
//	errors.Is(err, jsonapi.TryAgain)              // by kind
//	var e *client.Error; errors.As(err, &e)       // with its texts
//
// A connection's end is a [ConnectionError], the end of a context that context's
// error.
//
// The package may import bind/jsonapi and core/crypto, and nothing of a running
// node.
package client
