package websocket

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxMessage is the largest message on any transport (spec 02 §0); it bounds
// what a peer can make us buffer.
const MaxMessage = 65507

// MaxHeader is the largest frame header: 2 bytes, 8 of length, 4 of mask.
const MaxHeader = 14

// Opcode is the kind of a frame (RFC 6455 §5.2).
type Opcode uint8

const (
	Continuation Opcode = 0
	Text         Opcode = 1
	Binary       Opcode = 2
	Close        Opcode = 8
	Ping         Opcode = 9
	Pong         Opcode = 10
)

const (
	finBit      = 0x80
	reservedBit = 0x70
	opcodeBits  = 0x0f
	maskBit     = 0x80
	maxControl  = 125
)

// ErrProtocol is wrapped by every breach of the WebSocket protocol, and by a
// message larger than MaxMessage: the fault InvalidFraming (spec 02 §4).
var ErrProtocol = errors.New("websocket: protocol error")

// EndError is a correct frame that ends the connection all the same, without a
// fault: Text, Ping, Pong or Close (spec 02 §4).
type EndError struct {
	Op   Opcode
	Code uint16 // of a Close; 0: none
	// pong is the body of a Ping, which is answered after the own Close frame.
	pong []byte
}

func (e *EndError) Error() string {
	if e.Op == Close {
		return fmt.Sprintf("websocket: closed by peer with code %d", e.Code)
	}
	return fmt.Sprintf("websocket: ended by a frame of opcode %d", e.Op)
}

// Role is the side of a connection. A client masks what it sends and must not
// be sent masked frames, a server the reverse.
type Role uint8

const (
	Server Role = iota
	Client
)

