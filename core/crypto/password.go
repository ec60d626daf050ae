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
	minHashOutput  = 10  // bytes of the hash in it
	maxHashOutput  = 64
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

// VerifyPassword takes algorithm, cost and salt from the string. Versions, algorithms
// and costs that this node cannot compute do not match anything.
func (*vld0) VerifyPassword(password []byte, hash string) (bool, error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	if p.hash == nil || p.version != argonVersion || !p.valid {
		return false, nil
	}
	if p.time > maxArgonTime || p.memory > maxArgonMemory {
		return false, fmt.Errorf("%w: m=%d,t=%d", ErrPasswordCost, p.memory, p.time)
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

// hashFault is what is wrong with a password hash string, in the words of the
// original, which programs may show. It is an ErrPasswordHash.
type hashFault string

func (f hashFault) Error() string { return string(f) }

// Is makes it an [ErrPasswordHash].
func (f hashFault) Is(target error) bool { return target == ErrPasswordHash }

// phc is a parsed password hash string:
// $algorithm[$v=version][$m=…,t=…,p=…][$salt[$hash]]
type phc struct {
	algorithm    string
	version      int
	time, memory uint32
	threads      uint8
	valid        bool   // there can be such a cost
	salt, hash   []byte // hash nil: the string has none
}

// parsePHC reads the string format; what is left out has the defaults of spec 01 §4.9.
func parsePHC(text string) (phc, error) {
	p := phc{version: argonVersion, time: argonTime, memory: argonMemory, threads: argonThreads, valid: true}
	fields := strings.Split(text, "$")
	switch {
	case len(fields) < 2 || fields[0] != "":
		return p, hashFault("password hash string missing field")
	case len(text) > maxHashText:
		return p, hashFault("password hash string too long")
	case !isPHCName(fields[1]):
		return p, hashFault("invalid parameter name")
	}
	p.algorithm = fields[1]
	fields = fields[2:]
	if len(fields) > 0 && strings.HasPrefix(fields[0], "v=") {
		v, err := strconv.ParseUint(fields[0][2:], 10, 31)
		if err != nil {
			return p, hashFault("invalid parameter value")
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
	var err error
	if len(fields) > 0 {
		if p.salt, err = decodePHCSalt(fields[0]); err != nil {
			return p, err
		}
	}
	if len(fields) > 1 {
		if p.hash, err = decodePHCHash(fields[1]); err != nil {
			return p, err
		}
	}
	if len(fields) > 2 {
		return p, hashFault("password hash has unexpected trailing characters")
	}
	return p, nil
}

// isPHCName reports whether the text can name an algorithm or a parameter.
func isPHCName(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return text != "" && len(text) <= 32
}

// parseParameters reads the cost. Numbers and names that make no sense are no fault of
// the string, only nothing matches them.
func (p *phc) parseParameters(text string) error {
	for parameter := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(parameter, "=")
		if !isPHCName(name) {
			return hashFault("invalid parameter name")
		}
		n, err := strconv.ParseUint(value, 10, 32)
		p.valid = p.valid && err == nil
		switch name {
		case "m":
			p.memory = uint32(n)
		case "t":
			p.time = uint32(n)
		case "p":
			p.threads = uint8(n)
			p.valid = p.valid && n > 0 && n <= 255
		default:
			p.valid = false
		}
	}
	p.valid = p.valid && p.time > 0 && p.memory >= 8*uint32(p.threads)
	return nil
}

// decodePHCSalt decodes a salt.
func decodePHCSalt(text string) ([]byte, error) {
	switch n := base64.RawStdEncoding.DecodedLen(len(text)); {
	case n < minSalt:
		return nil, hashFault(fmt.Sprintf("salt too short (minimum %d bytes)", minSalt))
	case n > maxSalt:
		return nil, hashFault(fmt.Sprintf("salt too long (maximum %d bytes)", maxSalt))
	}
	return decodePHC(text)
}

// decodePHCHash decodes a hash.
func decodePHCHash(text string) ([]byte, error) {
	if base64.RawStdEncoding.DecodedLen(len(text)) > maxHashOutput {
		return nil, hashFault("invalid Base64 length")
	}
	hash, err := decodePHC(text)
	if err == nil && len(hash) < minHashOutput {
		return nil, hashFault(fmt.Sprintf("output size too short, expected at least %d bytes", minHashOutput))
	}
	return hash, err
}

// decodePHC decodes strict unpadded standard base64.
func decodePHC(text string) ([]byte, error) {
	value, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || base64.RawStdEncoding.EncodeToString(value) != text {
		return nil, hashFault("invalid Base64 encoding")
	}
	return value, nil
}
