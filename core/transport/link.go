package transport

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/voile-net/voile/core/transport/vlframe"
	"github.com/voile-net/voile/core/transport/websocket"
)

// link is the way of whole messages of one connection. read is called by one
// goroutine, send by any.
type link interface {
	// read waits for the next message, which is valid until the next call. When
	// it has waited long enough, idle says how much longer, or why not.
	read(idle func() (time.Duration, error)) ([]byte, error)
	// send hands a message over. It waits for room until ctx ends, nothing has
	// moved for the timeout (ErrSendTimeout) or the link is closed (ErrNoFlow).
	send(ctx context.Context, msg []byte, timeout time.Duration) error
	// write runs in its own goroutine until the link is closed, and closes what
	// is below at its end.
	write() error
	// finish closes the link: at once, or after what is queued and last, within
	// closeFlush. It does not block.
	finish(last []byte, how closing)
	// last is what the other side should read before the end, because of err.
	last(err error) []byte
	// queued is the number of bytes that wait.
	queued() int
}

// closing says how a link is closed.
type closing bool

const (
	closeAtOnce    closing = false
	flushThenClose closing = true
)

// closeFlush bounds what a close may take. The original tries a WebSocket close
// for 5 s; nothing waits for an answer here, so the time is only for a peer that
// does not read.
const closeFlush = time.Second

// framing of a stream.
type framing struct {
	ws   *websocket.Decoder // nil: VL frames
	mask func() [4]byte     // of a client of WebSocket
}

// append appends msg as one frame.
func (f *framing) append(dst, msg []byte) []byte {
	switch {
	case f.ws == nil:
		return vlframe.Append(dst, msg)
	case f.ws.Role == websocket.Client:
		mask := f.mask()
		return websocket.AppendFrame(dst, websocket.Binary, &mask, msg)
	}
	return websocket.AppendFrame(dst, websocket.Binary, nil, msg)
}

func (f *framing) next(b []byte) (msg []byte, whole bool, used, need int, err error) {
	if f.ws != nil {
		return f.ws.Next(b)
	}
	msg, used, need, err = vlframe.Next(b)
	return msg, need == 0 && err == nil, used, need, err
}

// isFramingFault reports whether err is the fault InvalidFraming (spec 02 §3, §4).
func isFramingFault(err error) bool {
	return errors.Is(err, vlframe.ErrMagic) || errors.Is(err, vlframe.ErrLength) || errors.Is(err, websocket.ErrProtocol)
}

// Sizes of the read buffer: what a quiet connection keeps, and how far it grows
// when reads fill it. A longer frame grows it to its own size.
const (
	readBufferMin = 4 << 10
	readBufferMax = 64 << 10
)

// messageReader reads messages out of a stream.
type messageReader struct {
	conn       Stream
	framing    *framing
	buf        []byte
	start, end int // of what is read and not used
	full       bool
	armed      bool // the read deadline is set
}

// newMessageReader begins with bytes that were read already; it keeps them.
func newMessageReader(conn Stream, f *framing, head []byte) *messageReader {
	return &messageReader{conn: conn, framing: f, buf: head[:cap(head)], end: len(head)}
}

func (r *messageReader) read(idle func() (time.Duration, error)) ([]byte, error) {
	for {
		need := 1
		if r.start < r.end {
			msg, whole, used, n, err := r.framing.next(r.buf[r.start:r.end])
			if err != nil {
				return nil, err
			}
			r.start += used
			if whole {
				return msg, nil
			}
			if n == 0 {
				continue // part of a message
			}
			need = n
		}
		if err := r.fill(need, idle); err != nil {
			return nil, err
		}
	}
}

// fill reads more, into a buffer that can hold need bytes.
func (r *messageReader) fill(need int, idle func() (time.Duration, error)) error {
	r.makeRoom(need)
	for {
		if !r.armed {
			wait, err := idle()
			if err == nil {
				err = r.conn.SetReadDeadline(time.Now().Add(wait))
			}
			if err != nil {
				return err
			}
			r.armed = true
		}
		n, err := r.conn.Read(r.buf[r.end:])
		r.end += n
		r.full = r.end == len(r.buf)
		switch {
		case n > 0:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.armed = false
		case err != nil:
			return err
		}
	}
}

func (r *messageReader) makeRoom(need int) {
	have := r.end - r.start
	size := max(len(r.buf), need, readBufferMin)
	if r.full && len(r.buf) < readBufferMax {
		size = max(size, 2*len(r.buf))
		r.full = false
	}
	switch {
	case size > len(r.buf):
		grown := make([]byte, size)
		copy(grown, r.buf[r.start:r.end])
		r.buf = grown
	case r.start == 0 || have > 0 && r.start+need <= len(r.buf) && r.end < len(r.buf):
		return
	default:
		copy(r.buf, r.buf[r.start:r.end])
	}
	r.start, r.end = 0, have
}
