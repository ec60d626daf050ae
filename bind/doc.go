// Package bind is the operations of a node as the remote JSON API has them (spec
// 07 §5): one table of operations, their parameters and results, and one stream
// of updates. Every skin (the server here, the C library, the browser module,
// the phone libraries) carries lines to and from this table and adds nothing.
//
//	api := bind.New(node, bind.Options{})
//	client := api.NewClient()                    // one per connection
//	call, err := client.Parse(line)              // an error ends the connection
//	answer := call.Run(ctx, nil)                 // may wait; calls run side by side
//	line = bind.AppendUpdate(nil, update)        // for each update of the node
//
// Each operation's parameters are declared where they are read; [Schema] is made
// of the same declarations and of the types of package jsonapi, which clients use
// too. [Client.ParseBinary], [Call.RunBinary] and [AppendUpdateBinary] are the same
// with the bytes of applications beside the line. [LogLayer] gives a log to clients.
//
// A request that is not of its form ends the connection; an operation that fails
// answers with an error. The types keep the two apart: [Client.Parse] reads and
// checks everything, [Call.Run] cannot complain about form.
//
// [Server] speaks the API to many clients over a [net.Listener].
//
// The package may import core, what core's API shows of the packages below,
// core/jsonread and bind/jsonapi.
package bind
