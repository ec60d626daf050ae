package crypto

import (
	"errors"
	"fmt"
)

// Faults of texts and byte strings. A caller that must tell a syntax fault from
// a value of the wrong size compares with [ErrFormat] and [ErrBase64], or with [ErrLength].
var (
	ErrFormat = errors.New("not of the form KIND:value")
	ErrBase64 = errors.New("not strict base64url")
	ErrLength = errors.New("wrong length")
)

// Faults of operations.
var (
	// ErrUnsupported: the kind is not enabled here.
	ErrUnsupported = errors.New("unsupported crypto kind")
	// ErrKind: a value is of another kind than the cryptosystem it was given to.
	ErrKind = errors.New("value of another crypto kind")
	// ErrPoint: a public key does not decode to a point of the curve.
	ErrPoint = errors.New("public key is not a point of the curve")
	// ErrKeyPair: the public key does not belong to the secret key.
	ErrKeyPair = errors.New("public and secret key do not belong together")
	// ErrWeakKey: the key agreement gave all zeros, so the peer's key is of small order.
	ErrWeakKey = errors.New("key agreement with a key of small order")
	// ErrAuth: an authenticated ciphertext does not open under this key.
	ErrAuth = errors.New("authentication failed")
	// ErrSalt: a password salt outside 8..48 bytes.
	ErrSalt = errors.New("salt must be 8 to 48 bytes")
	// ErrPasswordHash: a password hash string that does not parse.
	ErrPasswordHash = errors.New("malformed password hash")
	// ErrPasswordCost: a password hash string that asks for more work than is allowed here.
	ErrPasswordCost = errors.New("password hash parameters too large")
	// ErrSealed: a sealed (HPKE) blob that is truncated or of an unknown version.
	ErrSealed = errors.New("malformed sealed blob")
	// ErrCompressed: compressed bytes that do not decode.
	ErrCompressed = errors.New("malformed compressed data")
	// ErrTooLarge: compressed bytes that declare more than the caller takes.
	ErrTooLarge = errors.New("decompressed size over the limit")
)

// LengthError is a value whose syntax is right and whose size is not.
// errors.Is(err, ErrLength) holds.
type LengthError struct {
	What      string // "public key", "signature", ...
	Got, Want int    // bytes
}

func (e *LengthError) Error() string {
	return fmt.Sprintf("invalid %s length: %d != %d", e.What, e.Got, e.Want)
}

// Is reports whether target is [ErrLength].
func (e *LengthError) Is(target error) bool { return target == ErrLength }

// KindError is a value given to a cryptosystem of another kind.
// errors.Is(err, ErrKind) holds.
type KindError struct {
	What      string
	Got, Want Kind
}

func (e *KindError) Error() string {
	return fmt.Sprintf("incorrect %s kind: %s, want %s", e.What, e.Got, e.Want)
}

// Is reports whether target is [ErrKind].
func (e *KindError) Is(target error) bool { return target == ErrKind }
