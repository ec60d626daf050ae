// Package fragment cuts messages into datagrams and puts them together again
// (spec 02 §2.1, §2.2). It starts no goroutine, reads no clock and imports
// nothing of the project.
//
//	0  1  version, 1
//	1  1  reserved: sent as 0, ignored
//	2  2  sequence number, big-endian
//	4  2  offset of the chunk in the message, big-endian
//	6  2  length of the message, big-endian
//	8  n  chunk, 1 byte or more
package fragment

import (
	"encoding/binary"
	"errors"
)

const (
	version     = 1
	HeaderSize  = 8
	MaxMessage  = 65507 // largest message on any transport (spec 02 §0); bounds one reassembly
	MaxDatagram = 65535 // longer ones are ignored
)

// ErrHeader is a datagram that is no fragment. Nobody is punished for one.
var ErrHeader = errors.New("fragment: malformed datagram")

// Header is the header of one fragment.
type Header struct {
	Sequence uint16
	Offset   uint16
	Total    uint16 // length of the message
}

// Parse reads one datagram that is not empty. The chunk is a part of it, lies
// within the message and is at least one byte.
func Parse(datagram []byte) (h Header, chunk []byte, err error) {
	if len(datagram) <= HeaderSize || len(datagram) > MaxDatagram || datagram[0] != version {
		return Header{}, nil, ErrHeader
	}
	h = Header{
		Sequence: binary.BigEndian.Uint16(datagram[2:]),
		Offset:   binary.BigEndian.Uint16(datagram[4:]),
		Total:    binary.BigEndian.Uint16(datagram[6:]),
	}
	chunk = datagram[HeaderSize:]
	if h.Total > MaxMessage || int(h.Offset)+len(chunk) > int(h.Total) {
		return Header{}, nil, ErrHeader
	}
	return h, chunk, nil
}

// append appends the header.
func (h Header) append(dst []byte) []byte {
	dst = append(dst, version, 0)
	dst = binary.BigEndian.AppendUint16(dst, h.Sequence)
	dst = binary.BigEndian.AppendUint16(dst, h.Offset)
	return binary.BigEndian.AppendUint16(dst, h.Total)
}

// Append appends the datagrams of a message one after the other: all of size
// bytes but the last, which may be shorter. The message has 1 to MaxMessage
// bytes, size is more than HeaderSize.
func Append(dst []byte, sequence uint16, msg []byte, size int) []byte {
	for offset := 0; offset < len(msg); {
		chunk := msg[offset:]
		chunk = chunk[:min(len(chunk), size-HeaderSize)]
		dst = Header{sequence, uint16(offset), uint16(len(msg))}.append(dst)
		dst = append(dst, chunk...)
		offset += len(chunk)
	}
	return dst
}
