package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/voile-net/voile/wasm/edge/policy"
	"github.com/voile-net/voile/wasm/edge/relay"
)

const (
	// maxOverhead is how many bytes may come for one message, in all its frames and
	// those between them. Browsers send a message in one frame.
	maxOverhead = 2 * policy.MaxMessage
	// closeTime bounds how long the end of a connection may take.
	closeTime = 3 * time.Second
	// keptBuffer is what a quiet connection keeps of its buffer.
	keptBuffer = 4 << 10
)

// page implements relay.Page over a WebSocket of the library, which answers pings and
// checks frames.
type page struct {
	ws  *websocket.Conn
	raw *rawConn
	buf []byte
}

func newPage(ws *websocket.Conn, raw *rawConn) *page {
	ws.SetReadLimit(-1) // Read has its own, with an error of its own
	return &page{ws: ws, raw: raw}
}

// Read implements relay.Page.
func (p *page) Read() (msg []byte, cost int, err error) {
	before := p.raw.mark()
	// The library ends a connection when a context ends, so this one does not:
	// Close ends the read.
	kind, r, err := p.ws.Reader(context.Background())
	if err != nil {
		return nil, 0, readError(err)
	}
	if kind != websocket.MessageBinary {
		return nil, 0, policy.CheckMessage(false, 0)
	}
	if cap(p.buf) > keptBuffer || p.buf == nil {
		p.buf = make([]byte, 0, keptBuffer)
	}
	p.buf = p.buf[:0]
	for {
		n, err := r.Read(p.buf[len(p.buf):cap(p.buf)])
		p.buf = p.buf[:len(p.buf)+n]
		switch {
		case len(p.buf) > policy.MaxMessage:
			return nil, 0, policy.CheckMessage(true, len(p.buf))
		case errors.Is(err, io.EOF):
			return p.buf, int(p.raw.received.Load() - before), nil
		case err != nil:
			return nil, 0, readError(err)
		case len(p.buf) == cap(p.buf):
			// One more than the largest, so that a longer one is seen.
			grown := make([]byte, len(p.buf), min(4*cap(p.buf), policy.MaxMessage+1))
			copy(grown, p.buf)
			p.buf = grown
		}
	}
}

// readError tells what the page did from its end.
func readError(err error) error {
	var network net.Error
	switch {
	case errors.Is(err, errTooMany):
		return &policy.Refusal{Code: policy.Breach, Text: "too many frames for one message"}
	case websocket.CloseStatus(err) != -1, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &network):
		return relay.ErrPageClosed
	}
	// The library has said so with code 1002, if it could.
	return &policy.Refusal{Code: policy.Broken, Text: "broken frame"}
}

// Write implements relay.Page. As in Read, Close ends it.
func (p *page) Write(msg []byte) error {
	if p.ws.Write(context.Background(), websocket.MessageBinary, msg) != nil {
		return relay.ErrPageClosed
	}
	return nil
}

// Close implements relay.Page.
func (p *page) Close(code policy.Code, reason string) {
	p.raw.end()
	p.ws.Close(websocket.StatusCode(code), reason) // it cannot be told to a page that is gone
	p.ws.CloseNow()
}

// errTooMany: more came for one message than maxOverhead.
var errTooMany = errors.New("gateway: too many frames for one message")

// rawConn is the connection below a WebSocket. It counts what comes, so that control
// frames and empty parts of messages, which the library takes without end, have a
// limit and a price.
type rawConn struct {
	net.Conn
	received atomic.Uint64
	limit    atomic.Uint64 // of received
	flooded  atomic.Bool   // the limit was reached
}

// mark begins a new message, and returns what had been received before it.
func (c *rawConn) mark() uint64 {
	n := c.received.Load()
	c.limit.Store(n + maxOverhead)
	return n
}

// Read implements net.Conn.
func (c *rawConn) Read(b []byte) (int, error) {
	if c.received.Load() >= c.limit.Load() {
		c.flooded.Store(true)
		return 0, errTooMany
	}
	n, err := c.Conn.Read(b)
	c.received.Add(uint64(n))
	return n, err
}

// end makes what still happens short.
func (c *rawConn) end() {
	c.limit.Store(math.MaxUint64)
	c.SetDeadline(time.Now().Add(closeTime))
}

// Close implements net.Conn. Of a flood it drops what comes until the time is over: a
// connection that is closed before all was read is reset, and the page would not see
// why.
func (c *rawConn) Close() error {
	if c.flooded.Load() {
		c.SetDeadline(time.Now().Add(closeTime))
		io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}

// hijacker gives a rawConn to the library.
type hijacker struct {
	http.ResponseWriter
	conn *rawConn
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	below, ok := h.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, fmt.Errorf("gateway: no connection to take over: %w", errors.ErrUnsupported)
	}
	conn, rw, err := below.Hijack()
	if err != nil {
		return nil, nil, err
	}
	h.conn = &rawConn{Conn: conn}
	h.conn.mark()
	return h.conn, rw, nil
}
