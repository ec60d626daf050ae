// Package crypto holds the value types of the protocol (keys, ids, digests,
// nonces, secrets, timestamps), the cryptosystems VLD0 and NONE behind one
// interface, the compression of bodies and the byte form of the device key.
// It implements spec 01 §1-§7 and §8.2.
//
// Everything here is state and pure functions: no I/O but the random reader
// it is given, no goroutines. Package [github.com/voile-net/voile/core/crypto/lru]
// is the bounded map that its caches use, package
// [github.com/voile-net/voile/core/crypto/x25519] the key agreement.
//
// It imports the standard library, golang.org/x/crypto, filippo.io/edwards25519,
// lukechampine.com/blake3 and github.com/pierrec/lz4/v4, and nothing of this module
// except its own lru and x25519.
package crypto
