// Package x25519 is the function X25519 of RFC 7748 §5, which spec 01 §4.3 and §4.11
// build on.
//
// It stands here, and not crypto/ecdh in its place, because crypto/ecdh brings the
// curves P-256, P-384 and P-521 with their tables along: a twentieth of the module
// that a browser loads. It also computes a public key that nobody asked for with
// every private key, and so takes twice as long.
//
// Its time does not depend on secrets, and it clears what it has computed with. It
// imports filippo.io/edwards25519/field alone.
package x25519
