//go:build js

// Package jsvalue carries bytes and promises between Go and JavaScript, for the
// adapters of a browser. It imports the standard library only.
package jsvalue

import (
	"context"
	"fmt"
	"syscall/js"
)

// Bytes is a Uint8Array with a copy of b.
func Bytes(b []byte) js.Value {
	v := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(v, b)
	return v
}

// Copy is a copy of what a Uint8Array or an ArrayBuffer holds, never nil; false: v
// is neither.
func Copy(v js.Value) ([]byte, bool) {
	if v.Type() != js.TypeObject {
		return nil, false
	}
	class := js.Global().Get("Uint8Array")
	switch {
	case v.InstanceOf(class):
	case v.InstanceOf(js.Global().Get("ArrayBuffer")):
		v = class.New(v)
	default:
		return nil, false
	}
	b := make([]byte, v.Get("byteLength").Int())
	js.CopyBytesToGo(b, v)
	return b, true
}

// Error is an exception, or what a promise was rejected with.
type Error struct {
	Name    string // of a DOMException or an Error; "" of anything else
	Message string
}

func (e *Error) Error() string {
	if e.Name == "" {
		return e.Message
	}
	return e.Name + ": " + e.Message
}

// ErrorOf is the error that a value stands for, which may be any.
func ErrorOf(v js.Value) error {
	e := &Error{Message: js.Global().Get("String").Invoke(v).String()}
	if v.Type() == js.TypeObject {
		if name := v.Get("name"); name.Type() == js.TypeString {
			e.Name = name.String()
		}
		if message := v.Get("message"); message.Type() == js.TypeString {
			e.Message = message.String()
		}
	}
	return e
}

// Call calls a method; an exception is an error.
func Call(v js.Value, method string, args ...any) (result js.Value, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			err = ErrorOf(p.Value)
		default:
			panic(p)
		}
	}()
	return v.Call(method, args...), nil
}

// Await calls a method that returns a promise and waits for it. The end of ctx ends
// the waiting, not what is waited for.
func Await(ctx context.Context, v js.Value, method string, args ...any) (js.Value, error) {
	promise, err := Call(v, method, args...)
	if err != nil {
		return js.Undefined(), err
	}
	if promise.Type() != js.TypeObject {
		return js.Undefined(), fmt.Errorf("%s returned no promise", method)
	}
	type outcome struct {
		value js.Value
		err   error
	}
	settled := make(chan outcome, 1)
	var yes, no js.Func
	end := func(o outcome) {
		yes.Release()
		no.Release()
		settled <- o
	}
	first := func(args []js.Value) js.Value {
		if len(args) == 0 {
			return js.Undefined()
		}
		return args[0]
	}
	yes = js.FuncOf(func(_ js.Value, args []js.Value) any { end(outcome{value: first(args)}); return nil })
	no = js.FuncOf(func(_ js.Value, args []js.Value) any { end(outcome{err: ErrorOf(first(args))}); return nil })
	promise.Call("then", yes, no)
	select {
	case o := <-settled:
		return o.value, o.err
	case <-ctx.Done():
		return js.Undefined(), ctx.Err()
	}
}
