package crypto

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"flag"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"filippo.io/edwards25519"
)

// More of them: go test -run LikeStandardLibrary -args -checks 100000.
var checks = flag.Int("checks", 4000, "random signatures to compare with the standard library's verification")

// newRand makes random values that a failing test can be repeated with.
func newRand(t *testing.T) (*rand.ChaCha8, *rand.Rand) {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], rand.Uint64())
	t.Logf("seed %x", seed)
	source := rand.NewChaCha8(seed)
	return source, rand.New(source)
}

func randomBytes(source *rand.ChaCha8, n int) []byte {
	b := make([]byte, n)
	source.Read(b) // never fails
	return b
}

func randomScalar(t *testing.T, source *rand.ChaCha8) *edwards25519.Scalar {
	s, err := new(edwards25519.Scalar).SetUniformBytes(randomBytes(source, 64))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// order is L, of the base point.
func order() *big.Int {
	l, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	return l
}

func littleEndian(x *big.Int) []byte {
	b := x.FillBytes(make([]byte, 32))
	slices.Reverse(b)
	return b
}

// smallPoints are the eight points of small order, the identity first.
func smallPoints(t *testing.T) []*edwards25519.Point {
	generator, err := new(edwards25519.Point).SetBytes([]byte(yOrder8))
	if err != nil {
		t.Fatal(err)
	}
	points := []*edwards25519.Point{edwards25519.NewIdentityPoint()}
	for i := range 7 {
		points = append(points, new(edwards25519.Point).Add(points[i], generator))
	}
	return points
}

// edgeScalars has both ends, every power of two with its neighbours, and runs that carry.
func edgeScalars(t *testing.T) []*edwards25519.Scalar {
	one := big.NewInt(1)
	values := []*big.Int{new(big.Int)}
	for i := range 253 {
		power := new(big.Int).Lsh(one, uint(i))
		values = append(values, power, new(big.Int).Sub(power, one), new(big.Int).Add(power, one))
	}
	for _, b := range []byte{0x55, 0xaa, 0x77, 0x88, 0x3f, 0xf8, 0x99, 0xc0, 0x40, 0xbf} {
		x := new(big.Int).SetBytes(slices.Repeat([]byte{b}, 31))
		values = append(values, x, new(big.Int).Add(x, new(big.Int).Lsh(one, 252)), new(big.Int).Add(x, new(big.Int).Lsh(one, 251)))
	}
	for i := range int64(20) {
		values = append(values, new(big.Int).Sub(order(), big.NewInt(i+1)))
	}
	var scalars []*edwards25519.Scalar
	for _, x := range values {
		if x.Cmp(order()) >= 0 {
			continue
		}
		s, err := new(edwards25519.Scalar).SetCanonicalBytes(littleEndian(x))
		if err != nil {
			t.Fatalf("%x: %v", x, err)
		}
		scalars = append(scalars, s)
	}
	return scalars
}

// TestSumOfTables compares with the plain algorithm, for points of all orders: the
// base point's, small, and mixed.
func TestSumOfTables(t *testing.T) {
	source, _ := newRand(t)
	var points []*edwards25519.Point
	for _, small := range smallPoints(t) {
		some := new(edwards25519.Point).ScalarBaseMult(randomScalar(t, source))
		points = append(points, small, some.Add(some, small))
	}
	base := edwards25519.NewGeneratorPoint()
	points = append(points, base, new(edwards25519.Point).Negate(base)) // sums that meet themselves
	baseTable := newBaseTable()
	edges := edgeScalars(t)
	for i, p := range points {
		table := newKeyTable(p)
		check := func(a, b *edwards25519.Scalar) {
			t.Helper()
			want := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(a, p, b).Bytes()
			if got := sumOfTables(a, table, b, baseTable); string(got[:]) != string(want) {
				t.Fatalf("point %d: %x·%x + %x·B = %x, want %x", i, a.Bytes(), p.Bytes(), b.Bytes(), got, want)
			}
		}
		for j, a := range edges {
			check(a, edges[(j*7+i)%len(edges)])
			if testing.Short() {
				continue
			}
			switch j % 5 {
			case 0:
				check(a, edges[0])
			case 1:
				check(edges[0], a)
			case 2:
				check(a, a)
			case 3:
				check(a, randomScalar(t, source))
			case 4:
				check(randomScalar(t, source), a)
			}
		}
		check(randomScalar(t, source), randomScalar(t, source))
	}
}

// signAs signs with a scalar for a public key that need not be its product, and
// whatever R = r·B + offset.
func signAs(t *testing.T, secret *edwards25519.Scalar, public [32]byte, r *edwards25519.Scalar, offset *edwards25519.Point, data []byte) Signature {
	point := new(edwards25519.Point).ScalarBaseMult(r)
	sig := Signature{Kind: KindVLD0}
	copy(sig.Value[:], point.Add(point, offset).Bytes())
	digest := sha512.Sum512(data)
	k := challenge([32]byte(sig.Value[:]), public, &digest)
	copy(sig.Value[32:], k.MultiplyAdd(&k, secret, r).Bytes())
	return sig
}

// TestVerifyLikeStandardLibrary compares with crypto/ed25519, which differs only where
// the key or R is of small order (spec 01 §4.6): good signatures and bad ones, of keys
// of all orders, with tables and without.
func TestVerifyLikeStandardLibrary(t *testing.T) {
	n := *checks
	if testing.Short() {
		n /= 10
	}
	source, r := newRand(t)
	small := smallPoints(t)
	identity := small[0]
	options := &ed25519.Options{Hash: crypto.SHA512, Context: domainSign}
	tables, plain := newVLD0(nil, 20), newVLD0(nil, 0)

	type signer struct {
		secret *edwards25519.Scalar
		public PublicKey
		small  bool
	}
	var signers []signer
	for i := range 12 + 2*len(small) {
		s := signer{secret: randomScalar(t, source)}
		point := new(edwards25519.Point).ScalarBaseMult(s.secret)
		switch {
		case i >= 12+len(small): // small
			s.secret, s.small = edwards25519.NewScalar(), true
			point.Set(small[i-12-len(small)])
		case i >= 12: // mixed, but for the first
			point.Add(point, small[i-12])
		}
		s.public = PublicKey{KindVLD0, [32]byte(point.Bytes())}
		signers = append(signers, s)
	}

	accepted, strict := 0, 0
	for i := range n {
		s := signers[r.IntN(len(signers))]
		data := randomBytes(source, r.IntN(300)+1)
		public, rSmall := s.public, false
		sig := signAs(t, s.secret, public.Value, randomScalar(t, source), identity, data)
		for range r.IntN(2) * 20 { // half of the time a k that a small part of A does not notice
			digest := sha512.Sum512(data)
			if k := challenge([32]byte(sig.Value[:]), public.Value, &digest); k.Bytes()[0]%8 == 0 {
				break
			}
			sig = signAs(t, s.secret, public.Value, randomScalar(t, source), identity, data)
		}
		switch r.IntN(16) {
		case 0:
			sig.Value[r.IntN(64)] ^= 1 << r.IntN(8)
		case 1:
			data[r.IntN(len(data))] ^= 1 << r.IntN(8)
		case 2: // the same scalar, not canonical
			le := slices.Clone(sig.Value[32:])
			slices.Reverse(le)
			copy(sig.Value[32:], littleEndian(new(big.Int).Add(new(big.Int).SetBytes(le), order())))
		case 3: // values of S at the edge
			sum := new(big.Int).Add(order(), big.NewInt(int64(r.IntN(5)-2)))
			copy(sig.Value[32:], littleEndian(sum))
		case 4:
			clear(sig.Value[32:])
		case 5:
			public = signers[r.IntN(len(signers))].public
		case 6: // R of mixed order: -k·A may make up for it
			sig = signAs(t, s.secret, public.Value, randomScalar(t, source), small[r.IntN(8)], data)
		case 7: // R of small order
			sig = signAs(t, s.secret, public.Value, edwards25519.NewScalar(), small[r.IntN(8)], data)
			rSmall = true
		case 8: // the other half of the curve
			sig.Value[31] ^= 0x80
		case 9: // an R that does not encode canonically: y + p, for the few that fit
			copy(sig.Value[:32], littleEndian(new(big.Int).Add(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19)), big.NewInt(r.Int64N(19)))))
			sig.Value[31] |= byte(r.IntN(2)) << 7
		case 10:
			copy(sig.Value[:], randomBytes(source, 64))
		}
		digest := sha512.Sum512(data)
		std := ed25519.VerifyWithOptions(public.Value[:], digest[:], sig.Value[:], options) == nil
		keySmall := slices.ContainsFunc(signers, func(s signer) bool { return s.small && s.public == public })
		want := std && !keySmall && !rSmall
		for name, v := range map[string]*vld0{"with tables": tables, "without": plain} {
			if got, err := v.Verify(public, data, sig); got != want || err != nil {
				t.Fatalf("check %d, %s: Verify(%x, %x, %x) = %v, %v, want %v", i, name, public.Value, data, sig.Value, got, err, want)
			}
		}
		if want {
			accepted++
		}
		if std && !want {
			strict++
		}
	}
	if accepted < n/10 || accepted > n*9/10 || strict == 0 {
		t.Errorf("of %d: %d accepted, %d refused for small order only; the mix is of no use", n, accepted, strict)
	}
	if got, want := tables.keys.busy.Len(), 12+len(small); n >= 4000 && got != want {
		t.Errorf("%d keys have a table, want all %d that are not small", got, want)
	}
	t.Logf("%d checks: %d accepted, %d refused for small order only, %d tables", n, accepted, strict, tables.keys.busy.Len())
}
