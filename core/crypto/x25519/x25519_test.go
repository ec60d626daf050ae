package x25519

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"
)

func value(t testing.TB, s string) (v [Size]byte) {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != Size {
		t.Fatalf("%q is no value of %d bytes: %v", s, Size, err)
	}
	return [Size]byte(b)
}

// The vectors of RFC 7748 §5.2 and §6.1.
func TestVectors(t *testing.T) {
	for _, c := range []struct{ name, scalar, u, want string }{
		{"first", "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4", "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
		{"second", "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d", "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493", "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
	} {
		t.Run(c.name, func(t *testing.T) {
			scalar, u := value(t, c.scalar), value(t, c.u)
			got, err := Multiply(&scalar, &u)
			if err != nil || got != value(t, c.want) {
				t.Errorf("%x, %v, want %s", got, err, c.want)
			}
			if scalar != value(t, c.scalar) || u != value(t, c.u) {
				t.Error("the input has changed")
			}
		})
	}
}

// The key agreement of RFC 7748 §6.1.
func TestAgreement(t *testing.T) {
	alice := value(t, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
	bob := value(t, "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
	publicAlice, publicBob := Public(&alice), Public(&bob)
	if want := value(t, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"); publicAlice != want {
		t.Errorf("the public key of Alice is %x, want %x", publicAlice, want)
	}
	if want := value(t, "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"); publicBob != want {
		t.Errorf("the public key of Bob is %x, want %x", publicBob, want)
	}
	want := value(t, "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
	for _, c := range []struct{ secret, public [Size]byte }{{alice, publicBob}, {bob, publicAlice}} {
		if got, err := Multiply(&c.secret, &c.public); err != nil || got != want {
			t.Errorf("the shared secret is %x, %v, want %x", got, err, want)
		}
	}
}

// The iterated vector of RFC 7748 §5.2, after one and after 1,000 rounds.
func TestIterated(t *testing.T) {
	k := [Size]byte{9}
	u := k
	for i := range 1000 {
		next, err := Multiply(&k, &u)
		if err != nil {
			t.Fatal(err)
		}
		u, k = k, next
		if want := value(t, "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"); i == 0 && k != want {
			t.Fatalf("after one round: %x, want %x", k, want)
		}
	}
	if want := value(t, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"); k != want {
		t.Errorf("after 1,000 rounds: %x, want %x", k, want)
	}
}

// special are coordinates with rules of their own: of low order, on the curve and its
// twist, and above the prime, each with and without the highest bit.
func special(t testing.TB) (all [][Size]byte) {
	for _, s := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p - 1
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1
		"f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 9
		"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		u := value(t, s)
		all = append(all, u)
		u[Size-1] |= 0x80
		all = append(all, u)
	}
	return all
}

func TestLowOrder(t *testing.T) {
	scalar := [Size]byte{1, 2, 3}
	for i, u := range special(t) {
		product, err := Multiply(&scalar, &u)
		if low := i < 14; low != errors.Is(err, ErrLowOrder) || low != (product == [Size]byte{}) {
			t.Errorf("%x: %x, %v, want an error: %v", u, product, err, low)
		}
	}
	if got, want := Public(&scalar), mustMultiply(t, scalar, value(t, "f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")); got != want {
		t.Errorf("p + 9 is taken for %x, want what 9 gives, %x", want, got)
	}
}

func mustMultiply(t *testing.T, scalar, u [Size]byte) [Size]byte {
	t.Helper()
	product, err := Multiply(&scalar, &u)
	if err != nil {
		t.Fatal(err)
	}
	return product
}

// compare holds a product and a public key against those of crypto/ecdh.
func compare(t *testing.T, scalar, u [Size]byte) {
	t.Helper()
	secret, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdh.X25519().NewPublicKey(u[:])
	if err != nil {
		t.Fatal(err)
	}
	want, wantErr := secret.ECDH(public)
	got, err := Multiply(&scalar, &u)
	if (err != nil) != (wantErr != nil) || err == nil && !bytes.Equal(got[:], want) {
		t.Errorf("%x times %x: %x, %v, want %x, %v", scalar, u, got, err, want, wantErr)
	}
	if got, want := Public(&scalar), secret.PublicKey().Bytes(); !bytes.Equal(got[:], want) {
		t.Errorf("the public key of %x: %x, want %x", scalar, got, want)
	}
}

func TestAgainstECDH(t *testing.T) {
	random := rand.NewChaCha8([Size]byte{})
	var scalar, u [Size]byte
	for _, u := range special(t) {
		random.Read(scalar[:])
		compare(t, scalar, u)
	}
	for range 300 {
		random.Read(scalar[:])
		random.Read(u[:])
		compare(t, scalar, u)
	}
}

func FuzzAgainstECDH(f *testing.F) {
	for _, u := range special(f) {
		f.Add(bytes.Repeat([]byte{0x55}, Size), u[:])
	}
	f.Fuzz(func(t *testing.T, scalar, u []byte) {
		if len(scalar) == Size && len(u) == Size {
			compare(t, [Size]byte(scalar), [Size]byte(u))
		}
	})
}

func BenchmarkMultiply(b *testing.B) {
	scalar := [Size]byte{1, 2, 3}
	u := Public(&scalar)
	b.Run("here", func(b *testing.B) {
		for b.Loop() {
			if _, err := Multiply(&scalar, &u); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("crypto/ecdh", func(b *testing.B) { // with the public key that comes along
		for b.Loop() {
			secret, _ := ecdh.X25519().NewPrivateKey(scalar[:])
			public, _ := ecdh.X25519().NewPublicKey(u[:])
			if _, err := secret.ECDH(public); err != nil {
				b.Fatal(err)
			}
		}
	})
}
