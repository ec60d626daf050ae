//go:build js && wasm

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall/js"
)

// settled is what became of a promise.
type settled struct {
	value js.Value
	err   error
}

// await waits for a promise until ctx ends. It must not be called from a function that
// JavaScript waits for.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	done := make(chan settled, 1)
	var then, failed js.Func
	release := func() { then.Release(); failed.Release() }
	then = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		done <- settled{value: first(args)}
		return nil
	})
	failed = js.FuncOf(func(_ js.Value, args []js.Value) any {
		release()
		done <- settled{err: errorOf(first(args))}
		return nil
	})
	promise.Call("then", then, failed)
	select {
	case s := <-done:
		return s.value, s.err
	case <-ctx.Done():
		return js.Undefined(), context.Cause(ctx) // the functions go when the promise settles
	}
}

func first(args []js.Value) js.Value {
	if len(args) == 0 {
		return js.Undefined()
	}
	return args[0]
}

// promise makes a promise of what f returns. f runs in its own goroutine.
func promise(f func() (any, error)) js.Value {
	var executor js.Func
	executor = js.FuncOf(func(_ js.Value, args []js.Value) any {
		executor.Release()
		resolve, reject := args[0], args[1]
		go func() {
			value, err := f()
			if err != nil {
				reject.Invoke(js.Global().Get("Error").New(err.Error()))
				return
			}
			resolve.Invoke(value)
		}()
		return nil
	})
	return js.Global().Get("Promise").New(executor)
}

// call calls a method that may throw.
func call(v js.Value, method string, args ...any) (result js.Value, err error) {
	defer func() {
		if thrown, ok := recover().(js.Error); ok {
			err = errorOf(thrown.Value)
		}
	}()
	return v.Call(method, args...), nil
}

func errorOf(v js.Value) error {
	if v.Type() != js.TypeObject {
		return errors.New("worker: an error without a text")
	}
	return fmt.Errorf("worker: %s", v.Get("message").String())
}

// bytesOf copies bytes out of a Uint8Array or an ArrayBuffer.
func bytesOf(v js.Value) []byte {
	array := js.Global().Get("Uint8Array")
	if !v.InstanceOf(array) {
		v = array.New(v)
	}
	b := make([]byte, v.Length())
	js.CopyBytesToGo(b, v)
	return b
}

// arrayOf copies bytes into a new Uint8Array.
func arrayOf(b []byte) js.Value {
	array := js.Global().Get("Uint8Array").New(len(b))
	js.CopyBytesToJS(array, b)
	return array
}
