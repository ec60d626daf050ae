package encfile

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/voile-net/voile/platform"
)

// The file, version 1. Numbers are big-endian.
//
//	offset size
//	     0    8  "VOILESEC"
//	     8    1  version, 1
//	     9    1  key source: 0 key file, 1 Argon2id of a password
//	    10    4  Argon2id passes          \
//	    14    4  Argon2id memory, KiB      } zero with a key file
//	    18    1  Argon2id threads         /
//	    19   16  salt
//	    35   16  check: proves the key, and that bytes 0 to 34 are unchanged
//	    51   24  nonce, new for each writing
//	    75    n  XChaCha20-Poly1305 of the secrets; bytes 0 to 50 are associated
//
// The secrets: count u32, then per secret, ascending by key: key length u8, key,
// length u32, value.
const (
	magic      = "VOILESEC"
	version    = 1
	saltAt     = 19
	checkAt    = 35
	nonceAt    = 51
	sealedAt   = nonceAt + chacha20poly1305.NonceSizeX
	overhead   = sealedAt + chacha20poly1305.Overhead
	fromFile   = 0
	fromPasswd = 1
)

// Limits. What is beyond them is not looked at any further.
const (
	maxSecret  = 64 << 10 // one value: this is no place for bulk data
	maxPlain   = 1 << 20  // all secrets together; the file is rewritten at each change
	maxFile    = overhead + maxPlain
	maxPasses  = 64        // a changed file must not make a start take hours
	maxMemory  = 256 << 10 // KiB, nor take all memory
	maxThreads = 16
)

// Argon2 is the cost of guessing a password. The zero value means the default.
type Argon2 struct {
	Passes    uint32 // default 3, at most 64
	MemoryKiB uint32 // default 32 MiB, which an iOS extension with its 50 MB survives; at most 256 MiB
	Threads   uint8  // default 1, at most 16
}

var defaultArgon2 = Argon2{Passes: 3, MemoryKiB: 32 << 10, Threads: 1}

func (a Argon2) check() error {
	if a.Passes < 1 || a.Passes > maxPasses || a.Threads < 1 || a.Threads > maxThreads ||
		a.MemoryKiB < 8*uint32(a.Threads) || a.MemoryKiB > maxMemory {
		return fmt.Errorf("Argon2id parameters out of range: %d passes, %d KiB, %d threads", a.Passes, a.MemoryKiB, a.Threads)
	}
	return nil
}

// head is the part before the nonce.
type head struct {
	source byte
	cost   Argon2 // zero with a key file
	salt   [16]byte
	check  [16]byte
}

func (h *head) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, version, h.source)
	b = binary.BigEndian.AppendUint32(b, h.cost.Passes)
	b = binary.BigEndian.AppendUint32(b, h.cost.MemoryKiB)
	b = append(b, h.cost.Threads)
	b = append(b, h.salt[:]...)
	return append(b, h.check[:]...)
}

// Reasons inside a platform.CorruptError.
var (
	errShort   = errors.New("cut short")
	errMagic   = errors.New("not a file of secrets")
	errVersion = errors.New("unknown version")
	errHead    = errors.New("impossible head")
	errSeal    = errors.New("contents do not match their seal")
	errPlain   = errors.New("impossible contents")
)

// parseHead reads what comes before the sealed part. It keeps nothing of file.
func parseHead(file []byte) (head, error) {
	var h head
	switch {
	case len(file) > maxFile:
		return h, fmt.Errorf("%w: %d bytes", platform.ErrTooLarge, len(file))
	case len(file) < overhead && bytes.HasPrefix(file, []byte(magic)[:min(len(file), len(magic))]):
		return h, fmt.Errorf("%w: %d bytes", errShort, len(file))
	case len(file) < overhead || string(file[:len(magic)]) != magic:
		return h, errMagic
	case file[8] != version:
		return h, fmt.Errorf("%w %d", errVersion, file[8])
	}
	h = head{source: file[9], cost: Argon2{
		Passes:    binary.BigEndian.Uint32(file[10:]),
		MemoryKiB: binary.BigEndian.Uint32(file[14:]),
		Threads:   file[18],
	}}
	copy(h.salt[:], file[saltAt:])
	copy(h.check[:], file[checkAt:])
	switch h.source {
	case fromFile:
		if h.cost != (Argon2{}) {
			return head{}, fmt.Errorf("%w: costs without a password", errHead)
		}
	case fromPasswd:
		if err := h.cost.check(); err != nil {
			return head{}, fmt.Errorf("%w: %w", errHead, err)
		}
	default:
		return head{}, fmt.Errorf("%w: key source %d", errHead, h.source)
	}
	return h, nil
}

