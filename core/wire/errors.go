package wire

import "errors"

// Kind says whose fault an error is (spec 03 §3). What it costs the sender
// depends on how the message came, and is decided where messages arrive: only
// a message that came directly punishes, and only for Protocol.
type Kind uint8

const (
	Local    Kind = iota // our own state or bug; also what nobody classified
	Ignore               // newer or odd, not wrong: drop, nobody pays
	Protocol             // breaks a rule: drop, and a direct sender pays
)

// String returns the name of the class.
func (k Kind) String() string {
	switch k {
	case Ignore:
		return "ignore"
	case Protocol:
		return "protocol"
	}
	return "local"
}

// Error is a message that was not decoded, encoded or accepted.
type Error struct {
	Kind  Kind
	Field string // what of the message, in the schema's names: "findNodeA.peers"
	Msg   string // what is wrong with it
}

// Error returns field and message.
func (e *Error) Error() string { return "wire: " + e.Field + ": " + e.Msg }

// KindOf returns the class of an error; nil and unclassified errors are Local.
func KindOf(err error) Kind {
	if err == nil {
		return Local
	}
	if e, ok := err.(*Error); ok { // the usual case, without an allocation
		return e.Kind
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Local
}
