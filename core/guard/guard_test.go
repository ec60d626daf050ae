package guard_test

import (
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func explode() { panic("boom") }

func TestHandler(t *testing.T) {
	var value any
	var stack string
	h := guard.Handler(func(v any, s []byte) { value, stack = v, string(s) })
	var wg sync.WaitGroup
	h.Go(&wg, explode)
	wg.Wait()
	if value != "boom" || !strings.Contains(stack, "explode") {
		t.Errorf("told of %v at\n%s", value, stack)
	}
	ran := false
	h.Func(func() { ran = true })()
	if !ran {
		t.Error("what does not panic is not run")
	}
}

func TestWithoutHandler(t *testing.T) {
	defer func() {
		if v := recover(); v != "boom" {
			t.Errorf("recovered %v, want the panic to go on", v)
		}
	}()
	guard.Handler(nil).Run(explode)
}

// A panic below a group reaches the handler of the goroutine that waits for it, with
// the stack of where it was.
func TestGroup(t *testing.T) {
	var value any
	var stack string
	h := guard.Handler(func(v any, s []byte) { value, stack = v, string(s) })
	others := 0
	h.Run(func() {
		var outer guard.Group
		outer.Go(func() {
			var inner guard.Group
			inner.Go(explode)
			inner.Wait()
		})
		outer.Go(func() { others++ })
		outer.Wait()
		t.Error("Wait has returned")
	})
	if value != "boom" || !strings.Contains(stack, "explode") || others != 1 {
		t.Errorf("told of %v, %d others, at\n%s", value, others, stack)
	}
}

func TestGroupWithoutPanic(t *testing.T) {
	var g guard.Group
	g.Go(func() {})
	g.Wait()
	g.Wait()
}
