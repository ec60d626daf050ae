package bind

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"

	"github.com/voile-net/voile/core/crypto"
)

// params are the fields of one object. Its readers note the first fault and go
// on, so that an operation reads its parameters in one run and nobody forgets a
// check: the dispatcher looks at err once.
type params struct {
	members []member
	err     error
}

func (p *params) fail(name string, err error) {
	if p.err == nil {
		p.err = fmt.Errorf("%s: %w", name, err)
	}
}

var (
	errMissing = errors.New("missing")
	errTwice   = errors.New("given twice")
	errNull    = errors.New("null is not allowed here")
	errType    = errors.New("wrong type")
	errRange   = errors.New("out of range")
)

// find is the field of a name. A field that the operation knows may stand once.
func (p *params) find(name string) (raw []byte, ok bool) {
	for _, m := range p.members {
		if string(m.name) != name {
			continue
		}
		if ok {
			p.fail(name, errTwice)
		}
		raw, ok = m.raw, true
	}
	return raw, ok
}

// A reader makes a value of JSON text that has been scanned. It keeps nothing of
// the text.
type reader[T any] func(raw []byte) (T, error)

// req reads a field that must be there.
func req[T any](p *params, name string, read reader[T]) (v T) {
	raw, ok := p.find(name)
	if !ok {
		p.fail(name, errMissing)
		return v
	}
	v, err := read(raw)
	if err != nil {
		p.fail(name, err)
	}
	return v
}

// opt reads a field that may be missing or null: then it is nil.
func opt[T any](p *params, name string, read reader[T]) *T {
	raw, ok := p.find(name)
	if !ok || isNull(raw) {
		return nil
	}
	v, err := read(raw)
	if err != nil {
		p.fail(name, err)
	}
	return &v
}

// omit reads a field that may be missing, but not null: then it is otherwise.
func omit[T any](p *params, name string, read reader[T], otherwise T) T {
	raw, ok := p.find(name)
	if !ok {
		return otherwise
	}
	v, err := read(raw)
	if err != nil {
		p.fail(name, err)
	}
	return v
}

// object reads a nested object; unknown fields of it are ignored.
func object[T any](read func(*params) T) reader[T] {
	return func(raw []byte) (v T, err error) {
		if raw[0] != '{' {
			return v, kindFault(raw)
		}
		var members []member
		s := scanner{text: raw}
		if err := s.object(func(name, raw []byte) { members = append(members, member{name, raw}) }); err != nil {
			return v, err
		}
		p := params{members: members}
		v = read(&p)
		return v, p.err
	}
}

// list reads an array.
func list[T any](read reader[T]) reader[[]T] {
	return func(raw []byte) ([]T, error) {
		if raw[0] != '[' {
			return nil, kindFault(raw)
		}
		values := []T{}
		var fault error
		s := scanner{text: raw}
		err := s.array(func(raw []byte) {
			v, err := read(raw)
			if err != nil && fault == nil {
				fault = err
			}
			values = append(values, v)
		})
		if err != nil {
			return nil, err
		}
		return values, fault
	}
}

// enum reads one of a few names.
func enum[T any](names map[string]T) reader[T] {
	return func(raw []byte) (v T, err error) {
		name, err := text(raw)
		if err != nil {
			return v, err
		}
		v, ok := names[name]
		if !ok {
			return v, fmt.Errorf("unknown name %.40q", name)
		}
		return v, nil
	}
}

func isNull(raw []byte) bool { return raw[0] == 'n' }

func kindFault(raw []byte) error {
	if isNull(raw) {
		return errNull
	}
	return errType
}

// plain is the content of a string, a part of raw if it has no escapes.
func plain(raw []byte) ([]byte, error) {
	if raw[0] != '"' {
		return nil, kindFault(raw)
	}
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		return unescape(inner), nil
	}
	return inner, nil
}

func text(raw []byte) (string, error) {
	b, err := plain(raw)
	return string(b), err
}

func boolean(raw []byte) (bool, error) {
	switch raw[0] {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return false, kindFault(raw)
}

// number reads an unsigned number. "-0", "1.0" and "1e2" are none (spec 07 §1).
func number(bits int) reader[uint64] {
	return func(raw []byte) (uint64, error) {
		for _, c := range raw {
			if c < '0' || c > '9' {
				return 0, kindFault(raw)
			}
		}
		n, err := strconv.ParseUint(string(raw), 10, bits)
		if err != nil {
			return 0, errRange
		}
		return n, nil
	}
}

func u16(raw []byte) (uint16, error) { n, err := number(16)(raw); return uint16(n), err }
func u32(raw []byte) (uint32, error) { n, err := number(32)(raw); return uint32(n), err }
func u64(raw []byte) (uint64, error) { return number(64)(raw) }

// decimal reads a 64-bit number that stands in a text.
func decimal(raw []byte) (uint64, error) {
	b, err := plain(raw)
	if err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, errRange
	}
	return number(64)(b)
}

// payload reads bytes in base64url, without padding and with no bit left over
// (spec 07 §1). The result is a copy.
func payload(raw []byte) ([]byte, error) {
	b, err := plain(raw)
	if err != nil {
		return nil, err
	}
	// The decoder skips line ends, which escapes can bring here.
	if bytes.IndexByte(b, '\n') >= 0 || bytes.IndexByte(b, '\r') >= 0 {
		return nil, crypto.ErrBase64
	}
	value := make([]byte, base64.RawURLEncoding.DecodedLen(len(b)))
	n, err := strictBase64.Decode(value, b)
	if err != nil {
		return nil, crypto.ErrBase64
	}
	return value[:n], nil
}

// strictBase64 refuses bits left over.
var strictBase64 = base64.RawURLEncoding.Strict()

// kind reads a crypto kind: any four bytes.
func kind(raw []byte) (crypto.Kind, error) {
	name, err := text(raw)
	if err != nil {
		return 0, err
	}
	return crypto.ParseKind(name)
}
