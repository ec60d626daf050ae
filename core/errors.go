package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/voile-net/voile/core/rpc"
)

// ErrorKind is what went wrong, the same in every language (spec 07 §3). The
// text of a kind is its stable code.
type ErrorKind string

const (
	NotInitialized      ErrorKind = "NotInitialized"     // not started, or closed
	AlreadyInitialized  ErrorKind = "AlreadyInitialized" // another node uses this program name and namespace
	Timeout             ErrorKind = "Timeout"
	TryAgain            ErrorKind = "TryAgain" // not possible now: offline, no route
	Shutdown            ErrorKind = "Shutdown" // stopping
	InvalidTarget       ErrorKind = "InvalidTarget"
	NoConnection        ErrorKind = "NoConnection"
	KeyNotFound         ErrorKind = "KeyNotFound"
	Internal            ErrorKind = "Internal"
	Unimplemented       ErrorKind = "Unimplemented"
	ParseError          ErrorKind = "ParseError"
	InvalidArgument     ErrorKind = "InvalidArgument"
	MissingArgument     ErrorKind = "MissingArgument"
	Generic             ErrorKind = "Generic"
	TransactionNotFound ErrorKind = "TransactionNotFound"
)

// Error is what every method of this package fails with. Which of the texts are
// set depends on the kind (spec 07 §3).
type Error struct {
	Kind     ErrorKind
	Message  string // TryAgain, InvalidTarget, NoConnection, Internal, Unimplemented, ParseError, Generic, TransactionNotFound
	Context  string // InvalidArgument, MissingArgument
	Argument string // InvalidArgument, MissingArgument
	Value    string // InvalidArgument, ParseError
	Key      string // KeyNotFound
	Err      error  // what is behind it; nil: nothing more to know
}

// Error is one line of text that names the kind.
func (e *Error) Error() string {
	switch {
	case e.Kind == InvalidArgument:
		return fmt.Sprintf("InvalidArgument: %s: %s = %q", e.Context, e.Argument, e.Value)
	case e.Kind == MissingArgument:
		return fmt.Sprintf("MissingArgument: %s: %s", e.Context, e.Argument)
	case e.Kind == KeyNotFound:
		return "KeyNotFound: " + e.Key
	case e.Message == "":
		return string(e.Kind)
	}
	return string(e.Kind) + ": " + e.Message
}

// Unwrap returns what is behind the error.
func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of an error; "" for nil, Internal for one of another package.
func KindOf(err error) ErrorKind {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

func errorf(kind ErrorKind, err error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: err}
}

func invalidArgument(context, argument string, value any) *Error {
	return &Error{Kind: InvalidArgument, Context: context, Argument: argument, Value: fmt.Sprint(value)}
}

// apiError maps what a question or a statement came to (spec 07 §3, "Mappings a
// caller sees").
func apiError(err error) error {
	var done *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &done):
		return done
	case errors.Is(err, rpc.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Timeout, Err: err}
	case errors.Is(err, context.Canceled):
		return errorf(TryAgain, err, "canceled")
	case errors.Is(err, rpc.ErrClosed):
		return errorf(TryAgain, err, "not started up: Not started")
	case errors.Is(err, rpc.ErrTryAgain), errors.Is(err, rpc.ErrBusy):
		return errorf(TryAgain, err, "%v", err)
	case errors.Is(err, rpc.ErrUnavailable), errors.Is(err, rpc.ErrInvalidTarget):
		return errorf(InvalidTarget, err, "%v", err)
	case errors.Is(err, rpc.ErrInvalidAnswer):
		return &Error{Kind: ParseError, Message: "Invalid message", Value: err.Error(), Err: err}
	case errors.Is(err, rpc.ErrNoConnection):
		return errorf(NoConnection, err, "%v", err)
	case errors.Is(err, rpc.ErrTooLong):
		return errorf(Internal, err, "%v", err)
	case errors.Is(err, rpc.ErrUnmatched):
		return errorf(Generic, err, "%v", err)
	}
	return errorf(Internal, err, "%v", err)
}
