//go:build js

package indexeddb

import (
	"context"
	"fmt"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
)

// lock takes the Web Lock of a name, or says at once that somebody has it. release
// gives it back and may be called twice.
func lock(ctx context.Context, name string) (release func(), err error) {
	locks := js.Undefined()
	if navigator := js.Global().Get("navigator"); navigator.Truthy() {
		locks = navigator.Get("locks")
	}
	if !locks.Truthy() {
		return nil, fmt.Errorf("%w: no Web Locks: the page must come by https or from this machine", platform.ErrUnsupported)
	}
	// The lock is held until the promise that the callback returns is settled.
	var give js.Value // settles it
	executor := js.FuncOf(func(_ js.Value, args []js.Value) any { give = args[0]; return nil })
	held := js.Global().Get("Promise").New(executor)
	executor.Release()

	granted := make(chan bool, 1)
	callback := js.FuncOf(func(_ js.Value, args []js.Value) any {
		if args[0].IsNull() {
			granted <- false
			return nil
		}
		granted <- true
		return held
	})
	options := map[string]any{"ifAvailable": true}
	failed := make(chan error, 1)
	done := make(chan struct{})
	go func() { // ends when the lock was refused or is given back
		defer close(done)
		defer callback.Release()
		if _, err := jsvalue.Await(context.Background(), locks, "request", name, options, callback); err != nil {
			failed <- err
		}
	}()
	release = sync.OnceFunc(func() { give.Invoke(); <-done })
	select {
	case ok := <-granted:
		if !ok {
			<-done
			return nil, fmt.Errorf("%w: another tab or worker of this site has it open", platform.ErrInUse)
		}
		return release, nil
	case err := <-failed:
		<-done
		return nil, fmt.Errorf("%w: %w", platform.ErrUnsupported, err)
	case <-ctx.Done():
		release()
		return nil, ctx.Err()
	}
}
