// Package detect finds out the public addresses of this node and how far they can
// be reached from outside, and notices when they have changed (spec 04 section 9,
// but for 9.4, which is core/rpc's).
//
// [Run] is one detection: other nodes tell where they see us and try to reach us
// there. What it asks of the network is the small interface [Asker], and what it
// asks of the gateway at home is [PortMapper]. [Watch] keeps what other nodes say
// of our address later and tells when to detect again. The package waits, but it
// owns no socket and outlives no call.
//
// The package may import core/routing, core/transport (values only) and core/wire.
package detect
