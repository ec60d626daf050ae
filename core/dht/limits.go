package dht

import (
	"errors"

	"github.com/voile-net/voile/core/wire"
)

// Limits of records (spec 06 §1.1).
const (
	MaxValueSize  = wire.MaxValueSize // bytes of one value
	MaxRecordSize = 1 << 20           // bytes of all values of a record
	MaxSubkeys    = 1024              // of a schema
	MaxMembers    = 256               // of an SMPL schema
	MaxWriters    = 256               // different ones, with the owner if it has subkeys
	MaxPeers      = 20                // in an answer; an asker ignores a longer one
)

// MaxSeq is the highest sequence number of a value; a subkey written with it is
// closed for ever (spec 06 §4.2).
const MaxSeq = wire.SeqNone - 1

// Faults of values and descriptors. Each is compared with errors.Is. They say what
// is wrong, not whose fault it is: a bad value in a question costs its sender
// nothing (spec 06 §7.3), in an answer it may.
var (
	// ErrRange: the schema has no such subkey.
	ErrRange = errors.New("subkey out of range")
	// ErrWriter: the writer of a value may not write this subkey.
	ErrWriter = errors.New("wrong writer")
	// ErrTooBig: a value larger than the schema allows.
	ErrTooBig = errors.New("value too big")
	// ErrSignature: a signature does not verify or is of another kind than the key.
	ErrSignature = errors.New("signature does not verify")
	// ErrKey: a descriptor belongs to another key.
	ErrKey = errors.New("descriptor belongs to another key")
	// ErrSeq: there is no sequence number left, or none was given.
	ErrSeq = errors.New("sequence number at maximum")
	// ErrNotEncrypted: there is an encryption key and the value is in the clear.
	ErrNotEncrypted = errors.New("value is not encrypted")
	// ErrEncrypted: the value is encrypted and there is no key.
	ErrEncrypted = errors.New("value is encrypted")
)

// NextSeq is the sequence number after seq (spec 06 §4.2): 0 after
// [wire.SeqNone], ErrSeq after [MaxSeq].
func NextSeq(seq uint32) (uint32, error) {
	switch seq {
	case wire.SeqNone:
		return 0, nil
	case MaxSeq:
		return 0, ErrSeq
	}
	return seq + 1, nil
}

// NewerSeq reports whether a is newer than b; wire.SeqNone is older than all others.
func NewerSeq(a, b uint32) bool {
	// none + 1 wraps to 0, below every number that a value can have.
	return a+1 > b+1
}
