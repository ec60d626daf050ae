//go:build js

package module

import (
	"errors"
	"syscall/js"

	"github.com/voile-net/voile/core"
)

// arguments are those of a call; what is missing is undefined.
type arguments []js.Value

func (a arguments) value(i int) js.Value {
	if i < len(a) {
		return a[i]
	}
	return js.Undefined()
}

// number is an argument that is one, or 0.
func (a arguments) number(i int) int { return number(a.value(i)) }

func number(v js.Value) int {
	if v.Type() != js.TypeNumber {
		return 0
	}
	return int(v.Float())
}

// text is a value that is a string, or "".
func text(v js.Value) string {
	if v.Type() != js.TypeString {
		return ""
	}
	return v.String()
}

// newPromise makes a Promise with its ends.
func newPromise() (promise js.Value, resolve, reject func(v any)) {
	executor := js.FuncOf(func(_ js.Value, args []js.Value) any {
		yes, no := args[0], args[1]
		resolve, reject = func(v any) { yes.Invoke(v) }, func(v any) { no.Invoke(v) }
		return nil
	})
	defer executor.Release() // it has run when New returns
	return js.Global().Get("Promise").New(executor), resolve, reject
}

// jsError is an Error whose code is the kind of the API.
func jsError(err error) js.Value {
	e := js.Global().Get("Error").New(err.Error())
	kind := core.Internal
	var of *core.Error
	if errors.As(err, &of) {
		kind = of.Kind
	}
	e.Set("code", string(kind))
	return e
}

// maxBlobs is beyond what any request has.
const maxBlobs = 4096

// toBytes copies Uint8Arrays; what is none is an empty one. Anything but an Array of
// at most maxBlobs is none: the line's references then find nothing.
func toBytes(list js.Value) [][]byte {
	if !list.InstanceOf(js.Global().Get("Array")) || list.Length() > maxBlobs {
		return nil
	}
	blobs := make([][]byte, list.Length())
	class := js.Global().Get("Uint8Array")
	for i := range blobs {
		if v := list.Index(i); v.InstanceOf(class) {
			blobs[i] = make([]byte, v.Length())
			js.CopyBytesToGo(blobs[i], v)
		}
	}
	return blobs
}

// fromBytes makes an Array of Uint8Arrays.
func fromBytes(blobs [][]byte) js.Value {
	list := js.Global().Get("Array").New(len(blobs))
	class := js.Global().Get("Uint8Array")
	for i, b := range blobs {
		v := class.New(len(b))
		js.CopyBytesToJS(v, b)
		list.SetIndex(i, v)
	}
	return list
}

// message is a line with its bytes.
func message(line []byte, blobs [][]byte) js.Value {
	o := js.Global().Get("Object").New()
	o.Set("line", string(line))
	o.Set("blobs", fromBytes(blobs))
	return o
}
