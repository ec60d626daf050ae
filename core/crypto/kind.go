package crypto

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Kind is a crypto kind: a FourCC as the big-endian number of its 4 bytes, the
// form it has in Cap'n Proto (spec 01 §1). Zero is no kind.
type Kind uint32

const (
	KindVLD0 Kind = 0x564c4430 // "VLD0", the production system (spec 01 §4)
	KindNONE Kind = 0x4e4f4e45 // "NONE", for tests, never enabled by default (spec 01 §5)

	// BestKind is what a typed text without a kind is read as (spec 01 §2.3).
	BestKind = KindVLD0

	// MaxKinds is the most typed keys or signatures on one structure (spec 01 §1).
	MaxKinds = 3
)

// ParseKind reads a kind from a text of exactly 4 bytes, whatever they are.
func ParseKind(text string) (Kind, error) {
	if len(text) != 4 {
		return 0, fmt.Errorf("%w: crypto kind %q is not 4 bytes", ErrFormat, text)
	}
	return KindOf([4]byte([]byte(text))), nil
}

// KindOf makes a kind of its 4 bytes.
func KindOf(b [4]byte) Kind { return Kind(binary.BigEndian.Uint32(b[:])) }

// Bytes returns the 4 bytes of the kind.
func (k Kind) Bytes() (b [4]byte) {
	binary.BigEndian.PutUint32(b[:], uint32(k))
	return b
}

// AppendBinary appends the 4 bytes of the kind.
func (k Kind) AppendBinary(dst []byte) ([]byte, error) {
	return binary.BigEndian.AppendUint32(dst, uint32(k)), nil
}

// String is the 4 bytes as text, with what is not UTF-8 replaced.
func (k Kind) String() string {
	b := k.Bytes()
	return strings.ToValidUTF8(string(b[:]), "\ufffd")
}

// MarshalText gives the form of [Kind.String]; it never fails.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText is [ParseKind].
func (k *Kind) UnmarshalText(text []byte) error {
	v, err := ParseKind(string(text))
	if err == nil {
		*k = v
	}
	return err
}

// Kinds is a list of supported kinds, the best first.
type Kinds []Kind

// DefaultKinds is the list of a node that was not told otherwise: VLD0 alone.
func DefaultKinds() Kinds { return Kinds{KindVLD0} }

// Contains reports whether k is supported.
func (ks Kinds) Contains(k Kind) bool { return slices.Contains(ks, k) }

// Best is the first of the list, or 0 if the list is empty.
func (ks Kinds) Best() Kind {
	if len(ks) == 0 {
		return 0
	}
	return ks[0]
}

// Compare is the order of kinds that sorts typed values (spec 01 §1): by place in
// the list, supported before unsupported, and else by their 4 bytes.
func (ks Kinds) Compare(a, b Kind) int {
	ia, ib := slices.Index(ks, a), slices.Index(ks, b)
	switch {
	case ia >= 0 && ib >= 0:
		return cmp.Compare(ia, ib)
	case ia >= 0:
		return -1
	case ib >= 0:
		return 1
	}
	return cmp.Compare(a, b) // big-endian numbers compare like their bytes
}

// Less reports whether a comes before b.
func (ks Kinds) Less(a, b Kind) bool { return ks.Compare(a, b) < 0 }

// Intersect returns the kinds that are in both lists, in the order of ks.
func (ks Kinds) Intersect(other Kinds) Kinds {
	var both Kinds
	for _, k := range ks {
		if other.Contains(k) {
			both = append(both, k)
		}
	}
	return both
}