// keys are what the master key is used for; it is not kept itself.
type keys struct {
	seal  [32]byte
	check [32]byte
}

// derive makes the keys from a password or from the content of a key file.
func derive(h *head, secret []byte) keys {
	master := secret
	if h.source == fromPasswd {
		master = argon2.IDKey(secret, h.salt[:], h.cost.Passes, h.cost.MemoryKiB, h.cost.Threads, 32)
		defer clear(master)
	}
	return keys{seal: mac(master, "voile encfile 1 seal", h.salt[:]), check: mac(master, "voile encfile 1 check", h.salt[:])}
}

func mac(key []byte, purpose string, data []byte) (sum [32]byte) {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(purpose))
	m.Write([]byte{0})
	m.Write(data)
	m.Sum(sum[:0])
	return sum
}

// expectedCheck is the value of the field check for these keys.
func (k *keys) expectedCheck(h *head) (check [16]byte) {
	var b [sealedAt]byte
	sum := mac(k.check[:], "head", h.append(b[:0])[:checkAt])
	copy(check[:], sum[:])
	return check
}

// fits reports whether the keys are those of the file with this head.
func (k *keys) fits(h *head) bool {
	want := k.expectedCheck(h)
	return hmac.Equal(want[:], h.check[:])
}

// sealFile writes a whole file. It takes a nonce from random.
func (k *keys) sealFile(h *head, secrets map[string][]byte, random io.Reader) ([]byte, error) {
	plain, err := appendSecrets(nil, secrets)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	file := h.append(make([]byte, 0, overhead+len(plain)))
	file = file[:sealedAt]
	if _, err := io.ReadFull(random, file[nonceAt:]); err != nil {
		return nil, fmt.Errorf("random nonce: %w", err)
	}
	aead, err := chacha20poly1305.NewX(k.seal[:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(file, file[nonceAt:sealedAt], plain, file[:nonceAt]), nil
}

// openFile reads the secrets of a file whose head was parsed and whose keys fit.
func (k *keys) openFile(file []byte) (map[string][]byte, error) {
	aead, err := chacha20poly1305.NewX(k.seal[:])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, file[nonceAt:sealedAt], file[sealedAt:], file[:nonceAt])
	if err != nil {
		return nil, errSeal
	}
	defer clear(plain)
	return parseSecrets(plain)
}

// appendSecrets appends the secrets in their one possible form.
func appendSecrets(b []byte, secrets map[string][]byte) ([]byte, error) {
	size := 4
	for key, value := range secrets {
		size += 1 + len(key) + 4 + len(value)
	}
	if size > maxPlain {
		return nil, fmt.Errorf("%w: %d bytes of secrets", platform.ErrTooLarge, size)
	}
	b = slices.Grow(b, size)
	b = binary.BigEndian.AppendUint32(b, uint32(len(secrets)))
	for _, key := range slices.Sorted(maps.Keys(secrets)) {
		b = append(b, byte(len(key)))
		b = append(b, key...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(secrets[key])))
		b = append(b, secrets[key]...)
	}
	return b, nil
}

// parseSecrets is the reverse of appendSecrets and accepts nothing else. The
// slices it returns are copies.
func parseSecrets(plain []byte) (map[string][]byte, error) {
	if len(plain) < 4 || len(plain) > maxPlain {
		return nil, fmt.Errorf("%w: %d bytes", errPlain, len(plain))
	}
	count, rest := binary.BigEndian.Uint32(plain), plain[4:]
	const least = 1 + 1 + 4 // a secret of one byte of key and no value
	if int64(count)*least > int64(len(rest)) {
		return nil, fmt.Errorf("%w: %d secrets in %d bytes", errPlain, count, len(rest))
	}
	secrets := make(map[string][]byte, count)
	last := ""
	for range count {
		if len(rest) < 1 || len(rest) < 1+int(rest[0])+4 {
			return nil, fmt.Errorf("%w: a key is cut", errPlain)
		}
		key := string(rest[1 : 1+rest[0]])
		rest = rest[1+len(key):]
		size := binary.BigEndian.Uint32(rest)
		rest = rest[4:]
		switch {
		case platform.CheckSecretKey(key) != nil || key <= last:
			return nil, fmt.Errorf("%w: a key is malformed or out of order", errPlain)
		case size > maxSecret || int(size) > len(rest):
			return nil, fmt.Errorf("%w: a value of %d bytes", errPlain, size)
		}
		secrets[key] = append([]byte{}, rest[:size]...)
		rest, last = rest[size:], key
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errPlain, len(rest))
	}
	return secrets, nil
}
