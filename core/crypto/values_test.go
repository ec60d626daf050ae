package crypto

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func TestKind(t *testing.T) {
	if b := KindVLD0.Bytes(); KindVLD0.String() != "VLD0" || b != [4]byte{'V', 'L', 'D', '0'} || KindOf(b) != KindVLD0 {
		t.Errorf("VLD0 is %v, % x", KindVLD0, b)
	}
	if k, err := ParseKind("NONE"); k != KindNONE || err != nil {
		t.Errorf("ParseKind(NONE) = %v, %v", k, err)
	}
	for _, bad := range []string{"", "VLD", "VLD00"} {
		if _, err := ParseKind(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("ParseKind(%q): %v, want ErrFormat", bad, err)
		}
	}
	if got := KindOf([4]byte{'A', 0xff, 0xfe, 'B'}).String(); got != "A\ufffdB" {
		t.Errorf("kind that is no text = %q", got)
	}
}

func TestKindOrder(t *testing.T) {
	x, _ := ParseKind("XXXX")
	a, _ := ParseKind("AAAA")
	for _, test := range []struct {
		order, want Kinds
	}{
		{Kinds{KindVLD0}, Kinds{KindVLD0, a, KindNONE, x}},
		{Kinds{KindVLD0, KindNONE}, Kinds{KindVLD0, KindNONE, a, x}},
		{Kinds{x}, Kinds{x, a, KindNONE, KindVLD0}},
	} {
		got := Kinds{x, KindNONE, a, KindVLD0}
		slices.SortFunc(got, test.order.Compare)
		if !slices.Equal(got, test.want) {
			t.Errorf("in the order %v: %v, want %v", test.order, got, test.want)
		}
	}
	if both := (Kinds{x, KindVLD0, a}).Intersect(Kinds{a, x}); !slices.Equal(both, Kinds{x, a}) {
		t.Errorf("Intersect = %v", both)
	}
	if (Kinds{}).Best() != 0 || (Kinds{x, a}).Best() != x || !(Kinds{x}).Less(x, a) {
		t.Error("Best or Less")
	}
}

func TestParse(t *testing.T) {
	const bare = "7lxDEabK_qgjbe38RtBa3IZLrud84P6NhGP-pRTZzdQ" // spec 01 §2.2
	for _, test := range []struct {
		name, text string
		want       error
	}{
		{"typed", "VLD0:" + bare, nil},
		{"bare is VLD0", bare, nil},
		{"unknown kind", "????:" + bare, nil},
		{"trailing bits", bare[:42], ErrBase64},
		{"short", "VLD0:" + bare[:40], ErrLength},
		{"long", "VLD0:" + bare + "AAAA", ErrLength},
		{"empty", "", ErrLength},
		{"kind alone", "VLD0:", ErrBase64},
		{"kind of three", "VLD:" + bare, ErrBase64},
		{"padding", "VLD0:" + bare + "=", ErrBase64},
		{"line end", "VLD0:" + bare + "\n", ErrBase64},
		{"line end within", "VLD0:" + bare[:20] + "\r\n" + bare[20:], ErrBase64},
		{"space", "VLD0: " + bare, ErrBase64},
		{"standard alphabet", "VLD0:" + strings.ReplaceAll(bare, "-", "+"), ErrBase64},
		{"length 1 mod 4", "VLD0:" + bare + "AA", ErrBase64},
		{"two parts", "VLD0:" + bare + ":" + bare, ErrBase64},
	} {
		t.Run(test.name, func(t *testing.T) {
			id, err := Parse[PublicKey](test.text)
			_, secretErr := Parse[SecretKey](test.text)
			if !errors.Is(err, test.want) || !errors.Is(secretErr, test.want) {
				t.Fatalf("Parse(%q): %v and %v, want %v", test.text, err, secretErr, test.want)
			}
			if test.want != nil {
				if !id.IsZero() {
					t.Error("a value beside the error")
				}
				return
			}
			if want := unhex(t, "ee5c4311a6cafea8236dedfc46d05adc864baee77ce0fe8d8463fea514d9cdd4"); !bytes.Equal(id.Value[:], want) {
				t.Errorf("Parse(%q) = %x, want %x", test.text, id.Value, want)
			}
			if again := id.String(); again != test.text && again != "VLD0:"+test.text {
				t.Errorf("%q came back as %q", test.text, again)
			}
			if id.Bare() != bare {
				t.Errorf("Bare = %q", id.Bare())
			}
		})
	}
	var length *LengthError
	if _, err := Parse[PublicKey]("AAAA"); !errors.As(err, &length) || length.Got != 3 || length.Want != 32 || length.What != "public key" {
		t.Errorf("length error = %+v", length)
	}
}

