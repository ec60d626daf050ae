package dht

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Descriptors of real nodes: they verify, and ours come out byte for byte.
func TestCapturedDescriptors(t *testing.T) {
	var c captured
	load(t, "dht.json", &c)
	sys := newCrypto(t).Best()
	if len(c.Descriptors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range c.Descriptors {
		t.Run(v.Name, func(t *testing.T) {
			key := idOf[crypto.OpaqueRecordKey](t, v.RecordKey)
			signed := &wire.SignedValueDescriptor{
				Owner:      idOf[crypto.PublicKey](t, v.Descriptor.Owner.Value),
				SchemaData: unhex(t, v.Descriptor.SchemaData),
				Signature:  crypto.Signature{Kind: crypto.KindVLD0, Value: [64]byte(unhex(t, v.Descriptor.Signature.Value))},
			}
			d, err := VerifyDescriptor(sys, key, signed)
			if err != nil {
				t.Fatal(err)
			}
			var want Schema
			if err := json.Unmarshal(v.Expect.Schema, &want); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(d.Schema.Compiled(), want.Compiled()) || !bytes.Equal(want.Compiled(), signed.SchemaData) {
				t.Errorf("schema %+v, want %+v", d.Schema, want)
			}
			owner := pairOf(t, sys, unhex(t, v.Descriptor.Owner.Value), unhex(t, v.OwnerSecret))
			ours, err := NewDescriptor(sys, owner, want)
			if err != nil {
				t.Fatal(err)
			}
			if ours.Key != key || ours.Signed.Signature != signed.Signature || !d.Same(ours.Signed) {
				t.Errorf("our descriptor differs: key %v, want %v", ours.Key, key)
			}
		})
	}
}

// Values of real clients: they verify, decrypt, and ours come out byte for byte.
func TestCapturedValues(t *testing.T) {
	var c captured
	load(t, "dht.json", &c)
	sys := newCrypto(t).Best()
	owners := map[string]crypto.KeyPair{}
	descriptors := map[string]*Descriptor{}
	for _, r := range c.Records {
		owner := pairOf(t, sys, unhex(t, r.Owner), unhex(t, r.OwnerSecret))
		owners[r.Owner] = owner
		var s Schema
		if err := json.Unmarshal(r.Schema, &s); err != nil {
			t.Fatal(err)
		}
		d, err := NewDescriptor(sys, owner, s)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(d.Key.Value[:]) != r.Opaque {
			t.Errorf("%s: key %x, want %s", r.Name, d.Key.Value, r.Opaque)
		}
		descriptors[r.Opaque] = d
		text, err := crypto.Parse[crypto.RecordKey](r.Text)
		if err != nil {
			t.Fatal(err)
		}
		full, err := RecordKeyOf(sys, owner.Public, s, text.Encryption)
		if err != nil || full.Text() != r.Text {
			t.Errorf("%s: record key %v, %v", r.Name, full, err)
		}
	}
	resigned := 0
	for _, v := range c.Values {
		t.Run(v.Name, func(t *testing.T) {
			signed := v.decode(t)
			if signed.Value.Seq != v.Seq || hex.EncodeToString(signed.Blob) != v.ValueData {
				t.Fatalf("decoded to seq %d and blob %x", signed.Value.Seq, signed.Blob)
			}
			d := descriptors[v.RecordKey]
			if d == nil {
				t.Fatal("no record")
			}
			if err := d.CheckValue(sys, v.Subkey, signed); err != nil {
				t.Fatal(err)
			}
			if v.SignedBytes != "" {
				if got := signingInput(signed, d.Owner(), v.Subkey); hex.EncodeToString(got) != v.SignedBytes {
					t.Errorf("signed bytes %x…", got[:64])
				}
			}
			var key crypto.SharedSecret
			if v.EncryptionKey != "" {
				key = crypto.NewSharedSecret(crypto.KindVLD0, [32]byte(unhex(t, v.EncryptionKey)))
				plain, err := DecryptValue(sys, key, &signed.Value)
				if err != nil || len(plain) != len(signed.Value.Data) || v.Plaintext != "" && hex.EncodeToString(plain) != v.Plaintext {
					t.Fatalf("plaintext %x, %v", plain, err)
				}
			}
			owner, ok := owners[v.Writer]
			if !ok {
				return // written by a member, whose secret is not in the capture
			}
			resigned++
			again, err := SignValue(sys, owner, d.Owner(), v.Subkey, signed.Value)
			if err != nil {
				t.Fatal(err)
			}
			if again.Signature != signed.Signature || !SameValue(again, signed) {
				t.Errorf("signed again: %x, want %x", again.Signature.Value, signed.Signature.Value)
			}
			// And one bit anywhere makes it invalid.
			for _, spoil := range []func(*wire.SignedValueData, *uint32){
				func(v *wire.SignedValueData, _ *uint32) { v.Signature.Value[3] ^= 1 },
				func(_ *wire.SignedValueData, subkey *uint32) { *subkey ^= 1 },
				func(v *wire.SignedValueData, _ *uint32) {
					value := v.Value
					value.Seq++
					bad, err := wire.NewSignedValueData(value, v.Signature)
					if err != nil {
						t.Fatal(err)
					}
					*v = *bad
				},
			} {
				bad, subkey := *signed, v.Subkey
				spoil(&bad, &subkey)
				if err := VerifyValue(sys, d.Owner(), subkey, &bad); !errors.Is(err, ErrSignature) {
					t.Errorf("a spoilt value gives %v", err)
				}
			}
		})
	}
	if resigned < 10 {
		t.Errorf("only %d values could be signed again", resigned)
	}
}

// keyVectors is testdata/dht-keys.json: what the API of a real node answers.
type keyVectors struct {
	RecordKeys []struct {
		Name, Owner   string
		Schema        json.RawMessage
		EncryptionKey *string `json:"encryption_key"`
		Value         string
		Error         *struct{ Kind, Context, Argument, Value, Message string }
	} `json:"record_keys"`
	Created []struct {
		Schema     json.RawMessage
		Key, Owner string
	} `json:"created_records"`
	MemberIDs []struct {
		Writer string `json:"writer_key"`
		Member string `json:"member_id"`
	} `json:"member_ids"`
}

func TestRecordKeyVectors(t *testing.T) {
	var c keyVectors
	load(t, "dht-keys.json", &c)
	sys := newCrypto(t).Best()
	if len(c.RecordKeys) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range c.RecordKeys {
		name := v.Name + ", not encrypted"
		if v.EncryptionKey != nil {
			name = v.Name + ", encrypted"
		}
		t.Run(name, func(t *testing.T) {
			var s Schema
			err := json.Unmarshal(v.Schema, &s)
			var owner crypto.PublicKey
			if err == nil {
				owner, err = crypto.Parse[crypto.PublicKey](v.Owner)
			}
			var encryption crypto.SharedSecret
			if err == nil && v.EncryptionKey != nil {
				encryption, err = crypto.Parse[crypto.SharedSecret](*v.EncryptionKey)
			}
			var key crypto.RecordKey
			if err == nil {
				key, err = RecordKeyOf(sys, owner, s, encryption)
			}
			if v.Error == nil {
				if err != nil || key.Text() != v.Value {
					t.Fatalf("got %s, %v; want %s", key.Text(), err, v.Value)
				}
				return
			}
			if v.Error.Kind != "InvalidArgument" { // of the texts, which package crypto parses
				if err == nil {
					t.Fatalf("got %s, want %s", key.Text(), v.Error.Message)
				}
				return
			}
			var se *SchemaError
			if !errors.As(err, &se) || se.Context != v.Error.Context || se.Argument != v.Error.Argument || se.Value != v.Error.Value {
				t.Fatalf("got %v, want %+v", err, *v.Error)
			}
		})
	}
	for _, v := range c.Created {
		var s Schema
		if err := json.Unmarshal(v.Schema, &s); err != nil {
			t.Fatal(err)
		}
		want, err := crypto.Parse[crypto.RecordKey](v.Key)
		if err != nil {
			t.Fatal(err)
		}
		owner, err := crypto.Parse[crypto.PublicKey](v.Owner)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := RecordKeyOf(sys, owner, s, want.Encryption); err != nil || !got.Equal(want) {
			t.Errorf("created %s: got %s, %v", v.Key, got.Text(), err)
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(again, &a) != nil || json.Unmarshal(v.Schema, &b) != nil || !equalJSON(t, a, b) {
			t.Errorf("schema %s became %s", v.Schema, again)
		}
	}
	for _, v := range c.MemberIDs {
		key, err := crypto.Parse[crypto.PublicKey](v.Writer)
		if err != nil {
			t.Fatal(err)
		}
		if got := MemberIDOf(key).String(); got != v.Member {
			t.Errorf("member id of %s is %s, want %s", v.Writer, got, v.Member)
		}
	}
}

func equalJSON(t *testing.T, a, b any) bool {
	t.Helper()
	x, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x, y)
}

// The computed vectors of spec 06 §19.
func TestComputedVectors(t *testing.T) {
	sys := newCrypto(t).Best()
	seed := func(first byte) (b [32]byte) {
		for i := range b {
			b[i] = first + byte(i)
		}
		return b
	}
	s0, s1, s2 := seed(0), seed(0x20), seed(0x80)
	owner := pairOf(t, sys, unhex(t, "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"), s0[:])
	member0 := pairOf(t, sys, unhex(t, "29acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe12c89794bc9322966dd7"), s1[:])
	member1 := pairOf(t, sys, unhex(t, "cd14b37f956e953194ff7fb73b3d81dcc561d61a7538094b7c3e1a643ee5f3aa"), s2[:])
	smpl := SMPL(1, Member{member0.Public.Value, 3}, Member{member1.Public.Value, 2})

	for _, v := range []struct {
		name   string
		schema Schema
		key    string
		sig    string
	}{
		{"DFLT", DFLT(2), "1e061ed7a26c2ee3e230691614ff47dbf431e65562f6d58716ebbff7a8018770",
			"c5ed5600496f9caf0174d11600cc2c2f64da139ad814e0c52e4b612176056274702b24c0d7536b2967b3a5a81c439fdd2c7b45f9823cba33fabeda6fda06c007"},
		{"SMPL", smpl, "c3a101b2928efb5412a15e4353222e0666566ba983797ce012416826894b34da",
			"79c507b540602080dfb081bb5bf607144649cbb2cadd9c07cbc790905da96897b40d4eba21dd3d20b0cf2a564c4c39d805c521492694904eb3000f666d0a7f0f"},
	} {
		d, err := NewDescriptor(sys, owner, v.schema)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(d.Key.Value[:]) != v.key || hex.EncodeToString(d.Signed.Signature.Value[:]) != v.sig {
			t.Errorf("%s: key %x, signature %x", v.name, d.Key.Value, d.Signed.Signature.Value)
		}
	}

	nonce := crypto.Nonce(unhex(t, "606162636465666768696a6b6c6d6e6f7071727374757677"))
	cipher := unhex(t, "56f22781a716c92435569e39a431")
	for _, v := range []struct {
		name   string
		value  wire.ValueData
		writer crypto.KeyPair
		subkey uint32
		sig    string
	}{
		{"A", wire.ValueData{Seq: 0, Data: cipher, Nonce: &nonce}, owner, 0,
			"d1614ae3f758a74747ad4d6718d51bfcf267ddaa790b0d2fff628641cb5487c5d11e17263843791b55058acdaeb57567549f589db19defe87afbdbb74e733605"},
		{"B", wire.ValueData{Seq: 1, Data: cipher, Nonce: &nonce}, owner, 1,
			"e4db383b38592f4dd0972a6471740f8736d3ac10b83935f3e351366b0f0561a3ca6a56e19908b31986d81c1098aa78f01b6d0fc7872dec6516962c9a27e2b60a"},
		{"C", wire.ValueData{Seq: 0, Data: cipher, Nonce: &nonce}, member0, 1,
			"f9952d4e600294ecc01cba0941a0b4e396b41abf320cc915b3dd7b134b3e1859bbe70c8fc03e66f233e52e9dc1c752bf0aec32f62a5b49c289e8de2e254d5d0a"},
		{"empty", wire.ValueData{Nonce: &nonce}, owner, 0,
			"94670d7f9e3118b652bef83f09316afd09a4cedb039e24978b79f39aab02371125f76884e7c676379098f1799b140a1834e84f113760b44d572f654e0054f80b"},
		{"unencrypted", wire.ValueData{Data: []byte("BLAH BLAH BLAH")}, owner, 0,
			"9bc1b23fbb03e18576549d2ef25f54592b4438a6ee9df4a26e6168f566f4a4505ab4419a0abf2f4375c336ff078cb61f5d79251c9d05c3572dfa41cce8f44101"},
	} {
		v.value.Writer = v.writer.Public
		signed, err := SignValue(sys, v.writer, owner.Public, v.subkey, v.value)
		if err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(signed.Signature.Value[:]) != v.sig {
			t.Errorf("%s: signature %x", v.name, signed.Signature.Value)
		}
		if err := VerifyValue(sys, owner.Public, v.subkey, signed); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
		if v.name == "A" {
			key := crypto.NewSharedSecret(crypto.KindVLD0, seed(0x40))
			if plain, err := DecryptValue(sys, key, &signed.Value); err != nil || string(plain) != "BLAH BLAH BLAH" {
				t.Errorf("decrypted to %q, %v", plain, err)
			}
		}
	}
}
