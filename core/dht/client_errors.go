package dht

import (
	"context"
	"errors"
	"fmt"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/rpc"
)

// ErrorKind is the kind of a [ClientError], by its name in the API (spec 07 §3).
type ErrorKind string

// The kinds that operations on records fail with.
const (
	NotInitialized      ErrorKind = "NotInitialized" // the client is closed
	Timeout             ErrorKind = "Timeout"        // the caller's own time limit
	TryAgain            ErrorKind = "TryAgain"
	NoConnection        ErrorKind = "NoConnection"
	KeyNotFound         ErrorKind = "KeyNotFound"
	Internal            ErrorKind = "Internal"
	ParseError          ErrorKind = "ParseError"
	InvalidArgument     ErrorKind = "InvalidArgument"
	MissingArgument     ErrorKind = "MissingArgument"
	Generic             ErrorKind = "Generic"
	TransactionNotFound ErrorKind = "TransactionNotFound"
)

// ClientError is what a [Client] fails with, in the words of the API (spec 07 §2.3,
// §2.4). Which of the texts are set depends on the kind.
type ClientError struct {
	Kind     ErrorKind
	Message  string // all kinds but KeyNotFound, InvalidArgument, MissingArgument
	Context  string // InvalidArgument, MissingArgument
	Argument string // InvalidArgument, MissingArgument
	Value    string // InvalidArgument, ParseError
	Key      string // KeyNotFound
	Err      error  // what is behind it; nil: nothing more to know
}

// Error is one line that names the kind.
func (e *ClientError) Error() string {
	switch e.Kind {
	case InvalidArgument:
		return fmt.Sprintf("InvalidArgument: %s: %s = %q", e.Context, e.Argument, e.Value)
	case MissingArgument:
		return fmt.Sprintf("MissingArgument: %s: %s", e.Context, e.Argument)
	case KeyNotFound:
		return "KeyNotFound: " + e.Key
	}
	if e.Message == "" {
		return string(e.Kind)
	}
	return string(e.Kind) + ": " + e.Message
}

// Unwrap gives what is behind the error.
func (e *ClientError) Unwrap() error { return e.Err }

// KindOf is the kind of an error of a client; "" for nil, Internal for any other.
func KindOf(err error) ErrorKind {
	var e *ClientError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Kind
	}
	return Internal
}

// Texts that occur more than once.
const (
	offlineText = "offline, try again later"
	notReady    = "dht is not online"
)

func fail(kind ErrorKind, format string, args ...any) *ClientError {
	return &ClientError{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func invalidArgument(context, argument, value string) *ClientError {
	return &ClientError{Kind: InvalidArgument, Context: context, Argument: argument, Value: value}
}

func errClosed() *ClientError { return &ClientError{Kind: NotInitialized} }

func errNotOpen(key crypto.OpaqueRecordKey) *ClientError {
	return invalidArgument("record not open", "record_key", key.String())
}

func errSubkey(subkey uint32) *ClientError {
	return invalidArgument("subkey out of range", "subkey", fmt.Sprint(subkey))
}

func errNoKey(key crypto.OpaqueRecordKey) *ClientError {
	return &ClientError{Kind: KeyNotFound, Key: key.String()}
}

// failed makes any error one of the API; one that is it already stays.
func failed(err error) error {
	var done *ClientError
	var schema *SchemaError
	kind, text := Internal, ""
	switch {
	case err == nil:
		return nil
	case errors.As(err, &done):
		return done
	case errors.As(err, &schema):
		return invalidArgument(schema.Context, schema.Argument, schema.Value)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, rpc.ErrTimeout):
		kind = Timeout
	case errors.Is(err, context.Canceled):
		kind, text = TryAgain, "canceled"
	case errors.Is(err, rpc.ErrClosed), errors.Is(err, rpc.ErrTryAgain), errors.Is(err, rpc.ErrBusy):
		kind = TryAgain
	case errors.Is(err, rpc.ErrNoConnection), errors.Is(err, rpc.ErrUnavailable),
		errors.Is(err, rpc.ErrInvalidAnswer), errors.Is(err, rpc.ErrInvalidTarget):
		kind = NoConnection
	case errors.Is(err, ErrEncrypted):
		kind, text = Generic, "cannot decrypt value data: missing encryption key"
	case errors.Is(err, ErrNotEncrypted):
		kind, text = Generic, "cannot decrypt value data: missing nonce"
	case errors.Is(err, crypto.ErrKeyPair):
		return &ClientError{Kind: ParseError, Message: "Keypair is invalid", Value: "invalid key", Err: err}
	case errors.Is(err, crypto.ErrUnsupported):
		kind, text = Generic, "unsupported crypto kind"
	}
	if text == "" {
		text = err.Error()
	}
	return &ClientError{Kind: kind, Message: text, Err: err}
}
