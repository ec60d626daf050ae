// Package schema holds the Cap'n Proto schema of the protocol: rpc-schema.json
// describes it (spec 03 §1), veilid.capnp and the Go code of
// internal/veilidcapnp are generated from that. The generated code is an
// independent judge in the tests of package wire and is not part of a node.
//
// Generating needs the capnp compiler (Debian: capnproto).
package schema

//go:generate go run gen/main.go -json rpc-schema.json -capnp veilid.capnp -go ../internal/veilidcapnp
