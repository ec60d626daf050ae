// Package jsonapi is the JSON types of the remote API (spec 07 §1, §3-§5): states,
// results, the objects that requests carry, errors and updates, each written once
// for both sides. A node's side (package bind) marshals them, a client's side
// (package client) reads them, and the published schema is made of them.
//
// A field that may be missing is a pointer; the API writes null for a nil one,
// since clients index such fields without a default. Numbers of 64 bits are
// decimal texts, bytes are base64url without padding. Secrets print as "…" and
// leave the process by marshalling only.
//
// A field marked api:"optional" may be missing in what a client sends or an older
// server answers; the schema says so.
//
// The types are lax where a newer server may say more than we know: unknown
// fields are skipped and unknown names of an enumeration are kept as they came.
//
// The package may import core/crypto and core/config, and nothing of a running
// node: a client links none.
package jsonapi
