package bind

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"github.com/voile-net/voile/core"
)

// noValue is the result of operations whose response has no value (spec 07 §5.3).
type noValue struct{}

// beside is the result of an operation whose fields stand beside its name: an
// object that [encoding/json] can write.
type beside struct{ fields any }

// data is bytes, which are base64url in JSON.
type data []byte

// dataList is a list of them.
type dataList [][]byte

func (call *Call) appendHead(dst []byte, sub string) []byte {
	dst = append(dst, `{"type":"Response","id":`...)
	dst = strconv.AppendUint(dst, uint64(call.id), 10)
	dst = append(dst, `,"op":"`...)
	dst = append(dst, call.op...)
	dst = append(dst, '"')
	if f := call.family; f != nil {
		dst = append(dst, `,"`...)
		dst = append(dst, f.idField...)
		dst = append(dst, `":`...)
		dst = strconv.AppendUint(dst, uint64(call.object), 10)
		dst = append(dst, `,"`...)
		dst = append(dst, f.opField...)
		dst = append(dst, `":"`...)
		dst = append(dst, sub...)
		dst = append(dst, '"')
	}
	return dst
}

func (call *Call) appendResponse(dst []byte, value any) ([]byte, error) {
	dst = call.appendHead(dst, call.sub)
	switch v := value.(type) {
	case noValue:
		return append(dst, '}'), nil
	case beside:
		fields, err := json.Marshal(v.fields)
		if err != nil {
			return dst, err
		}
		dst = append(dst, ',')
		return append(dst, fields[1:]...), nil
	}
	dst = append(dst, `,"value":`...)
	dst, err := appendValue(dst, value)
	return append(dst, '}'), err
}

// appendFailure writes the response of an operation that failed.
func (call *Call) appendFailure(dst []byte, err error) []byte {
	if err == errInvalidID {
		return append(call.appendHead(dst, "InvalidId"), '}')
	}
	dst = append(call.appendHead(dst, call.sub), `,"error":`...)
	return append(appendError(dst, apiError(err)), '}')
}

// appendError writes an error with the fields of its kind (spec 07 §3).
func appendError(dst []byte, e *core.Error) []byte {
	dst = append(dst, `{"kind":"`...)
	dst = append(dst, e.Kind...)
	dst = append(dst, '"')
	field := func(name, value string) {
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		dst = appendText(dst, value)
	}
	switch e.Kind {
	case core.NotInitialized, core.AlreadyInitialized, core.Timeout, core.Shutdown:
	case core.KeyNotFound:
		field("key", e.Key)
	case core.ParseError:
		field("message", e.Message)
		field("value", e.Value)
	case core.InvalidArgument:
		field("context", e.Context)
		field("argument", e.Argument)
		field("value", e.Value)
	case core.MissingArgument:
		field("context", e.Context)
		field("argument", e.Argument)
	default:
		field("message", e.Message)
	}
	return append(dst, '}')
}

// appendValue writes a result: nil, one of the simple types here, a value with a
// text form, or a struct of types.go.
func appendValue(dst []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case string:
		return appendText(dst, v), nil
	case data:
		return appendData(dst, v), nil
	case dataList:
		dst = append(dst, '[')
		for i, value := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendData(dst, value)
		}
		return append(dst, ']'), nil
	case *core.Value:
		return appendRecordValue(dst, v)
	case encoding.TextAppender:
		dst, err := v.AppendText(append(dst, '"'))
		return append(dst, '"'), err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return dst, err
	}
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...), nil
}

func appendData(dst []byte, value []byte) []byte {
	dst = append(dst, '"')
	dst = base64.RawURLEncoding.AppendEncode(dst, value)
	return append(dst, '"')
}

// appendText writes a string. What is not UTF-8 is replaced.
func appendText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r == '\r':
			dst = append(dst, '\\', 'r')
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
