package dht

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// SchemaKind is the FourCC of a schema as the big-endian number of its bytes.
type SchemaKind uint32

const (
	KindDFLT SchemaKind = 0x44464C54 // the owner writes everything
	KindSMPL SchemaKind = 0x534D504C // the owner, then each member in turn
)

// String is the four bytes as text.
func (k SchemaKind) String() string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], uint32(k))
	return string(b[:])
}

// Compiled forms (spec 06 §3.1), all integers little-endian:
//
//	DFLT  kind[4] o_cnt[2]
//	SMPL  kind[4] o_cnt[2] { m_key[32] m_cnt[2] }*
const (
	schemaHead = 6
	memberSize = crypto.ValueSize + 2
)

// MemberKey is a member id without its kind, which is the kind of the record.
type MemberKey [crypto.ValueSize]byte

// String is the text form, base64url without a kind (spec 07 §1).
func (k MemberKey) String() string { return crypto.EncodeBase64(k[:]) }

// MemberIDOf is the member id of a key: its 32 bytes (spec 06 §2.4).
func MemberIDOf(key crypto.PublicKey) crypto.MemberID { return crypto.MemberID(key) }

// Member of an SMPL schema. A Count of 0 gives the rights of a member for watches
// and transactions only. A key may occur more than once.
type Member struct {
	Key   MemberKey
	Count uint16 // subkeys
}

// Schema says how many subkeys a record has and who may write which. Subkeys are
// numbered from 0, the owner's first, then those of each member in order. A Schema
// shares its members with its copies; they must not be changed.
type Schema struct {
	Kind       SchemaKind
	OwnerCount uint16   // subkeys of the owner
	Members    []Member // nil for DFLT
}

// DFLT is the schema of a record that only its owner writes.
func DFLT(ownerCount uint16) Schema { return Schema{Kind: KindDFLT, OwnerCount: ownerCount} }

// SMPL is the schema of a record with members.
func SMPL(ownerCount uint16, members ...Member) Schema {
	return Schema{Kind: KindSMPL, OwnerCount: ownerCount, Members: members}
}

// SchemaError is a schema that breaks a rule. Its texts are those of the API
// (spec 07 §2.3): InvalidArgument with context, argument and value.
type SchemaError struct {
	Context  string // what is wrong: "too many subkeys"
	Argument string // of what: "o_cnt"
	Value    string
}

// Error joins the three.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("schema: %s (%s = %s)", e.Context, e.Argument, e.Value)
}

func schemaError(context, argument string, value int) error {
	return &SchemaError{context, argument, strconv.Itoa(value)}
}

// Validate checks the limits (spec 06 §3.2). The errors are *SchemaError.
func (s Schema) Validate() error {
	total, argument := s.Subkeys(), "subkey_count"
	switch s.Kind {
	case KindDFLT:
		argument = "o_cnt"
		if len(s.Members) > 0 {
			return schemaError("DFLT has no members", "member_count", len(s.Members))
		}
	case KindSMPL:
		if len(s.Members) > MaxMembers {
			return schemaError("too many members", "member_count", len(s.Members))
		}
		if n := s.writers(); n > MaxWriters {
			return schemaError("too many writers", "writer_count", n)
		}
	default:
		return &SchemaError{"unknown kind", "kind", strconv.Quote(s.Kind.String())}
	}
	switch {
	case total < 1:
		return schemaError("must have at least one subkey", argument, total)
	case total > MaxSubkeys:
		return schemaError("too many subkeys", argument, total)
	}
	return nil
}

// writers counts the different keys that may write something.
func (s Schema) writers() int {
	n := 0
	if s.OwnerCount > 0 {
		n = 1
	}
	if len(s.Members) < MaxWriters {
		return n + len(s.Members) // cannot be too many, so that twins do not matter
	}
	seen := make(map[MemberKey]struct{}, len(s.Members))
	for _, m := range s.Members {
		if m.Count > 0 {
			seen[m.Key] = struct{}{}
		}
	}
	return n + len(seen)
}

// Subkeys is the number of subkeys.
func (s Schema) Subkeys() int {
	n := int(s.OwnerCount)
	for _, m := range s.Members {
		n += int(m.Count)
	}
	return n
}

// MaxValueSize is the most bytes of a value of this schema (spec 06 §3.3).
func (s Schema) MaxValueSize() int { return min(MaxValueSize, MaxRecordSize/max(1, s.Subkeys())) }

// Writer tells whose subkey it is: the owner's, or that of the member key. ok is
// false if the schema does not have it.
func (s Schema) Writer(subkey uint32) (member MemberKey, owner, ok bool) {
	if subkey < uint32(s.OwnerCount) {
		return MemberKey{}, true, true
	}
	left := subkey - uint32(s.OwnerCount)
	for i := range s.Members {
		m := &s.Members[i]
		if left < uint32(m.Count) {
			return m.Key, false, true
		}
		left -= uint32(m.Count)
	}
	return MemberKey{}, false, false
}

// MayWrite reports whether a key may write a subkey: ErrRange or ErrWriter if not
// (spec 06 §3.3). The owner may not write a member's subkey.
func (s Schema) MayWrite(owner, writer crypto.PublicKey, subkey uint32) error {
	member, owns, ok := s.Writer(subkey)
	switch {
	case !ok:
		return ErrRange
	case owns && writer == owner:
		return nil
	case !owns && writer.Kind == owner.Kind && MemberKey(writer.Value) == member:
		return nil
	}
	return ErrWriter
}

