package jsonapi

import (
	"encoding/base64"

	"github.com/voile-net/voile/core/crypto"
)

// Bytes is base64url without padding (spec 07 §1). nil is the empty text; a field
// that may be null is a *Bytes.
type Bytes []byte

// AppendText appends the text; it never fails.
func (b Bytes) AppendText(dst []byte) ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(dst, b), nil
}

// MarshalText gives the text; it never fails.
func (b Bytes) MarshalText() ([]byte, error) { return b.AppendText(nil) }

// UnmarshalText reads the text, or fails with [crypto.ErrBase64].
func (b *Bytes) UnmarshalText(text []byte) error {
	value, err := crypto.DecodeBase64(string(text))
	if err != nil {
		return err
	}
	*b = value
	return nil
}