func TestPairTexts(t *testing.T) {
	pair := pairFromSeed(0)
	public, secret := pair.Public.Bare(), EncodeBase64(pair.Secret.SecretBytes())
	for _, test := range []struct {
		text                       string
		pairErr, recordErr, kemErr error
	}{
		{"VLD0:" + public + ":" + secret, nil, nil, nil},
		{public + ":" + secret, nil, nil, nil},
		{"VLD0:" + public, ErrFormat, nil, ErrFormat},
		{"VLD0:" + public + ":" + secret + ":" + secret, ErrFormat, ErrFormat, ErrFormat},
		{"VLD0:" + public + ":", ErrLength, ErrLength, ErrLength},
		{"VLD0::" + secret, ErrLength, ErrLength, ErrLength},
		{"VLD0:" + public + ":" + secret[:42], ErrBase64, ErrBase64, ErrBase64},
		{"VLD0:" + public + ":" + secret[:40], ErrLength, ErrLength, ErrLength},
	} {
		p, err := Parse[KeyPair](test.text)
		if !errors.Is(err, test.pairErr) || err == nil && !p.Equal(pair) {
			t.Errorf("Parse[KeyPair](%q) = %v, %v, want %v", test.text, p, err, test.pairErr)
		}
		k, err := Parse[KEMKeyPair](test.text)
		if !errors.Is(err, test.kemErr) || err == nil && k.Text() != pair.Text() {
			t.Errorf("Parse[KEMKeyPair](%q) = %v, %v, want %v", test.text, k, err, test.kemErr)
		}
		r, err := Parse[RecordKey](test.text)
		if !errors.Is(err, test.recordErr) || err == nil && r.Opaque.Bare() != public {
			t.Errorf("Parse[RecordKey](%q) = %v, %v, want %v", test.text, r, err, test.recordErr)
		}
		if err == nil && r.Encrypted() != strings.HasSuffix(test.text, secret) {
			t.Errorf("Parse[RecordKey](%q) is encrypted: %v", test.text, r.Encrypted())
		}
		if err == nil && r.Text() != "VLD0:"+strings.TrimPrefix(test.text, "VLD0:") {
			t.Errorf("%q came back as %q", test.text, r.Text())
		}
	}
}

func TestBytesForms(t *testing.T) {
	a := pairFromSeed(0)
	b, _ := a.Public.AppendBinary([]byte{1})
	if want := append([]byte("\x01VLD0"), a.Public.Value[:]...); !bytes.Equal(b, want) {
		t.Errorf("AppendBinary = %x, want %x", b, want)
	}
	if id, err := ParseBytes[PublicKey](b[1:]); err != nil || id != a.Public {
		t.Errorf("ParseBytes = %v, %v", id, err)
	}
	if s, err := ParseBytes[SecretKey](a.Secret.AppendSecret(nil)); err != nil || !s.Equal(a.Secret) {
		t.Errorf("ParseBytes of a secret: %v", err)
	}
	for n := range b[1:] {
		want := ErrLength
		if n < 4 {
			want = ErrFormat
		}
		if _, err := ParseBytes[PublicKey](b[1 : 1+n]); !errors.Is(err, want) {
			t.Errorf("ParseBytes of %d bytes: %v, want %v", n, err, want)
		}
	}
	sig := Signature{Kind: KindNONE, Value: [64]byte{1, 63: 2}}
	b, _ = sig.AppendBinary(nil)
	if again, err := ParseBytes[Signature](b); err != nil || again != sig {
		t.Errorf("signature came back as %v, %v", again, err)
	}
	if again, err := FromParts[Signature](sig.Kind, sig.Value[:]); err != nil || again != sig {
		t.Errorf("FromParts = %v, %v", again, err)
	}
	if _, err := FromParts[Signature](sig.Kind, sig.Value[:63]); !errors.Is(err, ErrLength) {
		t.Errorf("FromParts of 63 bytes: %v", err)
	}
	if n, err := NonceFromBytes(sequence(0, 24)); err != nil || n.String() != EncodeBase64(sequence(0, 24)) {
		t.Errorf("nonce = %v, %v", n, err)
	}
	if _, err := NonceFromBytes(sequence(0, 25)); !errors.Is(err, ErrLength) {
		t.Errorf("nonce of 25 bytes: %v", err)
	}
}

