package capn

import (
	"encoding/binary"
	"errors"
)

// maxSegments is the most segments a message may have (spec 03 §2.3).
const maxSegments = 511

// Faults of a message. All of them are the writer's.
var (
	errFrame    = errors.New("segment table broken or longer than the message")
	errTooLarge = errors.New("message over the size limit")
	errPacked   = errors.New("packed data broken or cut")
	errBounds   = errors.New("pointer out of bounds")
	errPointer  = errors.New("pointer of another kind than the schema's")
	errFar      = errors.New("broken far pointer")
	errList     = errors.New("list elements overrun the list")
	errText     = errors.New("text without a terminating zero")
	errLimit    = errors.New("read limit exceeded")
)

// Limit bounds what is unpacked and read, in words. Nested messages share the
// limit of the outermost, so that many pointers to one large object buy a
// sender nothing.
type Limit struct{ words int }

// NewLimit makes a limit of so many bytes.
func NewLimit(bytes int) Limit { return Limit{bytes / 8} }

func (l *Limit) spend(words int) bool {
	if words > l.words {
		l.words = 0
		return false
	}
	l.words -= words
	return true
}

// Message is a message that is read. The zero value is to be opened.
type Message struct {
	first []byte   // segment 0
	more  [][]byte // segments 1 and up; nil for the usual single segment
	limit *Limit
	err   error
	own   []byte // memory that the message was unpacked to
}

// Err is the first structural fault met while reading, or nil.
func (m *Message) Err() error { return m.err }

func (m *Message) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *Message) segment(n uint32) []byte {
	if n == 0 {
		return m.first
	}
	if uint64(n) <= uint64(len(m.more)) {
		return m.more[n-1]
	}
	return nil
}

// Open reads the segment table of an unpacked message. The message is read in
// place: what readers return are parts of b. Bytes after it are not looked at.
func (m *Message) Open(b []byte, limit *Limit) error {
	n, err := segmentCount(b)
	if err != nil {
		return err
	}
	size := tableSize(n)
	if len(b) < size {
		return errFrame
	}
	return m.split(b[:size], n, b[size:], limit)
}

// OpenPacked unpacks a message into memory of its own. Rest is what follows it.
// A run that crosses the end of the segment table or of the segments is an
// error (spec 03 §2.2).
func (m *Message) OpenPacked(b []byte, limit *Limit) (rest []byte, err error) {
	return m.openPacked(nil, b, limit)
}

// ReopenPacked is OpenPacked into the memory that m was opened in before:
// nothing that was read from there may be in use any more.
func (m *Message) ReopenPacked(b []byte, limit *Limit) (rest []byte, err error) {
	return m.openPacked(m.own, b, limit)
}

func (m *Message) openPacked(own, b []byte, limit *Limit) (rest []byte, err error) {
	var head [8]byte
	if b, err = unpack(head[:], b); err != nil {
		return nil, err
	}
	n, err := segmentCount(head[:])
	if err != nil {
		return nil, err
	}
	table := head[:]
	if size := tableSize(n); size > len(head) {
		table = make([]byte, size)
		copy(table, head[:])
		if b, err = unpack(table[len(head):], b); err != nil {
			return nil, err
		}
	}
	words := 0
	for i := range n {
		size := binary.LittleEndian.Uint32(table[4+4*i:])
		if uint64(size) > uint64(limit.words) {
			return nil, errTooLarge
		}
		words += int(size)
		if words > limit.words {
			return nil, errTooLarge
		}
	}
	// Two packed bytes give 256 words at most: what cannot be there needs no room.
	if words > len(b)*128 {
		return nil, errPacked
	}
	limit.spend(words)
	if cap(own) < words*8 {
		own = make([]byte, words*8)
	}
	body := own[:words*8]
	if b, err = unpack(body, b); err != nil {
		return nil, err
	}
	err = m.split(table, n, body, limit)
	m.own = body
	return b, err
}

func segmentCount(b []byte) (int, error) {
	if len(b) < 8 {
		return 0, errFrame
	}
	n := binary.LittleEndian.Uint32(b)
	if n >= maxSegments {
		return 0, errFrame
	}
	return int(n) + 1, nil
}

// tableSize is the size of the segment table: count, sizes, padding to a word.
func tableSize(segments int) int { return (4 + 4*segments + 7) &^ 7 }

func (m *Message) split(table []byte, n int, body []byte, limit *Limit) error {
	*m = Message{limit: limit}
	if n > 1 {
		m.more = make([][]byte, 0, n-1)
	}
	for i := range n {
		size := uint64(binary.LittleEndian.Uint32(table[4+4*i:])) * 8
		if size > uint64(len(body)) {
			return errFrame
		}
		segment := body[:size:size]
		body = body[size:]
		if i == 0 {
			m.first = segment
		} else {
			m.more = append(m.more, segment)
		}
	}
	return nil
}
