package crypto

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha512"
	"fmt"
	"testing"
)

func BenchmarkSign(b *testing.B) {
	signer, err := newCrypto(b).Best().NewSigner(pairFromSeed(0))
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 200)
	b.ReportAllocs()
	for b.Loop() {
		signer.Sign(data)
	}
}

func BenchmarkVerify(b *testing.B) {
	pair := pairFromSeed(0)
	data := make([]byte, 200)
	one := signedBy(b, pair, data)
	sig := one.good
	var many []signed
	for i := range 256 {
		many = append(many, signedBy(b, pairFromSeed(byte(i%64)), sequence(byte(i), 200)))
	}
	for _, bench := range []struct {
		name   string
		tables int
		all    []signed
	}{
		{"known key", 1, []signed{one}},
		{"64 known keys", 64, many},
		{"known key without table", 0, []signed{one}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			v := newVLD0(nil, bench.tables)
			for range firstTable {
				for _, s := range bench.all {
					verify(b, v, s)
				}
			}
			v.keys.base()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				verify(b, v, bench.all[i%len(bench.all)])
			}
		})
	}
	b.Run("new key", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			verify(b, newVLD0(nil, 0), one)
		}
	})
	b.Run("table of a key", func(b *testing.B) {
		v, err := newVerifier(pair.Public.Value)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			newKeyTable(&v.minusA)
		}
	})
	b.Run("table of the base point", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newBaseTable()
		}
	})
	b.Run("standard library", func(b *testing.B) { // not strict; for comparison
		b.ReportAllocs()
		options := &ed25519.Options{Hash: crypto.SHA512, Context: domainSign}
		for b.Loop() {
			digest := sha512.Sum512(data)
			if err := ed25519.VerifyWithOptions(pair.Public.Value[:], digest[:], sig.Value[:], options); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDH(b *testing.B) {
	c := newCrypto(b)
	a, other := pairFromSeed(0), pairFromSeed(1)
	b.Run("computed", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Best().ComputeDH(a.Public, other.Secret); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.CachedDH(a.Public, other.Secret); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCryptNoAuth(b *testing.B) {
	s := newCrypto(b).Best()
	for _, n := range []int{200, 1024, 32768} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			data := make([]byte, n)
			key := NewSharedSecret(KindVLD0, [32]byte{1})
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.CryptNoAuth(data, data, key, Nonce{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompress(b *testing.B) {
	var c Compressor
	for name, data := range texts {
		switch len(data) {
		case 525, 1000, 32768:
		default:
			continue
		}
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, 70000)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				c.Compress(dst, data)
			}
		})
		b.Run("open "+name, func(b *testing.B) {
			packed := c.Compress(nil, data)
			dst := make([]byte, 0, 70000)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decompress(dst, packed, len(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse[PublicKey](publicA); err != nil {
			b.Fatal(err)
		}
	}
}