// TestSecretsStayHidden prints secrets in every way that happens by accident.
func TestSecretsStayHidden(t *testing.T) {
	pair := pairFromSeed(0)
	record := RecordKey{Opaque: OpaqueRecordKey(pair.Public), Encryption: NewSharedSecret(KindVLD0, pair.Secret.value)}
	kem := KEMKeyPair{EncapsulationKey(pair.Public), DecapsulationKey{Kind: KindVLD0, value: pair.Secret.value}}
	signer, err := newCrypto(t).Best().NewSigner(pair)
	if err != nil {
		t.Fatal(err)
	}
	type within struct {
		Secret SecretKey
		Pair   *KeyPair
	}
	leaks := []string{
		EncodeBase64(pair.Secret.SecretBytes())[:20], "000102030405", "00010203 04050607", "0 1 2 3 4 5", "0x1, 0x2, 0x3", "AAECAwQF",
	}
	for _, v := range []any{
		pair.Secret, &pair.Secret, pair, &pair, record, &record, kem, signer,
		within{pair.Secret, &pair}, []SecretKey{pair.Secret}, map[string]RecordKey{"k": record},
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "% x", "%d", "%q"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
		text, _ := json.Marshal(v)
		log.Write(text)
		for _, leak := range leaks {
			if strings.Contains(strings.ToLower(log.String()), strings.ToLower(leak)) {
				t.Errorf("%T shows %q:\n%s", v, leak, log.String())
			}
		}
	}
	if _, err := json.Marshal(within{pair.Secret, &pair}); err == nil {
		t.Error("a secret marshals")
	}
	if pair.Secret.Text() != "VLD0:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8" {
		t.Errorf("Text = %s", pair.Secret.Text())
	}
	pair.Secret.Zero()
	if !pair.Secret.IsZero() || !bytes.Equal(pair.Secret.SecretBytes(), make([]byte, 32)) {
		t.Error("Zero leaves something")
	}
}

func TestLogShortens(t *testing.T) {
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "peer", parse[NodeID](t, publicA))
	if !strings.Contains(log.String(), "peer=VLD0:A6EHv_PO\n") {
		t.Errorf("logged as %s", log.String())
	}
}

func TestJSON(t *testing.T) {
	type message struct {
		Key  PublicKey         `json:"key"`
		Sigs Group[PublicKey]  `json:"keys"`
		None PublicKey         `json:"none,omitzero"`
		At   Timestamp         `json:"at"`
		For  TimestampDuration `json:"for"`
		Kind Kind              `json:"kind"`
		N    Nonce             `json:"n"`
	}
	a := parse[PublicKey](t, publicA)
	want := `{"key":"` + publicA + `","keys":["` + publicA + `"],"at":"18446744073709551615","for":"5","kind":"VLD0","n":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`
	got, err := json.Marshal(message{Key: a, Sigs: Group[PublicKey]{a}, At: 1<<64 - 1, For: 5, Kind: KindVLD0})
	if err != nil || string(got) != want {
		t.Fatalf("got %s, %v\nwant %s", got, err, want)
	}
	var back message
	if err := json.Unmarshal(got, &back); err != nil || back.Key != a || back.At != 1<<64-1 || back.For != 5 || back.Kind != KindVLD0 {
		t.Errorf("back: %+v, %v", back, err)
	}
	for _, bad := range []string{`{"at":"-1"}`, `{"at":"18446744073709551616"}`, `{"at":5}`, `{"at":""}`, `{"kind":"VLD"}`, `{"n":"AA"}`, `{"key":"AA"}`} {
		if err := json.Unmarshal([]byte(bad), &back); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestCompare(t *testing.T) {
	order := DefaultKinds()
	value := func(kind Kind, first byte) PublicKey { return PublicKey{Kind: kind, Value: [32]byte{first}} }
	sorted := []PublicKey{value(KindVLD0, 1), value(KindVLD0, 200), value(KindNONE, 0)}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := a.Compare(b, order); got < 0 != (i < j) || got > 0 != (i > j) {
				t.Errorf("Compare(%d, %d) = %d", i, j, got)
			}
		}
	}
	a := pairFromSeed(0)
	plain := RecordKey{Opaque: OpaqueRecordKey(a.Public)}
	low := RecordKey{Opaque: plain.Opaque, Encryption: NewSharedSecret(KindVLD0, [32]byte{0})}
	high := RecordKey{Opaque: plain.Opaque, Encryption: NewSharedSecret(KindVLD0, [32]byte{1})}
	keys := []RecordKey{high, plain, low}
	slices.SortFunc(keys, func(a, b RecordKey) int { return a.Compare(b, order) })
	if !keys[0].Equal(plain) || !keys[1].Equal(low) || !keys[2].Equal(high) || low.Equal(high) || low.Equal(plain) {
		t.Error("record keys are out of order")
	}
	if x, y := a, (KeyPair{a.Public, pairFromSeed(1).Secret}); x.Compare(y, order) >= 0 || x.Equal(y) {
		t.Error("key pairs do not compare by their secrets")
	}
}

