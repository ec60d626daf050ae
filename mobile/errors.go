//go:build !js

package mobile

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

// Error is a failure, as [ErrorOf] reads it of the text that was thrown. What
// operations fail with stands in their answers instead (spec 07 §3).
type Error struct{ code, message string }

// Code is the kind of the failure, one of the fifteen: "TryAgain", "Internal", …
func (e *Error) Code() string { return e.code }

// Message is what went wrong, for people, without the code; it may be empty.
func (e *Error) Message() string { return e.message }

// Error is the text that is thrown: the code, and the message after ": ".
func (e *Error) Error() string {
	if e == nil {
		return string(core.Internal)
	}
	if e.message == "" {
		return e.code
	}
	return e.code + ": " + e.message
}

// ErrorOf reads the text of an error that a function of this package threw, since
// no identity and no type of an error survives the way to another language. Any
// other text becomes an Internal error that says it.
func ErrorOf(text string) *Error {
	code, message, _ := strings.Cut(text, ": ")
	if slices.Contains(jsonapi.ErrorKind("").Values(), jsonapi.ErrorKind(code)) {
		return &Error{code, message}
	}
	return &Error{string(core.Internal), text}
}

// fault makes what is thrown of an error: a text that is UTF-8, as NSError demands,
// made here once, so that nothing can go wrong while it is read.
func fault(err error) error {
	if err == nil {
		return nil
	}
	kind, text := string(core.KindOf(err)), err.Error()
	var e *core.Error
	if errors.As(err, &e) {
		text = strings.TrimPrefix(strings.TrimPrefix(text, kind), ": ")
	}
	return &Error{kind, clean(text)}
}

func clean(text string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), string(utf8.RuneError))
}

func failure(kind core.ErrorKind, format string, args ...any) error {
	return &Error{string(kind), clean(fmt.Sprintf(format, args...))}
}

// catch makes an error of a panic, which is a bug here or in what the app gave:
// deferred by everything that the app calls.
func catch(err *error) {
	if r := recover(); r != nil {
		*err = failure(core.Internal, "bug: %v\n%s", r, debug.Stack())
	}
}

// swallow logs a panic where there is nobody to tell: deferred by what gives the app
// something or returns no error.
func swallow(log *slog.Logger, what string) {
	if r := recover(); r != nil {
		log.Error("bug: panic at the border to the app", "op", what, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
}

// errNotStarted: a handle that this package did not give, such as one made with a
// constructor that gobind adds to each type.
var errNotStarted error = &Error{string(core.NotInitialized), "made without Start or Open"}
