package envelope

import "errors"

// What is wrong with a message. All but ErrTooLong are the sender's
// fault; what it costs the sender depends on the way the message came.
var (
	ErrMagic     = errors.New("not of this version")
	ErrShort     = errors.New("too short")
	ErrKind      = errors.New("unsupported crypto kind")
	ErrSize      = errors.New("size field does not fit the message")
	ErrSelf      = errors.New("sender and recipient are the same")
	ErrSignature = errors.New("signature does not verify")
	ErrBody      = errors.New("body does not decrypt to compressed data")

	// ErrTooLong: our own message is over the limit.
	ErrTooLong = errors.New("message too long")
)
