package rpc

import "errors"

// What can become of a question or statement. Each is compared with errors.Is.
var (
	// ErrTimeout: no answer came in time.
	ErrTimeout = errors.New("no answer in time")
	// ErrTryAgain: not possible now: not published yet, no route to be had.
	ErrTryAgain = errors.New("not possible now")
	// ErrNoConnection: the message could not be sent.
	ErrNoConnection = errors.New("could not connect")
	// ErrUnavailable: a node or this one does not offer the service.
	ErrUnavailable = errors.New("service unavailable")
	// ErrInvalidAnswer: the answer broke a rule or came by the wrong path.
	ErrInvalidAnswer = errors.New("invalid answer")
	// ErrInvalidTarget: the destination cannot be asked this way.
	ErrInvalidTarget = errors.New("invalid target")
	// ErrTooLong: a message of the application above 32768 bytes.
	ErrTooLong = errors.New("message too long")
	// ErrUnmatched: no call of that id waits for a reply.
	ErrUnmatched = errors.New("unmatched operation id")
	// ErrClosed: the RPC layer is closed.
	ErrClosed = errors.New("rpc is closed")
	// ErrBusy: too much under way at once.
	ErrBusy = errors.New("too much at once")
)

// invalid is a message that cannot be accepted though it decoded: dropped, and
// nobody pays (spec 03 §3, "errors raised after decoding").
type invalid struct{ why string }

func (e *invalid) Error() string { return "invalid message: " + e.why }
