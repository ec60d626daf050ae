package bind

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/voile-net/voile/bind/jsonapi"
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

// encoder writes one line. What is written often is written here by hand, in the
// form that the types of package jsonapi have.
type encoder struct {
	line   []byte
	binary bool     // bytes go to blobs
	blobs  [][]byte // what the line refers to
}

func (e *encoder) text(s string) { e.line = append(e.line, s...) }
func (e *encoder) byte(c byte)   { e.line = append(e.line, c) }

func (e *encoder) head(call *Call, sub string) {
	e.text(`{"type":"Response","id":`)
	e.line = strconv.AppendUint(e.line, uint64(call.id), 10)
	e.text(`,"op":"`)
	e.text(call.op)
	e.byte('"')
	if f := call.family; f != nil {
		e.text(`,"`)
		e.text(f.idField)
		e.text(`":`)
		e.line = strconv.AppendUint(e.line, uint64(call.object), 10)
		e.text(`,"`)
		e.text(f.opField)
		e.text(`":"`)
		e.text(sub)
		e.byte('"')
	}
}

// response writes the whole answer.
func (e *encoder) response(call *Call, value any, err error) {
	start := len(e.line)
	if err == nil {
		e.head(call, call.sub)
		if err = e.result(value); err == nil {
			e.byte('}')
			return
		}
		e.line, e.blobs = e.line[:start], nil
	}
	if err == errInvalidID {
		e.head(call, jsonapi.InvalidID)
	} else {
		e.head(call, call.sub)
		e.text(`,"error":`)
		e.line = errorOf(apiError(err)).AppendJSON(e.line)
	}
	e.byte('}')
}

// result writes the fields of a success.
func (e *encoder) result(value any) error {
	switch v := value.(type) {
	case noValue:
		return nil
	case beside:
		fields, err := json.Marshal(v.fields)
		if err != nil {
			return err
		}
		e.byte(',')
		e.line = append(e.line, fields[1:len(fields)-1]...)
		return nil
	}
	e.text(`,"value":`)
	return e.value(value)
}

// value writes a result: nil, one of the simple types here, a value with a text
// form, or what [encoding/json] can write.
func (e *encoder) value(value any) error {
	switch v := value.(type) {
	case nil:
		e.text("null")
		return nil
	case bool:
		e.line = strconv.AppendBool(e.line, v)
		return nil
	case uint32:
		e.line = strconv.AppendUint(e.line, uint64(v), 10)
		return nil
	case int:
		e.line = strconv.AppendInt(e.line, int64(v), 10)
		return nil
	case string:
		e.line = jsonapi.AppendString(e.line, v)
		return nil
	case data:
		e.data(v)
		return nil
	case dataList:
		e.byte('[')
		for i, value := range v {
			if i > 0 {
				e.byte(',')
			}
			e.data(value)
		}
		e.byte(']')
		return nil
	case *core.Value:
		e.recordValue(v)
		return nil
	case *jsonapi.RouteBlob:
		e.text(`{"route_id":"`)
		e.line, _ = v.RouteID.AppendText(e.line)
		e.text(`","blob":`)
		e.data(v.Blob)
		e.byte('}')
		return nil
	case encoding.TextAppender:
		var err error
		e.byte('"')
		e.line, err = v.AppendText(e.line)
		e.byte('"')
		return err
	}
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false)
	if err := j.Encode(value); err != nil {
		return err
	}
	e.line = append(e.line, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
	return nil
}

// data writes bytes, or where they stand beside the line.
func (e *encoder) data(value []byte) {
	e.byte('"')
	if e.binary {
		e.byte(blobMark)
		e.line = strconv.AppendInt(e.line, int64(len(e.blobs)), 10)
		e.blobs = append(e.blobs, value)
	} else {
		e.line = base64.RawURLEncoding.AppendEncode(e.line, value)
	}
	e.byte('"')
}

// recordValue writes a ValueData; nil: null.
func (e *encoder) recordValue(v *core.Value) {
	if v == nil {
		e.text("null")
		return
	}
	e.text(`{"seq":`)
	e.line = jsonapi.ValueSeqNum(v.Seq).AppendJSON(e.line)
	e.text(`,"data":`)
	e.data(v.Data)
	e.text(`,"writer":"`)
	e.line, _ = v.Writer.AppendText(e.line)
	e.text(`"}`)
}
