package dht

import (
	"fmt"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Descriptor is the descriptor of a record that has been verified, with its schema
// parsed and the key that it belongs to. It must not be changed.
type Descriptor struct {
	Key    crypto.OpaqueRecordKey
	Schema Schema
	Signed *wire.SignedValueDescriptor
}

// NewDescriptor makes and signs the descriptor of a new record (spec 06 §4.1).
func NewDescriptor(sys crypto.System, owner crypto.KeyPair, s Schema) (*Descriptor, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	signed := &wire.SignedValueDescriptor{Owner: owner.Public, SchemaData: s.Compiled()}
	key, err := KeyOf(sys, owner.Public, signed.SchemaData)
	if err != nil {
		return nil, err
	}
	if signed.Signature, err = sys.Sign(owner, wire.DescriptorSigningInput(signed)); err != nil {
		return nil, fmt.Errorf("sign descriptor: %w", err)
	}
	return &Descriptor{Key: key, Schema: s, Signed: signed}, nil
}

// VerifyDescriptor checks a descriptor from outside against the key of its record,
// in the order of spec 06 §4.1: kinds, signature, schema, key. The result shares
// memory with d. Errors: ErrSignature, *SchemaError, ErrKey.
func VerifyDescriptor(sys crypto.System, key crypto.OpaqueRecordKey, d *wire.SignedValueDescriptor) (*Descriptor, error) {
	if d.Owner.Kind != key.Kind || d.Signature.Kind != key.Kind || sys.Kind() != key.Kind {
		return nil, fmt.Errorf("descriptor: %w: of another kind than the key", ErrSignature)
	}
	// A key that is no point of the curve is one more way not to verify.
	if ok, err := sys.Verify(d.Owner, wire.DescriptorSigningInput(d), d.Signature); err != nil || !ok {
		return nil, fmt.Errorf("descriptor: %w", ErrSignature)
	}
	s, err := ParseSchema(d.SchemaData)
	if err != nil {
		return nil, fmt.Errorf("descriptor: %w", err)
	}
	if got, err := KeyOf(sys, d.Owner, d.SchemaData); err != nil || got != key {
		return nil, ErrKey
	}
	return &Descriptor{Key: key, Schema: s, Signed: d}, nil
}

// Owner is the public key of the owner.
func (d *Descriptor) Owner() crypto.PublicKey { return d.Signed.Owner }

// Same reports whether a descriptor says the same; signatures are not compared
// (spec 06 §4.1).
func (d *Descriptor) Same(o *wire.SignedValueDescriptor) bool { return d.Signed.Same(o) }
