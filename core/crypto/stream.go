package crypto

import (
	"fmt"
	"runtime"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
)

// wideFrom is the length from which the vector code of the AEAD pays for its setup.
const wideFrom = 2048

const (
	chachaBlock = 64
	polyTag     = chacha20poly1305.Overhead
)

// CryptNoAuth is XChaCha20 from block 0 on (spec 01 §4.8).
func (v *vld0) CryptNoAuth(dst, src []byte, key SharedSecret, nonce Nonce) error {
	if err := key.check(KindVLD0); err != nil {
		return err
	}
	if len(dst) != len(src) {
		return &LengthError{What: "output", Got: len(dst), Want: len(src)}
	}
	stream, err := chacha20.NewUnauthenticatedCipher(key.value[:], nonce[:])
	if err != nil {
		return fmt.Errorf("crypt: %w", err)
	}
	if runtime.GOARCH == "amd64" && len(src) >= wideFrom {
		return cryptWide(stream, dst, src, key, nonce)
	}
	stream.XORKeyStream(dst, src)
	return nil
}

// cryptWide does the same by way of the AEAD, whose body is encrypted from block 1 on.
// Package chacha20 has no vector code for amd64 and the AEAD has: even with the tag
// that nobody wants, 32 KiB take a third of the time. To be removed when chacha20 is
// as fast (BenchmarkCryptNoAuth).
//
//	block 0 | whole blocks: AEAD body | 16 bytes, where the tag falls | rest
func cryptWide(stream *chacha20.Cipher, dst, src []byte, key SharedSecret, nonce Nonce) error {
	aead, err := chacha20poly1305.NewX(key.value[:])
	if err != nil {
		return fmt.Errorf("crypt: %w", err)
	}
	stream.XORKeyStream(dst[:chachaBlock], src[:chachaBlock])
	blocks := (len(src) - chachaBlock - polyTag) / chachaBlock
	end := chachaBlock + blocks*chachaBlock
	under := [polyTag]byte(src[end:]) // dst may be src
	aead.Seal(dst[chachaBlock:chachaBlock:end+polyTag], nonce[:], src[chachaBlock:end], nil)
	stream.SetCounter(uint32(1 + blocks))
	stream.XORKeyStream(dst[end:end+polyTag], under[:])
	stream.XORKeyStream(dst[end+polyTag:], src[end+polyTag:])
	return nil
}
