package dht

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func TestNextSeq(t *testing.T) {
	for _, c := range []struct {
		seq, want uint32
		err       error
	}{
		{wire.SeqNone, 0, nil}, {0, 1, nil}, {0xFFFFFFFD, MaxSeq, nil}, {MaxSeq, 0, ErrSeq},
	} {
		if got, err := NextSeq(c.seq); got != c.want || err != c.err {
			t.Errorf("after %d: %d, %v", c.seq, got, err)
		}
	}
	order := []uint32{wire.SeqNone, 0, 1, 0x80000000, MaxSeq}
	for i, a := range order {
		for j, b := range order {
			if NewerSeq(a, b) != (i > j) {
				t.Errorf("%x newer than %x: %v", a, b, NewerSeq(a, b))
			}
		}
	}
}

func TestEncryption(t *testing.T) {
	sys := newCrypto(t).Best()
	key, err := sys.RandomSharedSecret()
	if err != nil {
		t.Fatal(err)
	}
	writer := newPair(t, sys).Public
	plain := []byte("some bytes")
	sealed, err := EncryptValue(sys, key, writer, 3, plain)
	if err != nil {
		t.Fatal(err)
	}
	again, err := EncryptValue(sys, key, writer, 3, plain)
	if err != nil {
		t.Fatal(err)
	}
	if sealed.Nonce == nil || *sealed.Nonce == *again.Nonce || bytes.Equal(sealed.Data, plain) || len(sealed.Data) != len(plain) {
		t.Errorf("encrypted to %+v", sealed)
	}
	clear, err := EncryptValue(sys, crypto.SharedSecret{}, writer, 3, plain)
	if err != nil || clear.Nonce != nil || !bytes.Equal(clear.Data, plain) {
		t.Errorf("in the clear: %+v, %v", clear, err)
	}
	if &clear.Data[0] == &plain[0] {
		t.Error("shares memory with the application")
	}
	// The matrix of spec 06 §4.5.
	for _, c := range []struct {
		name  string
		key   crypto.SharedSecret
		value wire.ValueData
		want  error
	}{
		{"key and nonce", key, sealed, nil},
		{"neither", crypto.SharedSecret{}, clear, nil},
		{"nonce only", crypto.SharedSecret{}, sealed, ErrEncrypted},
		{"key only", key, clear, ErrNotEncrypted},
	} {
		got, err := DecryptValue(sys, c.key, &c.value)
		if !errors.Is(err, c.want) || c.want == nil && !bytes.Equal(got, plain) {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	for _, c := range []struct {
		name string
		seq  uint32
		size int
		want error
	}{
		{"too big", 0, MaxValueSize + 1, ErrTooBig}, {"no sequence number", wire.SeqNone, 1, ErrSeq}, {"largest", MaxSeq, MaxValueSize, nil},
	} {
		if _, err := EncryptValue(sys, key, writer, c.seq, make([]byte, c.size)); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSignValue(t *testing.T) {
	sys := newCrypto(t).Best()
	owner, other := newPair(t, sys), newPair(t, sys)
	for _, c := range []struct {
		name  string
		value wire.ValueData
		want  error
	}{
		{"another writer", wire.ValueData{Writer: other.Public}, ErrWriter},
		{"no sequence number", wire.ValueData{Writer: owner.Public, Seq: wire.SeqNone}, ErrSeq},
		{"too big", wire.ValueData{Writer: owner.Public, Data: make([]byte, MaxValueSize+1)}, ErrTooBig},
	} {
		if _, err := SignValue(sys, owner, owner.Public, 0, c.value); err != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	wrong := owner
	wrong.Secret = other.Secret
	if v, err := SignValue(sys, wrong, owner.Public, 0, wire.ValueData{Writer: owner.Public}); err == nil &&
		VerifyValue(sys, owner.Public, 0, v) == nil {
		t.Error("signed with a secret of another pair")
	}
}

// Kinds come before the signature (spec 06 §4.1, §4.4).
func TestVerifyRefuses(t *testing.T) {
	sys := newCrypto(t).Best()
	a, b := newAuthor(t, sys, DFLT(2)), newAuthor(t, sys, DFLT(3))
	for _, c := range []struct {
		name  string
		spoil func(key *crypto.OpaqueRecordKey, d *wire.SignedValueDescriptor)
		want  error
	}{
		{"nothing", func(*crypto.OpaqueRecordKey, *wire.SignedValueDescriptor) {}, nil},
		{"owner's kind", func(_ *crypto.OpaqueRecordKey, d *wire.SignedValueDescriptor) { d.Owner.Kind = crypto.KindNONE }, ErrSignature},
		{"signature's kind", func(_ *crypto.OpaqueRecordKey, d *wire.SignedValueDescriptor) { d.Signature.Kind = crypto.KindNONE }, ErrSignature},
		{"key's kind", func(k *crypto.OpaqueRecordKey, _ *wire.SignedValueDescriptor) { k.Kind = crypto.KindNONE }, ErrSignature},
		{"signature", func(_ *crypto.OpaqueRecordKey, d *wire.SignedValueDescriptor) { d.Signature.Value[0] ^= 1 }, ErrSignature},
		{"schema", func(_ *crypto.OpaqueRecordKey, d *wire.SignedValueDescriptor) { d.SchemaData = DFLT(9).Compiled() }, ErrSignature},
		{"another record's key", func(k *crypto.OpaqueRecordKey, _ *wire.SignedValueDescriptor) { *k = b.d.Key }, ErrKey},
	} {
		key, d := a.d.Key, *a.d.Signed
		c.spoil(&key, &d)
		if _, err := VerifyDescriptor(sys, key, &d); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// A schema that breaks the rules is refused even if the owner has signed it.
	d := wire.SignedValueDescriptor{Owner: a.owner.Public, SchemaData: DFLT(1025).Compiled()}
	var err error
	if d.Signature, err = sys.Sign(a.owner, d.SchemaData); err != nil {
		t.Fatal(err)
	}
	key, err := KeyOf(sys, d.Owner, d.SchemaData)
	if err != nil {
		t.Fatal(err)
	}
	var se *SchemaError
	if _, err := VerifyDescriptor(sys, key, &d); !errors.As(err, &se) {
		t.Errorf("signed nonsense: %v", err)
	}

	v := a.value(0, 0, "x")
	for _, c := range []struct {
		name  string
		spoil func(*wire.SignedValueData)
	}{
		{"writer's kind", func(v *wire.SignedValueData) { v.Value.Writer.Kind = crypto.KindNONE }},
		{"signature's kind", func(v *wire.SignedValueData) { v.Signature.Kind = crypto.KindNONE }},
		{"another owner's record", func(v *wire.SignedValueData) { v.Value.Writer = b.owner.Public }},
	} {
		bad := *v
		c.spoil(&bad)
		if err := VerifyValue(sys, a.owner.Public, 0, &bad); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestSubkeys(t *testing.T) {
	for _, c := range []struct {
		name   string
		ranges []wire.SubkeyRange
		n      int
		want   []wire.SubkeyRange
		count  int
	}{
		{"none", nil, 1024, nil, 0},
		{"all", AllSubkeys(), 1024, []wire.SubkeyRange{{Start: 0, End: 1023}}, 1024},
		{"all of three", AllSubkeys(), 3, []wire.SubkeyRange{{Start: 0, End: 2}}, 3},
		{"across words", []wire.SubkeyRange{{Start: 60, End: 130}}, 1024, []wire.SubkeyRange{{Start: 60, End: 130}}, 71},
		{"adjacent ones merge", []wire.SubkeyRange{{Start: 0, End: 1}, {Start: 2, End: 3}}, 1024, []wire.SubkeyRange{{Start: 0, End: 3}}, 4},
		{"apart", []wire.SubkeyRange{{Start: 0, End: 0}, {Start: 2, End: 3}}, 1024, []wire.SubkeyRange{{Start: 0, End: 0}, {Start: 2, End: 3}}, 3},
		{"beyond", []wire.SubkeyRange{{Start: 5, End: 9}}, 5, nil, 0},
		{"the last", []wire.SubkeyRange{{Start: 0xFFFFFFFF, End: 0xFFFFFFFF}}, 1024, nil, 0},
	} {
		s := SubkeysOf(c.ranges, c.n)
		if got := s.Ranges(); !slices.Equal(got, c.want) || s.Len() != c.count || s.Empty() != (c.count == 0) {
			t.Errorf("%s: %v, %d subkeys", c.name, got, s.Len())
		}
		if got := slices.Collect(s.All()); len(got) != c.count || !slices.IsSorted(got) {
			t.Errorf("%s: visits %v", c.name, got)
		}
	}
	var s Subkeys
	s.Add(3)
	s.Add(700)
	s.Add(1024)
	other := SubkeysOf([]wire.SubkeyRange{{Start: 700, End: 702}}, 1024)
	if s.Len() != 2 || !s.Contains(3) || s.Contains(4) || s.Contains(1024) {
		t.Errorf("added: %v", s.Ranges())
	}
	if u := s.Union(other); u.Len() != 4 {
		t.Errorf("union: %v", u.Ranges())
	}
	if i := s.Intersect(other); !slices.Equal(i.Ranges(), []wire.SubkeyRange{{Start: 700, End: 700}}) {
		t.Errorf("intersection: %v", i.Ranges())
	}
	if m := s.Minus(other); !slices.Equal(m.Ranges(), []wire.SubkeyRange{{Start: 3, End: 3}}) {
		t.Errorf("difference: %v", m.Ranges())
	}
	s.Remove(3)
	if s.Contains(3) || s.Len() != 1 {
		t.Errorf("removed: %v", s.Ranges())
	}
	odd := Subkeys{}
	for k := uint32(1); k < MaxSubkeys; k += 2 {
		odd.Add(k)
	}
	if n := len(odd.Ranges()); n != 512 {
		t.Errorf("%d ranges at worst, want 512", n)
	}
}
