//go:build js

package indexeddb

import (
	"errors"
	"fmt"
	"slices"
	"syscall/js"

	"github.com/hack-pad/go-indexeddb/idb"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
)

// ErrGone: the browser has closed the database, because its data was deleted or
// another tab has opened a newer version of it. A new Open makes another one.
var ErrGone = errors.New("the browser has closed the database: its data was deleted, or another tab has changed it")

// named reports whether an error is an exception of one of the names. The library
// makes some exceptions errors of its own and passes others on.
func named(err error, names ...string) bool {
	name := ""
	var ours *jsvalue.Error
	var raw js.Error
	switch {
	case errors.As(err, &ours):
		name = ours.Name
	case errors.As(err, &raw):
		if e, ok := jsvalue.ErrorOf(raw.Value).(*jsvalue.Error); ok {
			name = e.Name
		}
	}
	return slices.ContainsFunc(names, func(want string) bool {
		return name == want || errors.Is(err, idb.NewDOMException(want))
	})
}

// explained adds what callers decide by to an error of the browser.
func explained(err error) error {
	switch {
	case err == nil:
		return nil
	case named(err, "QuotaExceededError"):
		return fmt.Errorf("%w: the browser gives this site no more room: %w", platform.ErrNoSpace, err)
	case named(err, "InvalidStateError"):
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// inactive reports whether a request came too late for its transaction.
func inactive(err error) bool { return named(err, "TransactionInactiveError") }

// exception makes a panic of an exception an error.
func exception(err *error) {
	switch v := recover().(type) {
	case nil:
	case js.Error:
		*err = jsvalue.ErrorOf(v.Value)
	default:
		panic(v)
	}
}
