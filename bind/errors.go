package bind

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// The errors of the cryptosystems as the original words them (spec 07 §2.5; the
// texts were recorded from a real node).

func generic(message string) *core.Error { return &core.Error{Kind: core.Generic, Message: message} }

func invalidArgument(context, argument, value string) *core.Error {
	return &core.Error{Kind: core.InvalidArgument, Context: context, Argument: argument, Value: value}
}

// apiError is err as one of the fifteen kinds.
func apiError(err error) *core.Error {
	var e *core.Error
	if errors.As(err, &e) {
		return e
	}
	return &core.Error{Kind: core.Internal, Message: err.Error(), Err: err}
}

// lengthText is how operations that look at bytes alone word a wrong length.
func lengthText(e *crypto.LengthError) string {
	return fmt.Sprintf("invalid length: expected %d got %d", e.Want, e.Got)
}

// cryptoError maps what most operations can fail with.
func cryptoError(err error) error {
	var kind *crypto.KindError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind):
		return generic("incorrect " + kind.What + " kind")
	case errors.Is(err, crypto.ErrKeyPair):
		return &core.Error{Kind: core.ParseError, Message: "Keypair is invalid", Value: "invalid key", Err: err}
	case errors.Is(err, crypto.ErrPoint):
		return &core.Error{Kind: core.ParseError, Message: "Public key is invalid", Err: err}
	case errors.Is(err, crypto.ErrAuth):
		return generic("Generic: aead error")
	case errors.Is(err, crypto.ErrSalt):
		return generic("argon2 error: invalid salt length")
	}
	return generic(err.Error())
}

func dhError(err error) error {
	switch {
	case errors.Is(err, crypto.ErrPoint):
		return &core.Error{Kind: core.Internal, Message: "invalid key", Err: err}
	case errors.Is(err, crypto.ErrWeakKey):
		return generic("dh was not contributory")
	}
	return cryptoError(err)
}

func verifyError(err error, public crypto.PublicKey) error {
	if errors.Is(err, crypto.ErrPoint) {
		return &core.Error{Kind: core.ParseError, Message: "Public key is invalid", Value: public.String(), Err: err}
	}
	return cryptoError(err)
}

func passwordError(err error, hash string) error {
	if err == nil {
		return nil
	}
	return &core.Error{Kind: core.ParseError, Message: err.Error(), Value: hash, Err: err}
}

func sealError(err error) error {
	if errors.Is(err, crypto.ErrWeakKey) {
		return generic("hpke error: Encapsulation failed")
	}
	return cryptoError(err)
}

// sealedHead is version, kind and encapsulated key.
const sealedHead = 1 + 4 + crypto.ValueSize

func openError(err error, sealed []byte) error {
	var kind *crypto.KindError
	switch {
	case err == nil:
		return nil
	case len(sealed) < sealedHead:
		return &core.Error{Kind: core.ParseError, Message: "sealed blob is truncated", Value: strconv.Itoa(len(sealed)), Err: err}
	case errors.Is(err, crypto.ErrSealed):
		return &core.Error{Kind: core.ParseError, Message: "unsupported hpke version", Value: strconv.Itoa(int(sealed[0])), Err: err}
	case errors.As(err, &kind):
		return invalidArgument("sealed blob crypto kind does not match", "sealed", kind.Got.String())
	case errors.Is(err, crypto.ErrWeakKey):
		return generic("hpke error: Decapsulation failed")
	}
	return generic("hpke error: Failed to open ciphertext")
}