// AppendFrame appends a whole frame. A client gives a fresh mask; a server nil.
func AppendFrame(dst []byte, op Opcode, mask *[4]byte, payload []byte) []byte {
	dst = append(dst, finBit|byte(op))
	var bit byte
	if mask != nil {
		bit = maskBit
	}
	switch n := len(payload); {
	case n <= maxControl:
		dst = append(dst, bit|byte(n))
	case n <= 0xffff:
		dst = append(dst, bit|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, bit|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	if mask == nil {
		return append(dst, payload...)
	}
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	applyMask(dst[start:], *mask)
	return dst
}

// AppendEnd appends what a node answers before it resets the connection because
// of err (spec 02 §4): a Close frame with the code of the peer's Close, else an
// empty one, after a Ping the Pong too. mask is called for each frame of a client.
func AppendEnd(dst []byte, role Role, mask func() [4]byte, err error) []byte {
	frame := func(op Opcode, payload []byte) {
		var m *[4]byte
		if role == Client {
			k := mask()
			m = &k
		}
		dst = AppendFrame(dst, op, m, payload)
	}
	var end *EndError
	if !errors.As(err, &end) {
		frame(Close, nil)
		return dst
	}
	if end.Code != 0 {
		frame(Close, binary.BigEndian.AppendUint16(nil, end.Code))
	} else {
		frame(Close, nil)
	}
	if end.Op == Ping {
		frame(Pong, end.pong)
	}
	return dst
}

// Decoder reads the frames of one connection. It keeps the parts of a message
// that comes in several frames; the zero value is ready for the server's side.
type Decoder struct {
	Role Role

	parts    []byte // of the message that is under way
	underWay bool
}

// Next takes the first frame of b, as long as it is whole. If it is not, need is
// the length that b must have for the next try, more than len(b). Otherwise used
// is the length of the frame. whole means that msg is a message, possibly empty,
// valid until b changes or Next is called again.
//
// b is unmasked in place. An error is an *EndError or wraps ErrProtocol; the
// connection is over then.
func (d *Decoder) Next(b []byte) (msg []byte, whole bool, used, need int, err error) {
	h, need, err := d.header(b)
	if err != nil || need != 0 {
		return nil, false, 0, need, err
	}
	used = h.size + h.length
	if len(b) < used {
		return nil, false, 0, used, nil
	}
	payload := b[h.size:used:used]
	if d.Role == Server {
		applyMask(payload, h.mask)
	}
	switch {
	case h.op >= Close:
		return nil, false, 0, 0, endOf(h.op, payload)
	case h.op == Text:
		if h.fin && !utf8.Valid(payload) {
			return nil, false, 0, 0, fmt.Errorf("%w: text is not UTF-8", ErrProtocol)
		}
		return nil, false, 0, 0, &EndError{Op: Text}
	case h.op == Binary && h.fin:
		return payload, true, used, 0, nil
	}
	d.parts = append(d.parts, payload...)
	d.underWay = !h.fin
	if d.underWay {
		return nil, false, used, 0, nil
	}
	msg = d.parts
	d.parts = d.parts[:0]
	return msg, true, used, 0, nil
}

type header struct {
	op     Opcode
	fin    bool
	mask   [4]byte
	size   int // of the header
	length int // of the payload
}

// header reads a header and checks all that it can say, so that nothing is
// buffered for a frame that is refused.
func (d *Decoder) header(b []byte) (h header, need int, err error) {
	if len(b) < 2 {
		return h, 2, nil
	}
	h.op, h.fin = Opcode(b[0]&opcodeBits), b[0]&finBit != 0
	masked := b[1]&maskBit != 0
	h.size, h.length = 2, int(b[1]&^maskBit)
	switch {
	case b[0]&reservedBit != 0:
		return h, 0, fmt.Errorf("%w: reserved bits", ErrProtocol)
	case h.op > Binary && h.op < Close || h.op > Pong:
		return h, 0, fmt.Errorf("%w: opcode %d", ErrProtocol, h.op)
	case masked != (d.Role == Server):
		return h, 0, fmt.Errorf("%w: wrong use of masks", ErrProtocol)
	case h.op >= Close && (!h.fin || h.length > maxControl):
		return h, 0, fmt.Errorf("%w: control frame in parts or too long", ErrProtocol)
	case h.op == Continuation && !d.underWay:
		return h, 0, fmt.Errorf("%w: continuation of nothing", ErrProtocol)
	case (h.op == Binary || h.op == Text) && d.underWay:
		return h, 0, fmt.Errorf("%w: message inside a message", ErrProtocol)
	}
	switch h.length {
	case 126:
		if h.size = 4; len(b) < h.size {
			return h, h.size, nil
		}
		h.length = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		if h.size = 10; len(b) < h.size {
			return h, h.size, nil
		}
		n := binary.BigEndian.Uint64(b[2:])
		if n > MaxMessage {
			return h, 0, fmt.Errorf("%w: frame of %d bytes", ErrProtocol, n)
		}
		h.length = int(n)
	}
	if len(d.parts)+h.length > MaxMessage {
		return h, 0, fmt.Errorf("%w: message of more than %d bytes", ErrProtocol, MaxMessage)
	}
	if masked {
		if len(b) < h.size+4 {
			return h, h.size + 4, nil
		}
		copy(h.mask[:], b[h.size:])
		h.size += 4
	}
	return h, 0, nil
}

// endOf is the error for a control frame.
func endOf(op Opcode, payload []byte) error {
	switch op {
	case Ping:
		return &EndError{Op: Ping, pong: append([]byte(nil), payload...)}
	case Pong:
		return &EndError{Op: Pong}
	}
	switch len(payload) {
	case 0:
		return &EndError{Op: Close}
	case 1:
		return fmt.Errorf("%w: half a close code", ErrProtocol)
	}
	code := binary.BigEndian.Uint16(payload)
	if !validCode(code) || !utf8.Valid(payload[2:]) {
		return fmt.Errorf("%w: close frame", ErrProtocol)
	}
	return &EndError{Op: Close, Code: code}
}

// validCode reports whether a close code may be on the wire (RFC 6455 §7.4).
func validCode(c uint16) bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

// applyMask masks or unmasks b, eight bytes at a time.
func applyMask(b []byte, mask [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(mask[:]))
	k |= k << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
}
