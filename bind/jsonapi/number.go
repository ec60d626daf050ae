package jsonapi

import (
	"errors"
	"strconv"

	"github.com/voile-net/voile/core/crypto"
)

// Numbers of 64 bits are decimal texts, since JSON's own lose digits in many
// languages (spec 07 §1).
type (
	// Timestamp is microseconds since 1970.
	Timestamp = crypto.Timestamp
	// TimestampDuration is microseconds.
	TimestampDuration = crypto.TimestampDuration
	// ByteCount is bytes, or bytes per second.
	ByteCount uint64
	// NodeCount is a number of nodes.
	NodeCount uint64
	// OperationID names a call that waits for its reply.
	OperationID uint64
)

// ErrDecimal: a text is no decimal number of 64 bits.
var ErrDecimal = errors.New("not a decimal number of 64 bits")

// AppendText appends the decimal number; it never fails.
func (c ByteCount) AppendText(dst []byte) ([]byte, error) { return appendDecimal(dst, c) }

// MarshalText gives the decimal number; it never fails.
func (c ByteCount) MarshalText() ([]byte, error) { return appendDecimal(nil, c) }

// UnmarshalText reads a decimal number, or fails with [ErrDecimal].
func (c *ByteCount) UnmarshalText(text []byte) error { return readDecimal(c, text) }

// AppendText appends the decimal number; it never fails.
func (c NodeCount) AppendText(dst []byte) ([]byte, error) { return appendDecimal(dst, c) }

// MarshalText gives the decimal number; it never fails.
func (c NodeCount) MarshalText() ([]byte, error) { return appendDecimal(nil, c) }

// UnmarshalText reads a decimal number, or fails with [ErrDecimal].
func (c *NodeCount) UnmarshalText(text []byte) error { return readDecimal(c, text) }

// AppendText appends the decimal number; it never fails.
func (id OperationID) AppendText(dst []byte) ([]byte, error) { return appendDecimal(dst, id) }

// MarshalText gives the decimal number; it never fails.
func (id OperationID) MarshalText() ([]byte, error) { return appendDecimal(nil, id) }

// UnmarshalText reads a decimal number, or fails with [ErrDecimal].
func (id *OperationID) UnmarshalText(text []byte) error { return readDecimal(id, text) }

func appendDecimal[T ~uint64](dst []byte, n T) ([]byte, error) {
	return strconv.AppendUint(dst, uint64(n), 10), nil
}

func readDecimal[T ~uint64](n *T, text []byte) error {
	for _, c := range text { // ParseUint alone would take a sign
		if c < '0' || c > '9' {
			return ErrDecimal
		}
	}
	v, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return ErrDecimal
	}
	*n = T(v)
	return nil
}
