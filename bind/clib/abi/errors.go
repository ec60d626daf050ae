package abi

import (
	"errors"
	"fmt"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

// BorderError is a mistake of the caller in another language, or something that
// only happens at the border.
type BorderError struct {
	Code    instance.Code // one of those from 101 on
	Message string
}

// Error is the code and what is wrong.
func (e *BorderError) Error() string { return e.Code.String() + ": " + e.Message }

func border(code instance.Code, format string, args ...any) error {
	return &BorderError{code, fmt.Sprintf(format, args...)}
}

// NullPointer is the error about an argument that is null.
func NullPointer(argument string) error { return border(instance.NullPointer, "%s is null", argument) }

// TooLarge is the error about a size or a count above its limit.
func TooLarge(argument string, got, limit uint64) error {
	return border(instance.TooLarge, "%s is %d, at most %d", argument, got, limit)
}

// ABIMismatch is the error about a program built for another interface.
func ABIMismatch(want, got uint64, what string) error {
	return border(instance.ABIMismatch, "%s is %d, this library has %d", what, got, want)
}

// NoMemory is the error about memory that the system does not give.
func NoMemory(size uint64) error { return border(instance.NoMemory, "%d bytes", size) }

// Reentrant is the error about a call from within a callback where none may be made.
func Reentrant() error {
	return border(instance.Reentrant, "called by a function of the store or of the log")
}

// InvalidArgument is the error about an argument that is not allowed.
func InvalidArgument(function, argument string, value any) error {
	return &core.Error{Kind: core.InvalidArgument, Context: function, Argument: argument, Value: fmt.Sprint(value)}
}

func errClosed(what string) error { return border(instance.Closed, "the %s has ended", what) }

func errTimeout() error { return &core.Error{Kind: core.Timeout} }

// Panicked is the error for a panic of the library, which is a bug.
func Panicked(value any) error {
	return &core.Error{Kind: core.Internal, Message: fmt.Sprintf("bug: panic: %v", value)}
}

// CodeOf is the code of an error of this package, instance.OK for nil.
func CodeOf(err error) instance.Code {
	var b *BorderError
	if errors.As(err, &b) {
		return b.Code
	}
	return instance.CodeOf(err)
}

// AppendError appends an error as JSON: that of the API, or the same form with the
// name of a code of the border.
func AppendError(dst []byte, err error) []byte {
	var b *BorderError
	var e *core.Error
	switch {
	case errors.As(err, &b):
		dst = append(dst, `{"kind":`...)
		dst = jsonapi.AppendString(dst, b.Code.String())
		dst = append(dst, `,"message":`...)
		return append(jsonapi.AppendString(dst, b.Message), '}')
	case errors.As(err, &e):
		return (&jsonapi.VeilidAPIError{
			Kind: jsonapi.ErrorKind(e.Kind), Message: e.Message, Context: e.Context, Argument: e.Argument, Value: e.Value, Key: e.Key,
		}).AppendJSON(dst)
	}
	return (&jsonapi.VeilidAPIError{Kind: jsonapi.Internal, Message: err.Error()}).AppendJSON(dst)
}
