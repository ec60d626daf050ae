package bind

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/jsonread"
)

// run does an operation whose parameters have been read. The result is what
// [encoder.value] can write; the error is a *core.Error, or else an Internal one.
type run func(ctx context.Context, c *Client) (any, error)

// op is one operation: decode reads its parameters and returns what to do. It is
// also how the schema learns of them, so it must call the same readers whatever
// the values are (see [params]).
type op struct {
	name   string
	result result
	decode func(*params) run
	family *family // nil: not an operation on an object
}

// result is what an operation answers with, for the schema.
type result struct {
	json     reflect.Type // type of the value; nil: it has none, see beside
	nullable bool
	beside   reflect.Type // type whose fields stand beside the operation; nil: no fields
	failing  bool         // there is an error form
}

// gives is the result of an operation that can fail.
func gives[T any]() result { return result{json: reflect.TypeFor[T](), failing: true} }

// orNull is a result that may be null.
func (r result) orNull() result { r.nullable = true; return r }

// always is the result of an operation that has no error form (spec 07 §5.5).
func (r result) always() result { r.failing = false; return r }

// null is the value of an operation that has nothing to give.
type null struct{}

// table is all operations by their names.
type table map[string]*op

// op adds an operation whose parameters stand in the request itself.
func (t table) op(name string, r result, decode func(*params) run) {
	t[name] = &op{name: name, result: r, decode: decode}
}

// family is the operations on one sort of object (spec 07 §5.4).
type family struct {
	name             jsonapi.Family
	idField, opField string
	ops              map[string]*objectOp
}

// objectOp is one of them.
type objectOp struct {
	name   string
	result result
	decode func(*params) onObject
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

func addFamily[T any](t table, name jsonapi.Family, objects func(*Client) *handles[T]) methods[T] {
	f := &family{name: name, ops: map[string]*objectOp{}}
	f.idField, f.opField = name.Fields()
	t[string(name)] = &op{name: string(name), family: f}
	return methods[T]{f, objects}
}

func (f *family) op(name string, r result, decode func(*params) onObject) {
	f.ops[name] = &objectOp{name: name, result: r, decode: decode}
}

// method is a run on an object.
type method[T any] func(ctx context.Context, c *Client, object T) (any, error)

func (m methods[T]) op(name string, r result, decode func(*params) method[T]) {
	m.family.op(name, r, func(p *params) onObject {
		do := decode(p)
		return func(ctx context.Context, c *Client, id uint32) (any, error) {
			object, ok := m.objects(c).get(id)
			if !ok {
				return nil, errInvalidID
			}
			return do(ctx, c, object)
		}
	})
}

// opWithID adds a sub-operation without parameters that frees the object, or may.
func (m methods[T]) opWithID(name string, r result, do func(ctx context.Context, c *Client, id uint32, object T) (any, error)) {
	m.family.op(name, r, func(*params) onObject {
		return func(ctx context.Context, c *Client, id uint32) (any, error) {
			object, ok := m.objects(c).get(id)
			if !ok {
				return nil, errInvalidID
			}
			return do(ctx, c, id, object)
		}
	})
}

// release adds the sub-operation that frees an object; free ends it. nil: an
// object that holds nothing.
func (m methods[T]) release(free func(T)) {
	m.family.op("Release", result{}, func(*params) onObject {
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
	})
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
	// One of the two is set.
	run      run
	onObject onObject
}

// read makes a call of a request line. What it says beside the line is in p, which
// is empty otherwise.
func (t table) read(c *Client, p *params, line []byte) (*Call, error) {
	var err error
	if p.members, err = jsonread.Object(p.members[:0], line); err != nil {
		return nil, err
	}
	call := &Call{client: c, id: omit(p, "id", u32(), 0)}
	name := req(p, "op", textBytes())
	if p.err != nil {
		return nil, p.err
	}
	o, ok := t[string(name)]
	if !ok {
		return nil, fmt.Errorf("%w %.40q", errUnknownOp, name)
	}
	call.op = o.name
	if o.family == nil {
		call.run = o.decode(p)
		return call, p.err
	}
	f := o.family
	call.family, call.object = f, req(p, f.idField, u32())
	name = req(p, f.opField, textBytes())
	sub, ok := f.ops[string(name)]
	if !ok {
		return nil, fmt.Errorf("%w %s.%.40q", errUnknownOp, f.name, name)
	}
	call.sub, call.onObject = sub.name, sub.decode(p)
	return call, p.err
}
