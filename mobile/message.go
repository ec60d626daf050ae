//go:build !js

package mobile

import (
	"encoding/binary"

	"github.com/voile-net/voile/core"
)

// A message is a line of the JSON API (spec 07 §5) with the bytes that it refers to
// as "#0", "#1", … (see bind), in one array of bytes, since gobind carries no list
// of arrays:
//
//	0   4   length of the line, big endian
//	4   …   the line, UTF-8, without its end
//	…       for each array of bytes: 4 bytes of length, big endian, and the bytes
//
// Requests, answers and updates all have this form.
const (
	// MaxMessage bounds a request, in bytes: what a table's value may have, and the
	// rest of the request.
	MaxMessage = 129 << 20
	// maxParts bounds the arrays of a request; no operation takes more than three.
	maxParts = 64
)

const lengthSize = 4

// parseMessage copies a message that the app owns and takes it apart: all parts
// are pieces of one copy, none can grow into the next.
func parseMessage(message []byte) (line []byte, parts [][]byte, err error) {
	if len(message) > MaxMessage {
		return nil, nil, failure(core.ParseError, "message of %d bytes, at most %d", len(message), MaxMessage)
	}
	rest := append([]byte(nil), message...)
	for len(rest) > 0 {
		if len(rest) < lengthSize {
			return nil, nil, failure(core.ParseError, "message is cut off: %d bytes where a length is due", len(rest))
		}
		n := binary.BigEndian.Uint32(rest)
		if rest = rest[lengthSize:]; uint64(n) > uint64(len(rest)) {
			return nil, nil, failure(core.ParseError, "message is cut off: a part of %d bytes, %d are left", n, len(rest))
		}
		part := rest[:n:n]
		rest = rest[n:]
		if line == nil {
			line = part
			continue
		}
		if len(parts) == maxParts {
			return nil, nil, failure(core.ParseError, "message of more than %d arrays of bytes", maxParts)
		}
		parts = append(parts, part)
	}
	if line == nil {
		return nil, nil, failure(core.ParseError, "message is empty")
	}
	return line, parts, nil
}

// appendMessage makes a message.
func appendMessage(dst, line []byte, parts [][]byte) []byte {
	size := lengthSize + len(line)
	for _, p := range parts {
		size += lengthSize + len(p)
	}
	if cap(dst) < size {
		dst = make([]byte, 0, size)
	}
	dst = append(binary.BigEndian.AppendUint32(dst[:0], uint32(len(line))), line...)
	for _, p := range parts {
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(p))), p...)
	}
	return dst
}
