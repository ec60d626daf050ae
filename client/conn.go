package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	// writeStall is how long the server may take nothing before it is given up.
	writeStall = 30 * time.Second
	// maxOut bounds the bytes of requests that wait for the socket; a request that
	// finds it full waits.
	maxOut = 1 << 20
)

var (
	errLineTooLong = errors.New("the server sent a line that is too long")
	errServerEnded = errors.New("the server closed the connection")
)

// conn is one connection to a server. Goroutines: run (the caller's) reads, and
// starts one that writes; it joins it. Locks: mu, never held while waiting.
type conn struct {
	nc      net.Conn
	maxLine int
	update  func(line []byte) error // called by the reader; it must not keep line
	slots   chan struct{}           // one for each request without an answer
	done    chan struct{}           // closed when err is set

	mu      sync.Mutex
	err     error // why the connection has ended; nil: it has not
	nextID  uint32
	pending map[uint32]*pending
	out     []byte        // requests for the writer
	filled  chan struct{} // has a value while out is not empty
	drained chan struct{} // closed and made anew when out gets empty
}

// pending is a request without an answer.
type pending struct {
	answer chan answer  // of one
	late   func(answer) // nil: nobody cares; called by the reader if abandoned
	gone   bool         // its caller has given up
}

// answer is a response, or why there is none.
type answer struct {
	sub   string // sub-operation of an operation on an object
	value json.RawMessage
	fault json.RawMessage // error object of the node; nil: none
	err   error           // of the connection
}

func newConn(nc net.Conn, maxLine, maxPending int, update func([]byte) error) *conn {
	return &conn{
		nc: nc, maxLine: maxLine, update: update, slots: make(chan struct{}, maxPending), done: make(chan struct{}),
		pending: map[uint32]*pending{}, filled: make(chan struct{}, 1), drained: make(chan struct{}),
	}
}

// run reads and writes until the connection ends, and says why.
func (c *conn) run(r *bufio.Reader) error {
	var writer sync.WaitGroup
	writer.Go(c.write)
	c.end(c.read(r))
	writer.Wait()
	return c.cause()
}

// end closes the connection for a reason; the first one stays.
func (c *conn) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	waiting := c.pending
	c.pending = nil
	c.mu.Unlock()
	close(c.done)
	c.nc.Close()
	for _, p := range waiting {
		p.answer <- answer{err: err}
	}
}

// cause is why the connection ended, nil while it has not.
func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// do sends a request and waits for its answer. The line is made of what follows the
// id and of the parameters, which are a JSON object. late is called with an answer
// that comes when ctx has ended; it must not wait.
func (c *conn) do(ctx context.Context, op, head string, params []byte, late func(answer)) (answer, error) {
	id, p, err := c.begin(ctx, op, head, params, late)
	if err != nil {
		return answer{}, err
	}
	return c.wait(ctx, op, id, p)
}

