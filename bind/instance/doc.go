// Package instance is one node with its API as an application holds it. The C
// library, the phone libraries and the browser module are thin over it: they
// carry lines, bytes and calls of their language to and from here and add nothing.
//
//	i, err := instance.Start(ctx, config, instance.Options{})
//	s := i.Open(func(line []byte, blobs [][]byte) { … })  // updates
//	answer, blobs := s.Call(ctx, line, nil)
//	s.Begin(line, blobs, func(answer []byte, blobs [][]byte) { … })
//	s.Close()
//	i.Close()
//
// Lines are those of the remote JSON API (spec 07 §5, package bind); the bytes of
// applications travel beside them. In contrast to a server nobody is disconnected:
// each request has an answer, also one that is none.
//
// The package may import bind, core and what core's API shows.
package instance
