package dht

import (
	"bytes"
	"fmt"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// EncryptValue makes the value that goes over the network from the application's
// bytes (spec 06 §4.5): encrypted under a fresh nonce, or in the clear and without
// one if key is zero. The result shares no memory with plain.
func EncryptValue(sys crypto.System, key crypto.SharedSecret, writer crypto.PublicKey, seq uint32, plain []byte) (wire.ValueData, error) {
	v := wire.ValueData{Seq: seq, Writer: writer}
	switch {
	case len(plain) > MaxValueSize:
		return wire.ValueData{}, ErrTooBig
	case seq == wire.SeqNone:
		return wire.ValueData{}, ErrSeq
	case key.IsZero():
		v.Data = bytes.Clone(plain)
		return v, nil
	}
	nonce, err := sys.RandomNonce()
	if err != nil {
		return wire.ValueData{}, err
	}
	v.Nonce = &nonce
	v.Data = make([]byte, len(plain))
	if err := sys.CryptNoAuth(v.Data, plain, key, nonce); err != nil {
		return wire.ValueData{}, fmt.Errorf("encrypt value: %w", err)
	}
	return v, nil
}

// DecryptValue gives the application's bytes in memory of their own. A wrong key
// gives garbage: the cipher has no check. Errors: ErrEncrypted for a missing key,
// ErrNotEncrypted for a missing nonce.
func DecryptValue(sys crypto.System, key crypto.SharedSecret, v *wire.ValueData) ([]byte, error) {
	switch {
	case key.IsZero() && v.Nonce == nil:
		return append([]byte{}, v.Data...), nil
	case key.IsZero():
		return nil, ErrEncrypted
	case v.Nonce == nil:
		return nil, ErrNotEncrypted
	}
	plain := make([]byte, len(v.Data))
	if err := sys.CryptNoAuth(plain, v.Data, key, *v.Nonce); err != nil {
		return nil, fmt.Errorf("decrypt value: %w", err)
	}
	return plain, nil
}

// SignValue signs a value as its writer (spec 06 §4.4). The pair must be that of
// v.Writer, else ErrWriter. Owner is that of the record.
func SignValue(sys crypto.System, writer crypto.KeyPair, owner crypto.PublicKey, subkey uint32, v wire.ValueData) (*wire.SignedValueData, error) {
	switch {
	case writer.Public != v.Writer:
		return nil, ErrWriter
	case v.Seq == wire.SeqNone:
		return nil, ErrSeq
	case len(v.Data) > MaxValueSize:
		return nil, ErrTooBig
	}
	signed, err := wire.NewSignedValueData(v, crypto.Signature{})
	if err != nil {
		return nil, err
	}
	if signed.Signature, err = sys.Sign(writer, signingInput(signed, owner, subkey)); err != nil {
		return nil, fmt.Errorf("sign value: %w", err)
	}
	return signed, nil
}

// VerifyValue checks kinds and signature of a value for a place in a record (spec
// 06 §4.4); the schema is left to [Schema.Check]. The error is ErrSignature.
func VerifyValue(sys crypto.System, owner crypto.PublicKey, subkey uint32, v *wire.SignedValueData) error {
	if v.Value.Writer.Kind != owner.Kind || v.Signature.Kind != owner.Kind || sys.Kind() != owner.Kind {
		return fmt.Errorf("value: %w: of another kind than the record", ErrSignature)
	}
	input := signingInput(v, owner, subkey)
	if ok, err := sys.Verify(v.Value.Writer, input, v.Signature); err != nil || !ok {
		return fmt.Errorf("value: %w", ErrSignature)
	}
	return nil
}

// CheckValue is everything that must hold before a value is taken: its signature,
// then the schema (spec 06 §7.4).
func (d *Descriptor) CheckValue(sys crypto.System, subkey uint32, v *wire.SignedValueData) error {
	if err := VerifyValue(sys, d.Owner(), subkey, v); err != nil {
		return err
	}
	return d.Schema.Check(d.Owner(), subkey, &v.Value)
}

// SameValue compares sequence number, data, writer and nonce, not signatures
// (spec 06 §4.4). Neither may be nil.
func SameValue(a, b *wire.SignedValueData) bool { return bytes.Equal(a.Blob, b.Blob) }

// SeqOf is the sequence number of a value, wire.SeqNone for nil.
func SeqOf(v *wire.SignedValueData) uint32 {
	if v == nil {
		return wire.SeqNone
	}
	return v.Value.Seq
}

// signingInput is what the writer signs. What surrounds the blob is 52 bytes.
func signingInput(v *wire.SignedValueData, owner crypto.PublicKey, subkey uint32) []byte {
	return wire.ValueSigningInput(make([]byte, 0, len(v.Blob)+64), v, owner, subkey)
}