// Check applies the schema to a value: ErrRange, ErrWriter or ErrTooBig (spec 06
// §3.3). It does not verify the signature.
func (s Schema) Check(owner crypto.PublicKey, subkey uint32, v *wire.ValueData) error {
	if err := s.MayWrite(owner, v.Writer, subkey); err != nil {
		return err
	}
	if len(v.Data) > s.MaxValueSize() {
		return ErrTooBig
	}
	return nil
}

// IsMember reports whether a signer has the rights of a member for watches and
// transactions: the owner, and every member whatever its count (spec 06 §3.4).
func (s Schema) IsMember(owner crypto.PublicKey, signer crypto.MemberID) bool {
	if signer.Kind != owner.Kind {
		return false
	}
	if signer == MemberIDOf(owner) {
		return true
	}
	for i := range s.Members {
		if s.Members[i].Key == MemberKey(signer.Value) {
			return true
		}
	}
	return false
}

// AppendBinary appends the compiled form, which is hashed into the record key and
// signed (spec 06 §3.1). It never fails; an invalid schema gives bytes that
// [ParseSchema] refuses.
func (s Schema) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.Kind))
	dst = binary.LittleEndian.AppendUint16(dst, s.OwnerCount)
	for i := range s.Members {
		dst = append(dst, s.Members[i].Key[:]...)
		dst = binary.LittleEndian.AppendUint16(dst, s.Members[i].Count)
	}
	return dst, nil
}

// Compiled is the compiled form in memory of its own.
func (s Schema) Compiled() []byte {
	b, _ := s.AppendBinary(make([]byte, 0, schemaHead+memberSize*len(s.Members)))
	return b
}

// ParseSchema reads the compiled form and validates it; it keeps nothing of data.
func ParseSchema(data []byte) (Schema, error) {
	if len(data) < schemaHead {
		return Schema{}, schemaError("too short", "len()", len(data))
	}
	s := Schema{
		Kind:       SchemaKind(binary.BigEndian.Uint32(data)),
		OwnerCount: binary.LittleEndian.Uint16(data[4:]),
	}
	rest := data[schemaHead:]
	switch {
	case s.Kind != KindDFLT && s.Kind != KindSMPL:
		return Schema{}, &SchemaError{"unknown kind", "kind", strconv.Quote(s.Kind.String())}
	case s.Kind == KindDFLT && len(rest) > 0, len(rest)%memberSize != 0:
		return Schema{}, schemaError("wrong length", "len()", len(data))
	case len(rest)/memberSize > MaxMembers:
		return Schema{}, schemaError("too many members", "member_count", len(rest)/memberSize)
	}
	if n := len(rest) / memberSize; n > 0 {
		s.Members = make([]Member, n)
	}
	for i := range s.Members {
		m := rest[i*memberSize:]
		copy(s.Members[i].Key[:], m)
		s.Members[i].Count = binary.LittleEndian.Uint16(m[crypto.ValueSize:])
	}
	if err := s.Validate(); err != nil {
		return Schema{}, err
	}
	return s, nil
}

// schemaJSON is the form of the API (spec 07 §1): internally tagged.
type schemaJSON struct {
	Kind    string        `json:"kind"`
	OCnt    *uint16       `json:"o_cnt"`
	Members *[]memberJSON `json:"members,omitempty"`
}

type memberJSON struct {
	Key   *string `json:"m_key"`
	Count *uint16 `json:"m_cnt"`
}

// MarshalJSON gives the form of the API.
func (s Schema) MarshalJSON() ([]byte, error) {
	j := schemaJSON{Kind: s.Kind.String(), OCnt: &s.OwnerCount}
	if s.Kind == KindSMPL {
		members := make([]memberJSON, len(s.Members))
		for i := range s.Members {
			key := s.Members[i].Key.String()
			members[i] = memberJSON{&key, &s.Members[i].Count}
		}
		j.Members = &members
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the form of the API. A member key of a wrong length is a
// *SchemaError, as the API wants it; the limits are left to [Schema.Validate],
// since a schema outside of them is a well-formed request.
func (s *Schema) UnmarshalJSON(text []byte) error {
	var j schemaJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	if j.OCnt == nil {
		return fmt.Errorf("schema: o_cnt is missing")
	}
	switch j.Kind {
	case "DFLT":
		*s = DFLT(*j.OCnt)
		return nil
	case "SMPL":
	default:
		return fmt.Errorf("schema: unknown kind %q", j.Kind)
	}
	if j.Members == nil {
		return fmt.Errorf("schema: members are missing")
	}
	parsed := SMPL(*j.OCnt)
	for _, m := range *j.Members {
		if m.Key == nil || m.Count == nil {
			return fmt.Errorf("schema: m_key or m_cnt is missing")
		}
		b, err := crypto.DecodeBase64(*m.Key)
		if err != nil {
			return fmt.Errorf("schema: m_key: %w", err)
		}
		if len(b) != crypto.ValueSize {
			return schemaError("member hash digest is wrong size", "m_key.len()", len(b))
		}
		parsed.Members = append(parsed.Members, Member{MemberKey(b), *m.Count})
	}
	*s = parsed
	return nil
}