// begin sends a request. If it fails, nothing was sent.
func (c *conn) begin(ctx context.Context, op, head string, params []byte, late func(answer)) (uint32, *pending, error) {
	if len(head)+len(params)+32 > c.maxLine {
		return 0, nil, fmt.Errorf("%s: %w: %d bytes, at most %d", op, ErrTooLong, len(params), c.maxLine)
	}
	if err := ctx.Err(); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	select {
	case c.slots <- struct{}{}:
	case <-c.done:
		return 0, nil, &ConnectionError{Op: op, Err: lost(c.cause())}
	case <-ctx.Done():
		return 0, nil, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	p := &pending{answer: make(chan answer, 1), late: late}
	id, err := c.enqueue(ctx, head, params, p)
	if err == nil {
		return id, p, nil
	}
	<-c.slots
	if c.cause() != nil {
		return 0, nil, &ConnectionError{Op: op, Err: lost(err)}
	}
	return 0, nil, fmt.Errorf("%s: %w", op, err)
}

// wait waits for the answer of a request, or gives it up.
func (c *conn) wait(ctx context.Context, op string, id uint32, p *pending) (answer, error) {
	select {
	case a := <-p.answer:
		return a, c.lostAnswer(op, a)
	case <-ctx.Done():
	}
	c.mu.Lock()
	if c.pending[id] == p { // it keeps its id and its slot: the node is still at it
		p.gone = true
		c.mu.Unlock()
		return answer{}, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	c.mu.Unlock()
	a := <-p.answer // came in the same moment
	return a, c.lostAnswer(op, a)
}

func (c *conn) lostAnswer(op string, a answer) error {
	if a.err == nil {
		return nil
	}
	return &ConnectionError{Op: op, Sent: true, Err: lost(a.err)}
}

// enqueue gives the request an id and hands it to the writer.
func (c *conn) enqueue(ctx context.Context, head string, params []byte, p *pending) (id uint32, err error) {
	if err := c.room(ctx); err != nil { // holds mu if it succeeds
		return 0, err
	}
	defer c.mu.Unlock()
	for id == 0 || c.pending[id] != nil { // 0 is for requests whose answer nobody wants
		c.nextID++
		id = c.nextID
	}
	c.pending[id] = p
	c.appendLocked(id, head, params)
	return id, nil
}

// send hands over a request whose answer nobody wants. It does not wait: what
// does not fit is not sent.
func (c *conn) send(head string, params []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil && len(c.out) < 2*maxOut {
		c.appendLocked(0, head, params)
	}
}

// room waits until the writer takes more, and locks mu then.
func (c *conn) room(ctx context.Context) error {
	for {
		c.mu.Lock()
		if c.err != nil {
			defer c.mu.Unlock()
			return c.err
		}
		if len(c.out) < maxOut {
			return nil
		}
		drained := c.drained
		c.mu.Unlock()
		select {
		case <-drained:
		case <-c.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *conn) appendLocked(id uint32, head string, params []byte) {
	b := append(c.out, `{"id":`...)
	b = strconv.AppendUint(b, uint64(id), 10)
	b = append(b, head...)
	if len(params) > len("{}") {
		b = append(append(b, ','), params[1:]...)
	} else {
		b = append(b, '}')
	}
	c.out = append(b, '\n')
	select {
	case c.filled <- struct{}{}:
	default:
	}
}

// write sends what is queued, as much as there is at once.
func (c *conn) write() {
	var spare []byte
	for {
		select {
		case <-c.filled:
		case <-c.done:
			return
		}
		c.mu.Lock()
		lines := c.out
		c.out = spare[:0]
		close(c.drained)
		c.drained = make(chan struct{})
		c.mu.Unlock()
		// A deadline that cannot be set shows in the write.
		_ = c.nc.SetWriteDeadline(time.Now().Add(writeStall))
		if _, err := c.nc.Write(lines); err != nil {
			c.end(err)
			return
		}
		clear(lines) // it may have held secrets
		if spare = lines; cap(spare) > maxOut {
			spare = nil
		}
	}
}

// read takes lines until the first error.
func (c *conn) read(r *bufio.Reader) error {
	var long []byte
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long[:0], line...)
			for errors.Is(err, bufio.ErrBufferFull) && len(long) <= c.maxLine {
				line, err = r.ReadSlice('\n')
				long = append(long, line...)
			}
			line = long
		}
		switch {
		case len(line) > c.maxLine:
			return fmt.Errorf("%w: more than %d bytes", errLineTooLong, c.maxLine)
		case errors.Is(err, io.EOF): // a line without its end is not whole
			return errServerEnded
		case err != nil:
			return err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			if err := c.take(line); err != nil {
				return err
			}
		}
		if cap(long) > maxOut {
			long = nil
		}
	}
}

// response is the envelope of an answer (spec 07 §5.3).
type response struct {
	Type    string          `json:"type"`
	ID      uint32          `json:"id"`
	Op      string          `json:"op"`
	RcOp    string          `json:"rc_op"`
	DHTTxOp string          `json:"dhttx_op"`
	DbOp    string          `json:"db_op"`
	TxOp    string          `json:"tx_op"`
	CsOp    string          `json:"cs_op"`
	Value   json.RawMessage `json:"value"`
	Error   json.RawMessage `json:"error"`
}

// updatePrefix is how servers begin an update: they write the tag first.
var updatePrefix = []byte(`{"type":"Update",`)

// take handles one line, which it does not keep.
func (c *conn) take(line []byte) error {
	if bytes.HasPrefix(line, updatePrefix) {
		return c.update(line)
	}
	var r response
	if err := json.Unmarshal(line, &r); err != nil {
		return fmt.Errorf("the server does not speak this API: line of %d bytes: %w", len(line), err)
	}
	switch r.Type {
	case "Update":
		return c.update(line)
	case "Response":
	default:
		return fmt.Errorf("the server does not speak this API: line of type %.20q", r.Type)
	}
	a := answer{value: r.Value, fault: r.Error}
	for _, sub := range []string{r.RcOp, r.DHTTxOp, r.DbOp, r.TxOp, r.CsOp} {
		if sub != "" {
			a.sub = sub
		}
	}
	if r.Op == "VeilidVersion" { // its value stands beside the envelope
		a.value = bytes.Clone(line)
	}
	c.mu.Lock()
	p := c.pending[r.ID]
	delete(c.pending, r.ID)
	c.mu.Unlock()
	if p == nil { // of a request with id 0
		return nil
	}
	<-c.slots
	switch {
	case !p.gone: // its caller did not give up before the entry was removed
		p.answer <- a
	case p.late != nil:
		p.late(a)
	}
	return nil
}
