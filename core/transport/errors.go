package transport

import "errors"

// Errors of the stack. An error that wraps none of them comes from the system.
var (
	ErrClosed      = errors.New("transport: stack is closed")
	ErrNoFlow      = errors.New("transport: no such flow")
	ErrSendTimeout = errors.New("transport: send timed out") // the queue stayed full (spec 02 §6.2)
	ErrTooLarge    = errors.New("transport: message is too large")
	ErrPunished    = errors.New("transport: address is punished")
	ErrLimit       = errors.New("transport: too many connections of the address block")
	ErrRate        = errors.New("transport: too many new connections of the address block")
	ErrTableFull   = errors.New("transport: connection table is full")
	ErrFlowExists  = errors.New("transport: flow is in the table already")
	ErrSelf        = errors.New("transport: address is our own")
	ErrAddress     = errors.New("transport: address cannot be dialled")
	ErrConnect     = errors.New("transport: connect timed out")
)

// Errors that a Host wraps, so that the stack can decide.
var (
	ErrUnsupported = errors.New("transport: not supported on this platform")
	ErrAddrInUse   = errors.New("transport: address in use")
)
