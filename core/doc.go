// Package core is a node: started from a configuration, attached to a network,
// asked by an application. It is the public Go API of the project and the only
// package of the tree that applications need (spec 07 §2).
//
//	node, err := core.Start(ctx, cfg, core.Options{})
//	defer node.Close()
//	updates := node.Subscribe(0)
//	node.Attach()
//	route, err := node.NewPrivateRoute(ctx)      // give route.Blob to a friend
//	reply, err := node.Call(ctx, friend, []byte("hello"))
//
// Several nodes may run in one process; they share nothing. Methods may be called
// from any goroutine. Byte slices are copied in both directions. Errors are
// *[Error], with the fifteen kinds of the protocol's API.
package core
