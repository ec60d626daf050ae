package crypto

import (
	"bytes"
	"encoding/binary"
	"log/slog"
)

// ValueSize is the size of every key, id, digest and secret of VLD0 and NONE
// (spec 01 §2.1).
const ValueSize = 32

// ID is a public value of 32 bytes with its crypto kind. Its role makes different
// types of what looks alike: a public key and a node id do not compare. IDs are
// comparable and serve as map keys. An explicit conversion between roles is
// possible and always a statement about the protocol, such as [NodeIDOf].
type ID[R role] struct {
	Kind  Kind // zero: no value
	Value [ValueSize]byte
}

type (
	PublicKey        = ID[publicKeyRole]        // Ed25519 verifying key
	NodeID           = ID[nodeIDRole]           // node id, see NodeIDOf
	HashDigest       = ID[hashDigestRole]       // BLAKE3-256
	OpaqueRecordKey  = ID[opaqueRecordKeyRole]  // location of a DHT record
	RouteID          = ID[routeIDRole]          // private route id
	MemberID         = ID[memberIDRole]         // DHT schema member id
	EncapsulationKey = ID[encapsulationKeyRole] // X25519 public key
	HashCoordinate   = ID[coordinateRole]       // point of the XOR space (spec 01 §2.8)
)

type role interface{ noun() string }

type (
	publicKeyRole        struct{}
	nodeIDRole           struct{}
	hashDigestRole       struct{}
	opaqueRecordKeyRole  struct{}
	routeIDRole          struct{}
	memberIDRole         struct{}
	encapsulationKeyRole struct{}
	coordinateRole       struct{}
)

func (publicKeyRole) noun() string        { return "public key" }
func (nodeIDRole) noun() string           { return "node id" }
func (hashDigestRole) noun() string       { return "hash digest" }
func (opaqueRecordKeyRole) noun() string  { return "opaque record key" }
func (routeIDRole) noun() string          { return "route id" }
func (memberIDRole) noun() string         { return "member id" }
func (encapsulationKeyRole) noun() string { return "encapsulation key" }
func (coordinateRole) noun() string       { return "hash coordinate" }

// NodeIDOf is the id of the node with this key (spec 01 §2.6). The key of every
// supported kind is 32 bytes, so that the id is the same 32 bytes.
func NodeIDOf(key PublicKey) NodeID { return NodeID(key) }

// PublicKeyOf is the verifying key of a node id. ENV0 and RCP0 carry ids only and
// rely on this (spec 01 §2.6).
func PublicKeyOf(id NodeID) PublicKey { return PublicKey(id) }

// IsZero reports whether id is the zero value.
func (id ID[R]) IsZero() bool { return id == ID[R]{} }

// String is the typed text, "VLD0:" and 43 characters.
func (id ID[R]) String() string { return string(appendText(nil, id.Kind, id.Value[:])) }

// Bare is the text without the kind.
func (id ID[R]) Bare() string { return EncodeBase64(id.Value[:]) }

// LogValue shortens the id, as log lines should.
func (id ID[R]) LogValue() slog.Value {
	return slog.StringValue(id.Kind.String() + ":" + id.Bare()[:8])
}

// AppendText appends the form of [ID.String]; it never fails.
func (id ID[R]) AppendText(dst []byte) ([]byte, error) {
	return appendText(dst, id.Kind, id.Value[:]), nil
}

// MarshalText gives the form of [ID.String]; it never fails.
func (id ID[R]) MarshalText() ([]byte, error) { return id.AppendText(nil) }

// UnmarshalText reads the typed text (spec 01 §2.3). Errors as of [Parse].
func (id *ID[R]) UnmarshalText(text []byte) error {
	var v ID[R]
	var r R
	kind, value := splitText(string(text))
	if err := decodeInto(v.Value[:], value, r.noun()); err != nil {
		return err
	}
	v.Kind = kind
	*id = v
	return nil
}

// AppendBinary appends kind and value, 36 bytes; it never fails.
func (id ID[R]) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint32(dst, uint32(id.Kind))
	return append(dst, id.Value[:]...), nil
}

// Compare is the order of typed values (spec 01 §2.5): by kind, then by value.
func (id ID[R]) Compare(other ID[R], order Kinds) int {
	if c := order.Compare(id.Kind, other.Kind); c != 0 {
		return c
	}
	return bytes.Compare(id.Value[:], other.Value[:])
}

// KindOf is the kind, for code that is generic over typed values.
func (id ID[R]) KindOf() Kind { return id.Kind }

func (id *ID[R]) setParts(kind Kind, value []byte) error {
	var r R
	if err := copyInto(id.Value[:], value, r.noun()); err != nil {
		return err
	}
	id.Kind = kind
	return nil
}

func (id ID[R]) check(kind Kind) error {
	if id.Kind != kind {
		var r R
		return &KindError{What: r.noun(), Got: id.Kind, Want: kind}
	}
	return nil
}
