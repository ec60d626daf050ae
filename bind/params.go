package bind

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/jsonread"
)

// params are the fields of one object. Its readers note the first fault and go
// on, so that an operation reads its parameters in one run and nobody forgets a
// check: the dispatcher looks at err once.
//
// The same run declares the parameters: with declared set there is no object, the
// readers note what is asked for and give zero values.
type params struct {
	members  []jsonread.Member
	err      error
	blobs    [][]byte // bytes beside the line, nil once they are taken
	binary   bool     // the line may refer to blobs
	declared *[]param // nil: read
}

// param is one parameter as the schema shows it.
type param struct {
	name               string
	json               reflect.Type
	required, nullable bool
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
	errBlob    = errors.New("no such bytes beside the line, or used twice")
)

// find is the field of a name. A field that the operation knows may stand once.
func (p *params) find(name string) (raw []byte, ok bool) {
	for _, m := range p.members {
		if string(m.Name) != name {
			continue
		}
		if ok {
			p.fail(name, errTwice)
		}
		raw, ok = m.Raw, true
	}
	return raw, ok
}

// reader makes a value of JSON text that has been scanned. It keeps nothing of the
// text.
type reader[T any] struct {
	read func(p *params, raw []byte) (T, error)
	json func() reflect.Type // what the text is, for the schema
}

// as makes a reader of a function that needs the text only; J is the type of the
// text for the schema.
func as[J, T any](read func(raw []byte) (T, error)) reader[T] {
	return reader[T]{func(_ *params, raw []byte) (T, error) { return read(raw) }, reflect.TypeFor[J]}
}

// declares reports whether the parameters are only declared, and does so.
func declares[T any](p *params, name string, r reader[T], required, nullable bool) bool {
	if p.declared == nil {
		return false
	}
	*p.declared = append(*p.declared, param{name, r.json(), required, nullable})
	return true
}

// req reads a field that must be there.
func req[T any](p *params, name string, r reader[T]) (v T) {
	if declares(p, name, r, true, false) {
		return v
	}
	raw, ok := p.find(name)
	if !ok {
		p.fail(name, errMissing)
		return v
	}
	v, err := r.read(p, raw)
	if err != nil {
		p.fail(name, err)
	}
	return v
}

// opt reads a field that may be missing or null: then it is nil.
func opt[T any](p *params, name string, r reader[T]) *T {
	if declares(p, name, r, false, true) {
		return nil
	}
	raw, ok := p.find(name)
	if !ok || isNull(raw) {
		return nil
	}
	v, err := r.read(p, raw)
	if err != nil {
		p.fail(name, err)
	}
	return &v
}

// omit reads a field that may be missing, but not null: then it is otherwise.
func omit[T any](p *params, name string, r reader[T], otherwise T) T {
	if declares(p, name, r, false, false) {
		return otherwise
	}
	raw, ok := p.find(name)
	if !ok {
		return otherwise
	}
	v, err := r.read(p, raw)
	if err != nil {
		p.fail(name, err)
	}
	return v
}

// object reads a nested object, which is a J for the schema; unknown fields of it
// are ignored.
func object[J, T any](read func(*params) T) reader[T] {
	return reader[T]{func(_ *params, raw []byte) (v T, err error) {
		if raw[0] != '{' {
			return v, kindFault(raw)
		}
		members, err := jsonread.Object(nil, raw)
		if err != nil {
			return v, err
		}
		p := params{members: members}
		v = read(&p)
		return v, p.err
	}, reflect.TypeFor[J]}
}

// list reads an array.
func list[T any](element reader[T]) reader[[]T] {
	return reader[[]T]{func(p *params, raw []byte) ([]T, error) {
		if raw[0] != '[' {
			return nil, kindFault(raw)
		}
		values := []T{}
		var fault error
		err := jsonread.List(raw, func(raw []byte) {
			v, err := element.read(p, raw)
			if err != nil && fault == nil {
				fault = err
			}
			values = append(values, v)
		})
		if err != nil {
			return nil, err
		}
		return values, fault
	}, func() reflect.Type { return reflect.SliceOf(element.json()) }}
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
	text, ok := jsonread.Text(raw)
	if !ok {
		return nil, kindFault(raw)
	}
	return text, nil
}

// textBytes reads a string that is looked up and not kept.
func textBytes() reader[[]byte] { return as[string](plain) }

func text() reader[string] { return as[string](readText) }

func readText(raw []byte) (string, error) {
	b, err := plain(raw)
	return string(b), err
}

func boolean() reader[bool] { return as[bool](readBool) }

func readBool(raw []byte) (bool, error) {
	switch raw[0] {
	case 't':
		return true, nil
	case 'f':
		return false, nil
	}
	return false, kindFault(raw)
}

// readNumber reads an unsigned number. "-0", "1.0" and "1e2" are none (spec 07 §1).
func readNumber(raw []byte, bits int) (uint64, error) {
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

func readU16(raw []byte) (uint16, error) { n, err := readNumber(raw, 16); return uint16(n), err }
func readU32(raw []byte) (uint32, error) { n, err := readNumber(raw, 32); return uint32(n), err }
func readU64(raw []byte) (uint64, error) { return readNumber(raw, 64) }

func u16() reader[uint16] { return as[uint16](readU16) }
func u32() reader[uint32] { return as[uint32](readU32) }
func u64() reader[uint64] { return as[uint64](readU64) }

// decimal reads a 64-bit number that stands in a text, which is a J.
func decimal[J any]() reader[uint64] { return as[J](readDecimal) }

func readDecimal(raw []byte) (uint64, error) {
	b, err := plain(raw)
	if err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, errRange
	}
	return readNumber(b, 64)
}

// payload reads bytes in base64url, without padding and with no bit left over
// (spec 07 §1), or takes those beside the line. The result is the operation's own.
func payload() reader[[]byte] { return reader[[]byte]{readPayload, reflect.TypeFor[jsonapi.Bytes]} }

func readPayload(p *params, raw []byte) ([]byte, error) {
	if p.binary && len(raw) > 2 && raw[0] == '"' && raw[1] == blobMark {
		return p.blob(raw[2 : len(raw)-1])
	}
	return readBase64(raw)
}

// blob takes the bytes of a number, once.
func (p *params) blob(number []byte) ([]byte, error) {
	n, err := strconv.ParseUint(string(number), 10, 31)
	if err != nil || n >= uint64(len(p.blobs)) || p.blobs[n] == nil {
		return nil, errBlob
	}
	b := p.blobs[n]
	p.blobs[n] = nil
	return b, nil
}

func readBase64(raw []byte) ([]byte, error) {
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
func kind() reader[crypto.Kind] { return as[crypto.Kind](readKind) }

func readKind(raw []byte) (crypto.Kind, error) {
	b, err := plain(raw)
	if err != nil {
		return 0, err
	}
	if len(b) != 4 {
		return crypto.ParseKind(string(b))
	}
	return crypto.KindOf([4]byte(b)), nil
}
