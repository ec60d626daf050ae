//go:build js

package module

import (
	"errors"
	"strings"
	"syscall/js"
	"testing"

	"github.com/voile-net/voile/core"
)

// recorder is a host that counts crashes.
func recorder(t *testing.T) (h *host, crashes *[]string) {
	t.Helper()
	crashes = new([]string)
	f := js.FuncOf(func(_ js.Value, args []js.Value) any {
		*crashes = append(*crashes, args[0].String())
		if !strings.Contains(args[1].String(), "module_test.go") {
			t.Errorf("the stack does not name the place: %s", args[1].String())
		}
		return nil
	})
	t.Cleanup(f.Release)
	return &host{onCrash: f.Value}, crashes
}

// A panic in the border reaches the host, once, and ends neither the program nor the
// caller.
func TestPanics(t *testing.T) {
	m := &module{nodes: map[int]*node{}}
	h, crashes := recorder(t)
	m.add(&node{host: h})
	f := m.function(func(arguments) any { panic("one") })
	defer f.Release()
	if v := f.Invoke(); !v.IsNull() && !v.IsUndefined() {
		t.Errorf("the function returns %v", v)
	}
	rejected := make(chan string, 1)
	no := js.FuncOf(func(_ js.Value, args []js.Value) any { rejected <- args[0].Get("code").String(); return nil })
	defer no.Release()
	m.promise(func() (any, error) { panic("two") }).Call("catch", no)
	if code := <-rejected; code != "Internal" {
		t.Errorf("rejected with %s", code)
	}
	if strings.Join(*crashes, " ") != "one" {
		t.Errorf("crashes %q, want the first", *crashes)
	}
}

// An onCrash that throws changes nothing.
func TestCrashOfOnCrash(t *testing.T) {
	throws := js.Global().Get("Function").New("throw 'primitive'")
	h := &host{onCrash: throws}
	h.crash("x", nil)
	if _, err := invoke(throws); err == nil || err.Error() != "primitive" {
		t.Errorf("%v", err)
	}
}

// Errors have their kind as code.
func TestErrorCodes(t *testing.T) {
	for want, err := range map[string]error{
		"TryAgain": &core.Error{Kind: core.TryAgain, Message: "later"},
		"Internal": errors.New("something"),
	} {
		e := jsError(err)
		if !e.InstanceOf(js.Global().Get("Error")) || e.Get("code").String() != want || !strings.Contains(e.Get("message").String(), err.Error()) {
			t.Errorf("%v is %v with code %v", err, e, e.Get("code"))
		}
	}
}

// The defaults are those of a browser, and valid.
func TestDefaults(t *testing.T) {
	c := Defaults()
	c.ProgramName = "x"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Network.MaxConnections = 65
	if c.Validate() == nil {
		t.Error("more connections than a browser has are allowed")
	}
	c.Network.MaxConnections = 16
	c.ProtectedStore.Backend = "IndexedDb"
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.ProtectedStore.Backend = "LocalStorage"
	if c.Validate() == nil {
		t.Error("secrets in the clear are allowed")
	}
}
