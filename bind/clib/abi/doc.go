// Package abi is what stands behind the flat functions of the C library: handles
// for nodes, sessions and calls, the queues of events, the adapters that a host in
// another language implements, and the rules of closing. It knows nothing of C
// itself: bind/clib passes pointers and memory to and from here, so that all that
// can go wrong is Go code that tests reach.
//
//	l := abi.New("0.1.0")
//	node, err := l.StartNode(ctx, abi.Options{}, config)
//	session, err := l.OpenSession(node, abi.SessionOptions{Deliver: func(e *abi.Event) { … }})
//	call, err := l.NewCall(session, abi.CallOptions{Tag: 7})
//	err = call.Begin(line, blobs)
//	err = l.CloseSession(session, abi.Caller{})
//	err = l.CloseNode(node, abi.Caller{})
//
// Errors are *core.Error, or *[BorderError] for what is wrong with the call itself;
// [CodeOf] is the number of either.
//
// The package may import bind/instance, bind, core and platform.
package abi
