// Package vlframe is the framing of messages on a TCP stream (spec 02 §3). It is
// pure and imports nothing of the project.
//
//	0  2  'V' 'L'
//	2  2  length, little-endian
//	4  n  message
package vlframe

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	HeaderSize = 4
	MaxMessage = 65507 // largest message on any transport (spec 02 §0); bounds what a peer can make us buffer
)

// Errors of a stream that is not in step; both are the fault InvalidFraming.
var (
	ErrMagic  = errors.New("vlframe: frame does not begin with VL")
	ErrLength = errors.New("vlframe: frame is too long")
)

// Append appends one frame. The caller has checked that msg is not larger than
// MaxMessage.
func Append(dst, msg []byte) []byte {
	dst = append(dst, 'V', 'L', byte(len(msg)), byte(len(msg)>>8))
	return append(dst, msg...)
}

// Next takes the first frame of b. If b does not hold all of it, need is the
// length that b must have for the next try, more than len(b); otherwise need is
// 0, msg is a part of b and used is the length of the frame. A wrong byte of the
// magic is found as soon as it is there.
func Next(b []byte) (msg []byte, used, need int, err error) {
	switch {
	case len(b) > 0 && b[0] != 'V', len(b) > 1 && b[1] != 'L':
		return nil, 0, 0, ErrMagic
	case len(b) < HeaderSize:
		return nil, 0, HeaderSize, nil
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	switch {
	case n > MaxMessage:
		return nil, 0, 0, fmt.Errorf("%w: %d bytes", ErrLength, n)
	case len(b) < HeaderSize+n:
		return nil, 0, HeaderSize + n, nil
	}
	return b[HeaderSize : HeaderSize+n : HeaderSize+n], HeaderSize + n, 0, nil
}
