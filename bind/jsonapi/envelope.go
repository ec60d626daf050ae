package jsonapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Requests and responses (spec 07 §5.3).

// Family is the operations on one sort of object. Its text is their op.
type Family string

// The families (spec 07 §5.4).
const (
	RoutingContext     Family = "RoutingContext"
	DHTTransaction     Family = "DhtTransaction"
	TableDB            Family = "TableDb"
	TableDBTransaction Family = "TableDbTransaction"
	CryptoSystem       Family = "CryptoSystem"
)

// Values are all families.
func (Family) Values() []Family {
	return []Family{RoutingContext, DHTTransaction, TableDB, TableDBTransaction, CryptoSystem}
}

// Fields are the fields that name the object and the operation on it, such as
// rc_id and rc_op; "" for what is no family.
func (f Family) Fields() (id, op string) {
	switch f {
	case RoutingContext:
		return "rc_id", "rc_op"
	case DHTTransaction:
		return "dhttx_id", "dhttx_op"
	case TableDB:
		return "db_id", "db_op"
	case TableDBTransaction:
		return "tx_id", "tx_op"
	case CryptoSystem:
		return "cs_id", "cs_op"
	}
	return "", ""
}

// InvalidID is the sub-operation of an answer about an object that is not there.
const InvalidID = "InvalidId"

// Request is one request. Params is a struct or a map of the other fields; nil:
// there are none.
type Request struct {
	ID     uint32
	Op     string
	Object uint32 // of operations on an object
	SubOp  string // of operations on an object
	Params any
}

// Append appends the line of the request, without its end.
func (r Request) Append(dst []byte) ([]byte, error) {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendUint(dst, uint64(r.ID), 10)
	dst = append(dst, `,"op":`...)
	dst = AppendString(dst, r.Op)
	if id, op := Family(r.Op).Fields(); id != "" {
		dst = append(dst, `,"`+id+`":`...)
		dst = strconv.AppendUint(dst, uint64(r.Object), 10)
		dst = append(dst, `,"`+op+`":`...)
		dst = AppendString(dst, r.SubOp)
	}
	if r.Params == nil {
		return append(dst, '}'), nil
	}
	return appendFields(dst, r.Params)
}

// appendFields appends the fields of an object behind others, and the brace.
func appendFields(dst []byte, object any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil {
		return dst, err
	}
	fields := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	if len(fields) < 2 || fields[0] != '{' {
		return dst, fmt.Errorf("%T is not an object in JSON", object)
	}
	if fields[1] != '}' {
		dst = append(dst, ',')
	}
	return append(dst, fields[1:]...), nil
}

// Response is the answer to one request.
type Response struct {
	ID     uint32
	Op     string
	Object uint32 // of operations on an object
	SubOp  string // of operations on an object; [InvalidID]: there is no such object
	// Value is the result as it came, "null" if there is none to give. nil: the
	// operation has no value at all, or has failed.
	Value json.RawMessage
	Err   *VeilidAPIError // nil: it succeeded
	// Version is the result of VeilidVersion, which has no value.
	Version VeilidVersion
}

// Message is one line of a server: one of the two is set.
type Message struct {
	Response *Response
	Update   Update
}

// ErrMessage: a line is neither a response nor an update.
var ErrMessage = errors.New("neither a response nor an update")

// ParseMessage reads one line of a server. Errors: [ErrMessage],
// *[ErrUnknownUpdate], or those of encoding/json. The message shares nothing with
// the line.
func ParseMessage(line []byte) (Message, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return Message{}, err
	}
	switch head.Type {
	case "Update":
		u, err := ParseUpdate(line)
		return Message{Update: u}, err
	case "Response":
		r, err := parseResponse(line)
		return Message{Response: r}, err
	}
	return Message{}, ErrMessage
}

func parseResponse(line []byte) (*Response, error) {
	var v struct {
		ID   uint32 `json:"id"`
		Op   string `json:"op"`
		RC   uint32 `json:"rc_id"`
		RCOp string `json:"rc_op"`
		DT   uint32 `json:"dhttx_id"`
		DTOp string `json:"dhttx_op"`
		DB   uint32 `json:"db_id"`
		DBOp string `json:"db_op"`
		TX   uint32 `json:"tx_id"`
		TXOp string `json:"tx_op"`
		CS   uint32 `json:"cs_id"`
		CSOp string `json:"cs_op"`

		Value json.RawMessage `json:"value"`
		Err   *VeilidAPIError `json:"error"`
		VeilidVersion
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return nil, err
	}
	r := &Response{ID: v.ID, Op: v.Op, Value: v.Value, Err: v.Err, Version: v.VeilidVersion}
	switch Family(v.Op) {
	case RoutingContext:
		r.Object, r.SubOp = v.RC, v.RCOp
	case DHTTransaction:
		r.Object, r.SubOp = v.DT, v.DTOp
	case TableDB:
		r.Object, r.SubOp = v.DB, v.DBOp
	case TableDBTransaction:
		r.Object, r.SubOp = v.TX, v.TXOp
	case CryptoSystem:
		r.Object, r.SubOp = v.CS, v.CSOp
	}
	return r, nil
}
