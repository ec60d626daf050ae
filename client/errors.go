package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
)

var (
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("client closed")
	// ErrDisconnected: there is no connection to a server now, or it was lost
	// before the answer came. It is always inside a [ConnectionError].
	ErrDisconnected = errors.New("not connected to the server")
	// ErrStale: the object died with its connection or its server and cannot be made
	// again. Only transactions can be stale (see "Reconnecting" in the package's text).
	ErrStale = errors.New("the transaction ended with its connection")
	// ErrReleased: the object was closed or its transaction is over.
	ErrReleased = errors.New("released")
	// ErrToken: the server did not let the client in with its token.
	ErrToken = errors.New("the server did not accept the token")
	// ErrFingerprint: the certificate of the server is not the one that was named.
	ErrFingerprint = errors.New("the certificate has another fingerprint")
	// ErrTooLong: the request is longer than [Options].MaxLine and was not sent.
	ErrTooLong = errors.New("request too long")
)

// ConnectionError is a request that failed because of the connection and not
// because of the node. It is ErrDisconnected, ErrClosed, or both, to errors.Is.
type ConnectionError struct {
	Op string // operation, such as "RoutingContext.AppCall"
	// Sent reports whether the request was on its way, so that the node may have
	// done it although the answer is lost. If it is false, nothing has happened.
	Sent bool
	Err  error
}

func (e *ConnectionError) Error() string {
	if e.Sent {
		return fmt.Sprintf("%s: no answer: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Op, e.Err)
}

// Unwrap returns what ended the connection.
func (e *ConnectionError) Unwrap() error { return e.Err }

// DialError is a server that could not be reached.
type DialError struct {
	Address Address
	Err     error
}

func (e *DialError) Error() string { return e.Address.String() + ": " + e.Reason() }

// Reason is why, without the address, such as "connection refused".
func (e *DialError) Reason() string {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(e.Err, &call):
		return call.Err.Error()
	case errors.As(e.Err, &op):
		return op.Err.Error()
	}
	return e.Err.Error()
}

// Unwrap returns the error of the network, of TLS, or ErrToken.
func (e *DialError) Unwrap() error { return e.Err }

// lost says why there is no connection.
func lost(err error) error {
	if errors.Is(err, ErrClosed) || errors.Is(err, ErrDisconnected) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDisconnected, err)
}

// nodeError is an error object of a response.
func nodeError(op string, fault []byte) error {
	var e Error
	if err := json.Unmarshal(fault, &e); err != nil {
		return fmt.Errorf("%s: error of %d bytes: %w", op, len(fault), err)
	}
	return fmt.Errorf("%s: %w", op, &e)
}

// KindOf is the kind of an error that the node reported; "" for other errors.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

func released(op string) error { return fmt.Errorf("%s: %w", op, ErrReleased) }
