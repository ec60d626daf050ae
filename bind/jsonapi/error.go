package jsonapi

import (
	"encoding/json"
	"strings"
)

// ErrorKind is what went wrong (spec 07 §3). The set is closed.
type ErrorKind string

// Kinds of errors.
const (
	NotInitialized      ErrorKind = "NotInitialized"     // not started, or shut down
	AlreadyInitialized  ErrorKind = "AlreadyInitialized" // another node uses this program name and namespace
	Timeout             ErrorKind = "Timeout"
	TryAgain            ErrorKind = "TryAgain" // not possible now: offline, no consensus, no route
	InvalidTarget       ErrorKind = "InvalidTarget"
	NoConnection        ErrorKind = "NoConnection"
	Shutdown            ErrorKind = "Shutdown" // stopping
	KeyNotFound         ErrorKind = "KeyNotFound"
	Internal            ErrorKind = "Internal"
	Unimplemented       ErrorKind = "Unimplemented"
	ParseError          ErrorKind = "ParseError"
	InvalidArgument     ErrorKind = "InvalidArgument"
	MissingArgument     ErrorKind = "MissingArgument"
	Generic             ErrorKind = "Generic"
	TransactionNotFound ErrorKind = "TransactionNotFound"
)

// Values are all kinds.
func (ErrorKind) Values() []ErrorKind {
	return []ErrorKind{
		NotInitialized, AlreadyInitialized, Timeout, TryAgain, InvalidTarget, NoConnection, Shutdown, KeyNotFound, Internal,
		Unimplemented, ParseError, InvalidArgument, MissingArgument, Generic, TransactionNotFound,
	}
}

// Error makes a kind a target for [errors.Is]: errors.Is(err, jsonapi.TryAgain).
func (k ErrorKind) Error() string { return string(k) }

// Fields are the names of the texts that an error of the kind has.
func (k ErrorKind) Fields() []string {
	switch k {
	case NotInitialized, AlreadyInitialized, Timeout, Shutdown:
		return nil
	case KeyNotFound:
		return []string{"key"}
	case ParseError:
		return []string{"message", "value"}
	case InvalidArgument:
		return []string{"context", "argument", "value"}
	case MissingArgument:
		return []string{"context", "argument"}
	}
	return []string{"message"}
}

// VeilidAPIError is the failure of an operation. Which of the texts are set
// depends on the kind.
type VeilidAPIError struct {
	Kind     ErrorKind
	Message  string // TryAgain, InvalidTarget, NoConnection, Internal, Unimplemented, ParseError, Generic, TransactionNotFound
	Context  string // InvalidArgument, MissingArgument
	Argument string // InvalidArgument, MissingArgument
	Value    string // InvalidArgument, ParseError
	Key      string // KeyNotFound: the opaque record key
}

// field is the text of a name of [ErrorKind.Fields].
func (e *VeilidAPIError) field(name string) *string {
	switch name {
	case "message":
		return &e.Message
	case "context":
		return &e.Context
	case "argument":
		return &e.Argument
	case "value":
		return &e.Value
	}
	return &e.Key
}

// Error is one line of text that begins with the kind.
func (e *VeilidAPIError) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Kind))
	for i, name := range e.Kind.Fields() {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		if name != "message" {
			b.WriteString(name + " ")
		}
		b.WriteString(*e.field(name))
	}
	return b.String()
}

// Unwrap is the kind, for [errors.Is].
func (e *VeilidAPIError) Unwrap() error { return e.Kind }

// AppendJSON appends the error with the fields of its kind.
func (e *VeilidAPIError) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"kind":`...)
	dst = AppendString(dst, string(e.Kind))
	for _, name := range e.Kind.Fields() {
		dst = append(dst, `,"`...)
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		dst = AppendString(dst, *e.field(name))
	}
	return append(dst, '}')
}

// MarshalJSON gives the fields of the kind and no others, since clients make
// their exceptions of all that is there.
func (e *VeilidAPIError) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON reads an error of any kind.
func (e *VeilidAPIError) UnmarshalJSON(text []byte) error {
	var all struct {
		Kind                                   ErrorKind
		Message, Context, Argument, Value, Key string
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*e = VeilidAPIError(all)
	return nil
}
