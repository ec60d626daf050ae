package network

import (
	"errors"
	"fmt"
)

// What can keep a message from leaving. Each is compared with errors.Is.
var (
	// ErrNoContact: there is no way to the target: no contact method and no
	// live flow. The target's entry has been told.
	ErrNoContact = errors.New("no way to contact the node")
	// ErrPunished: the target or its address block is punished.
	ErrPunished = errors.New("node is punished")
	// ErrTooLarge: the sealed envelope would be longer than 65507 bytes.
	ErrTooLarge = errors.New("message too large")
	// ErrTimeout: a connection, a send or the answer to a signal took too long.
	ErrTimeout = errors.New("timed out")
	// ErrFlowGone: [Request.MustPin] is set and the flow is gone.
	ErrFlowGone = errors.New("flow is gone")
	// ErrKind: the target has no node id of a crypto kind that we have.
	ErrKind = errors.New("no common crypto kind")
	// ErrClosed: the manager is closed.
	ErrClosed = errors.New("network is closed")
	// ErrBusy: too many receipts or signals are under way.
	ErrBusy = errors.New("too many at once")
	// ErrNotPublished: a signal needs our published peer info, and there is none.
	ErrNotPublished = errors.New("own peer info is not published")
	// ErrUnsupported: this node cannot do it, as a browser cannot punch holes.
	ErrUnsupported = errors.New("not supported here")
	// ErrSignal: a received signal that breaks a rule: whoever sent it directly
	// pays for it (spec 02 §12).
	ErrSignal = errors.New("malformed signal")
	// ErrRegister: the peer info in a signal was not accepted. Nobody pays.
	ErrRegister = errors.New("peer info not accepted")
)

// SendError says what was tried when a send failed. It unwraps to the cause.
type SendError struct {
	Method string // contact method, such as "direct" or "inbound relay"
	To     string // where the bytes were to go; empty: nowhere
	Err    error
}

func (e *SendError) Error() string {
	if e.To == "" {
		return fmt.Sprintf("send by %s: %v", e.Method, e.Err)
	}
	return fmt.Sprintf("send by %s to %s: %v", e.Method, e.To, e.Err)
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }
