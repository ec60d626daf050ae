package dht

import (
	"github.com/voile-net/voile/core/crypto"
)

// KeyOf is the location of the record of an owner with a compiled schema: the hash
// of kind, owner and schema (spec 06 §2.2). The encryption key is no part of it.
func KeyOf(sys crypto.System, owner crypto.PublicKey, schemaData []byte) (crypto.OpaqueRecordKey, error) {
	if owner.Kind != sys.Kind() {
		return crypto.OpaqueRecordKey{}, &crypto.KindError{What: "owner", Got: owner.Kind, Want: sys.Kind()}
	}
	var small [128]byte // a DFLT schema, or one of two members, needs no allocation
	kind := owner.Kind.Bytes()
	input := append(small[:0], kind[:]...)
	input = append(input, owner.Value[:]...)
	input = append(input, schemaData...)
	return crypto.OpaqueRecordKey(sys.Hash(input)), nil
}

// RecordKeyOf is the whole key of a record. A zero encryption key makes one whose
// values are in the clear. The errors are those of [Schema.Validate] and
// crypto.ErrKind.
func RecordKeyOf(sys crypto.System, owner crypto.PublicKey, s Schema, encryption crypto.SharedSecret) (crypto.RecordKey, error) {
	if err := s.Validate(); err != nil {
		return crypto.RecordKey{}, err
	}
	if !encryption.IsZero() && encryption.Kind != sys.Kind() {
		return crypto.RecordKey{}, &crypto.KindError{What: "encryption key", Got: encryption.Kind, Want: sys.Kind()}
	}
	opaque, err := KeyOf(sys, owner, s.Compiled())
	if err != nil {
		return crypto.RecordKey{}, err
	}
	return crypto.RecordKey{Opaque: opaque, Encryption: encryption}, nil
}
