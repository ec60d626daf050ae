package crypto

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Argon2id of VLD0 (spec 01 §4.9).
const (
	argonMemory  = 19456 // KiB
	argonTime    = 2
	argonThreads = 1
	argonVersion = 0x13

	minSalt = 8
	maxSalt = 48
)

// Limits on a password hash string, which names its own cost. They protect against
// a string that would take all memory or hours; 1 GiB and 64 passes are far above
// what anybody chooses for a login.
const (
	maxArgonMemory = 1 << 20 // KiB
	maxArgonTime   = 64
	maxHashText    = 512 // bytes of the string
	maxHashOutput  = 64  // bytes of the hash in it
)

func (*vld0) DeriveSharedSecret(password, salt []byte) (SharedSecret, error) {
	if err := checkSalt(salt); err != nil {
		return SharedSecret{}, err
	}
	raw := argon2.IDKey(password, salt, argonTime, argonMemory, argonThreads, ValueSize)
	s := SharedSecret{Kind: KindVLD0, value: [ValueSize]byte(raw)}
	clear(raw)
	return s, nil
}

func (*vld0) HashPassword(password, salt []byte) (string, error) {
	if err := checkSalt(salt); err != nil {
		return "", err
	}
	raw := argon2.IDKey(password, salt, argonTime, argonMemory, argonThreads, ValueSize)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argonVersion, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(raw)), nil
}

// VerifyPassword takes algorithm, cost and salt from the string. Versions and
// algorithms that this node cannot compute do not match anything.
func (*vld0) VerifyPassword(password []byte, hash string) (bool, error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	if p.hash == nil || p.version != argonVersion {
		return false, nil
	}
	var again []byte
	switch p.algorithm {
	case "argon2id":
		again = argon2.IDKey(password, p.salt, p.time, p.memory, p.threads, uint32(len(p.hash)))
	case "argon2i":
		again = argon2.Key(password, p.salt, p.time, p.memory, p.threads, uint32(len(p.hash)))
	default:
		return false, nil
	}
	return subtle.ConstantTimeCompare(again, p.hash) == 1, nil
}

func checkSalt(salt []byte) error {
	if len(salt) < minSalt || len(salt) > maxSalt {
		return fmt.Errorf("%w, not %d", ErrSalt, len(salt))
	}
	return nil
}

// phc is a parsed password hash string:
// $algorithm[$v=version][$m=…,t=…,p=…][$salt[$hash]]
type phc struct {
	algorithm    string
	version      int
	time, memory uint32
	threads      uint8
	salt, hash   []byte // hash nil: the string has none
}

// parsePHC reads the string format; what is left out has the defaults of spec 01 §4.9.
func parsePHC(text string) (phc, error) {
	p := phc{version: argonVersion, time: argonTime, memory: argonMemory, threads: argonThreads}
	fields := strings.Split(text, "$")
	if len(text) > maxHashText || len(fields) < 2 || fields[0] != "" || fields[1] == "" {
		return p, fmt.Errorf("%w: missing field", ErrPasswordHash)
	}
	p.algorithm = fields[1]
	fields = fields[2:]
	if len(fields) > 0 && strings.HasPrefix(fields[0], "v=") {
		v, err := strconv.ParseUint(fields[0][2:], 10, 31)
		if err != nil {
			return p, fmt.Errorf("%w: version %q", ErrPasswordHash, fields[0])
		}
		p.version = int(v)
		fields = fields[1:]
	}
	if len(fields) > 0 && strings.Contains(fields[0], "=") {
		if err := p.parseParameters(fields[0]); err != nil {
			return p, err
		}
		fields = fields[1:]
	}
	if len(fields) > 2 {
		return p, fmt.Errorf("%w: too many fields", ErrPasswordHash)
	}
	var err error
	if len(fields) > 0 {
		if p.salt, err = decodePHC(fields[0], minSalt, maxSalt); err != nil {
			return p, fmt.Errorf("%w: salt: %w", ErrPasswordHash, err)
		}
	}
	if len(fields) > 1 {
		if p.hash, err = decodePHC(fields[1], 10, maxHashOutput); err != nil {
			return p, fmt.Errorf("%w: hash: %w", ErrPasswordHash, err)
		}
	}
	return p, nil
}

func (p *phc) parseParameters(text string) error {
	for _, parameter := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(parameter, "=")
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return fmt.Errorf("%w: parameter %q", ErrPasswordHash, parameter)
		}
		switch name {
		case "m":
			p.memory = uint32(n)
		case "t":
			p.time = uint32(n)
		case "p":
			if n == 0 || n > 255 {
				return fmt.Errorf("%w: parameter %q", ErrPasswordHash, parameter)
			}
			p.threads = uint8(n)
		default:
			return fmt.Errorf("%w: unknown parameter %q", ErrPasswordHash, parameter)
		}
	}
	if p.time == 0 || p.memory < 8*uint32(p.threads) {
		return fmt.Errorf("%w: parameters %q", ErrPasswordHash, text)
	}
	if p.time > maxArgonTime || p.memory > maxArgonMemory {
		return fmt.Errorf("%w: %q", ErrPasswordCost, text)
	}
	return nil
}

// decodePHC decodes strict unpadded standard base64 of a length within bounds.
func decodePHC(text string, least, most int) ([]byte, error) {
	value, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || base64.RawStdEncoding.EncodeToString(value) != text {
		return nil, ErrBase64
	}
	if len(value) < least || len(value) > most {
		return nil, fmt.Errorf("%w: %d bytes, want %d to %d", ErrLength, len(value), least, most)
	}
	return value, nil
}
