package bind

import (
	"context"
	"errors"
	"fmt"
)

// run does an operation whose parameters have been read. The result is what
// [appendValue] can write; the error is a *core.Error, or else an Internal one.
type run func(ctx context.Context, c *Client) (any, error)

// op is one operation: decode reads its parameters and returns what to do.
type op struct {
	decode func(*params) run
	family *family // nil: not an operation on an object
}

// table is all operations by their names.
type table map[string]op

// plain operations: the parameters stand in the request itself.
func (t table) op(name string, decode func(*params) run) { t[name] = op{decode: decode} }

// family is the operations on one sort of object (spec 07 §5.4): which fields
// name the object and the sub-operation.
type family struct {
	op, idField, opField string
	decode               map[string]func(*params) onObject
}

// onObject is a run that needs the object's id as well.
type onObject func(ctx context.Context, c *Client, id uint32) (any, error)

// errInvalidID becomes a response, not an error (spec 07 §5.4).
var errInvalidID = errors.New("no such object")

// methods collects the sub-operations of objects of type T. objects is where a
// client keeps them.
type methods[T any] struct {
	family  *family
	objects func(*Client) *handles[T]
}

func addFamily[T any](t table, name, idField, opField string, objects func(*Client) *handles[T]) methods[T] {
	f := &family{op: name, idField: idField, opField: opField, decode: map[string]func(*params) onObject{}}
	t[name] = op{family: f}
	return methods[T]{f, objects}
}

// method is a run on an object.
type method[T any] func(ctx context.Context, c *Client, object T) (any, error)

func (m methods[T]) op(name string, decode func(*params) method[T]) {
	m.family.decode[name] = func(p *params) onObject {
		do := decode(p)
		return func(ctx context.Context, c *Client, id uint32) (any, error) {
			object, ok := m.objects(c).get(id)
			if !ok {
				return nil, errInvalidID
			}
			return do(ctx, c, object)
		}
	}
}

// opWithID adds a sub-operation without parameters that frees the object, or may.
func (m methods[T]) opWithID(name string, do func(ctx context.Context, c *Client, id uint32, object T) (any, error)) {
	m.family.decode[name] = func(*params) onObject {
		return func(ctx context.Context, c *Client, id uint32) (any, error) {
			object, ok := m.objects(c).get(id)
			if !ok {
				return nil, errInvalidID
			}
			return do(ctx, c, id, object)
		}
	}
}

// release adds the sub-operation that frees an object; free ends it. nil: an
// object that holds nothing.
func (m methods[T]) release(free func(T)) {
	m.family.decode["Release"] = func(*params) onObject {
		return func(_ context.Context, c *Client, id uint32) (any, error) {
			object, ok := m.objects(c).remove(id)
			if !ok {
				return nil, errInvalidID
			}
			if free != nil {
				free(object)
			}
			return noValue{}, nil
		}
	}
}

// noParams is the decode of operations that have none.
func noParams(do run) func(*params) run { return func(*params) run { return do } }

func noMethodParams[T any](do method[T]) func(*params) method[T] {
	return func(*params) method[T] { return do }
}

// errUnknownOp: there is no such operation.
var errUnknownOp = errors.New("unknown operation")

// Call is a request that was read and is not done yet.
type Call struct {
	client *Client
	id     uint32
	op     string
	family *family // nil: not an operation on an object
	object uint32
	sub    string
	run    run
}

// read makes a call of a request line.
func (t table) read(c *Client, line []byte) (*Call, error) {
	var room [16]member
	members, err := parseObject(room[:0], line)
	if err != nil {
		return nil, err
	}
	p := &params{members: members}
	call := &Call{client: c, id: omit(p, "id", u32, 0), op: req(p, "op", text)}
	if p.err != nil {
		return nil, p.err
	}
	o, ok := t[call.op]
	if !ok {
		return nil, fmt.Errorf("%w %.40q", errUnknownOp, call.op)
	}
	if o.family == nil {
		call.run = o.decode(p)
		return call, p.err
	}
	f := o.family
	call.family, call.object, call.sub = f, req(p, f.idField, u32), req(p, f.opField, text)
	decode, ok := f.decode[call.sub]
	if !ok {
		return nil, fmt.Errorf("%w %s.%.40q", errUnknownOp, f.op, call.sub)
	}
	do := decode(p)
	call.run = func(ctx context.Context, c *Client) (any, error) { return do(ctx, c, call.object) }
	return call, p.err
}
