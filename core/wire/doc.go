// Package wire holds the messages of the protocol as plain Go values, and the
// codec that turns them into the Cap'n Proto bytes of the network and back
// (spec 03 sections 1, 2, 5, 6 and 7).
//
// A decoder here has two outcomes, a whole value or an error with a [Kind]
// that says whose fault it is (spec 03 section 3); every limit of the protocol
// is checked before anything is allocated by a number that a peer sent. Values
// returned by decoders own their memory unless the comment says otherwise.
//
// Fields and operations that a newer node may add are not looked at or ignored
// (spec 03 §2.8); what is passed on for others, such as the message of a
// PeerInfo or the data of a route, is kept byte for byte.
//
// Nothing here does I/O, keeps state or starts a goroutine. The package imports
// core/crypto, core/jsonread, core/sorting and its own internal/capn; the Cap'n Proto
// library and the code generated from the schema (internal/veilidcapnp, see schema)
// judge it in tests.
package wire