func TestGroup(t *testing.T) {
	order := DefaultKinds()
	x, _ := ParseKind("XXXX")
	k := func(kind Kind, n byte) PublicKey { return PublicKey{Kind: kind, Value: [32]byte{n}} }
	g := GroupOf(order, k(x, 1), k(KindNONE, 2), k(KindVLD0, 3), k(x, 4))
	if want := (Group[PublicKey]{k(KindVLD0, 3), k(KindNONE, 2), k(x, 4)}); !slices.Equal(g, want) {
		t.Errorf("GroupOf = %v, want %v", g, want)
	}
	if !slices.Equal(g.Kinds(), Kinds{KindVLD0, KindNONE, x}) {
		t.Errorf("Kinds = %v", g.Kinds())
	}
	if v, ok := g.Get(x); !ok || v != k(x, 4) {
		t.Errorf("Get = %v, %v", v, ok)
	}
	if _, ok := g.Get(0x31323334); ok {
		t.Error("Get of a kind that is not there")
	}
	if g.Contains(k(x, 1)) || !g.Contains(k(x, 4)) || g.ContainsAny([]PublicKey{k(x, 1)}) || !g.ContainsAny([]PublicKey{k(x, 1), k(KindNONE, 2)}) {
		t.Error("Contains looks at kinds only")
	}
	// A replacement does not sort: an unsorted group stays so.
	unsorted := Group[PublicKey]{k(x, 1), k(KindVLD0, 2)}
	if got := unsorted.Add(order, k(x, 9)); got[0] != k(x, 9) || got[1] != k(KindVLD0, 2) {
		t.Errorf("Add in place = %v", got)
	}
}

func TestDistance(t *testing.T) {
	a, b := NodeIDOf(parse[PublicKey](t, publicA)), NodeIDOf(parse[PublicKey](t, publicB))
	d, ok := a.Distance(b.Coordinate())
	if want := unhex(t, "2a0dbd5eb272da4eaf5ec78c3406cb5e51fa845d905b1f978a483af730c35c6f"); !ok || !bytes.Equal(d[:], want) {
		t.Errorf("distance = %x, %v, want %x", d, ok, want)
	}
	if bit, ok := d.FirstBit(); bit != 2 || !ok || d.Bit(1) || !d.Bit(2) {
		t.Errorf("first bit = %d, %v, want 2", bit, ok)
	}
	if i, ok := BucketIndex(a, b); i != 2 || !ok {
		t.Errorf("BucketIndex = %d, %v, want 2", i, ok)
	}
	if _, ok := BucketIndex(a, a); ok {
		t.Error("the own id has a bucket")
	}
	other := b
	other.Kind = KindNONE
	if _, ok := BucketIndex(a, other); ok {
		t.Error("an id of another kind has a bucket")
	}
	near := a
	near.Value[31] ^= 1
	if i, ok := BucketIndex(a, near); i != 255 || !ok {
		t.Errorf("BucketIndex of the nearest = %d, %v, want 255", i, ok)
	}
	if e, _ := a.Distance(near.Coordinate()); !e.Less(d) || d.Less(e) || d.Compare(d) != 0 {
		t.Error("Less")
	}
	if PublicKeyOf(a) != parse[PublicKey](t, publicA) {
		t.Error("PublicKeyOf is not the inverse of NodeIDOf")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(publicA)
	f.Add(publicA + ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
	f.Add("VLD0:")
	f.Add("[]")
	f.Fuzz(func(t *testing.T, text string) {
		// What parses is the canonical text or lacks only the kind, unless the kind
		// is not UTF-8, which has no text form of its own.
		same := func(what, again string, err error) {
			if err == nil && again != text && again != "VLD0:"+text && !strings.Contains(again, "\ufffd") {
				t.Errorf("%s: %q came back as %q", what, text, again)
			}
		}
		id, err := Parse[NodeID](text)
		same("id", id.String(), err)
		sig, err := Parse[Signature](text)
		same("signature", sig.String(), err)
		pair, err := Parse[KeyPair](text)
		same("pair", pair.Text(), err)
		record, err := Parse[RecordKey](text)
		same("record key", record.Text(), err)
		secret, err := Parse[SharedSecret](text)
		same("secret", secret.Text(), err)
	})
}
