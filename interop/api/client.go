package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// maxLine bounds one line of a server. GetState, the longest answer we ask for,
// stays under 256 KiB (spec 07 §5.2); a debug dump may be longer.
const maxLine = 16 << 20

// ErrClosed is returned for requests on a connection that ended; the reason, if
// it was not Close, is wrapped with it.
var ErrClosed = errors.New("api connection closed")

// ErrInvalidID means that the server does not know an object, such as a routing
// context of another connection (spec 07 §5.4).
var ErrInvalidID = errors.New("invalid object id")

// Error is a failure that the server reported (spec 07 §3).
type Error struct {
	Op      string
	Kind    string
	Message string          // may be empty, where the kind says it all
	Raw     json.RawMessage // the whole error object
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Op, e.Raw) }

// Client is one connection to a node. Methods may be called from any goroutine;
// requests run side by side. Goroutines: one reader, and one for each call that
// an Answer function is working on; all end in Close.
type Client struct {
	conn net.Conn
	wg   sync.WaitGroup

	write sync.Mutex // one whole line at a time

	mu       sync.Mutex
	nextID   uint32
	pending  map[uint32]chan response
	handlers map[uint64]func(Update)
	nextKey  uint64
	err      error // why the connection ended; nil while it is open

	snapshot atomic.Pointer[[]func(Update)] // handlers, for the reader
}

type response struct {
	op, rcOp string
	value    json.RawMessage
	err      error
}

// line is the union of every message a server sends.
type line struct {
	Type  string          `json:"type"`
	ID    uint32          `json:"id"`
	Op    string          `json:"op"`
	RcOp  string          `json:"rc_op"`
	Value json.RawMessage `json:"value"`
	Error json.RawMessage `json:"error"`
	Text  string          `json:"message"` // base64 in AppMessage and AppCall, plain in Log
	Update
}

// New speaks the API over conn, which it owns from now on.
func New(conn net.Conn) *Client {
	c := &Client{
		conn:     conn,
		pending:  map[uint32]chan response{},
		handlers: map[uint64]func(Update){},
	}
	c.snapshot.Store(&[]func(Update){})
	c.wg.Go(c.read)
	return c
}

// Close ends the connection, which releases all its objects on the server.
// Requests that wait fail with ErrClosed. It may be called twice, but not from
// an update handler.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	c.wg.Wait()
	return nil
}

// fail ends the connection for a reason; the first reason stays.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err == nil {
		c.err = err
		for id, ch := range c.pending {
			delete(c.pending, id)
			ch <- response{err: err}
		}
	}
	c.mu.Unlock()
	c.conn.Close()
}

// Do sends one request and waits for its value. params may be nil; they stand
// beside id and op (spec 07 §5.3).
func (c *Client) Do(ctx context.Context, op string, params map[string]any) (json.RawMessage, error) {
	ch := make(chan response, 1)
	c.mu.Lock()
	if c.err != nil {
		err := c.err
		c.mu.Unlock()
		return nil, err
	}
	id := c.freeIDLocked()
	c.pending[id] = ch
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.pending, id)
		c.mu.Unlock()
	}()

	if err := c.send(id, op, params); err != nil {
		return nil, err
	}
	select {
	case r := <-ch:
		switch {
		case r.err != nil:
			return nil, r.err
		case r.rcOp == "InvalidId":
			return nil, fmt.Errorf("%s: %w", op, ErrInvalidID)
		case r.op != op:
			return nil, fmt.Errorf("%s: answered as %q", op, r.op)
		}
		return r.value, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
}

// freeIDLocked picks a request id. 0 is for requests whose answer nobody wants.
func (c *Client) freeIDLocked() uint32 {
	for {
		c.nextID++
		if _, taken := c.pending[c.nextID]; !taken && c.nextID != 0 {
			return c.nextID
		}
	}
}

func (c *Client) send(id uint32, op string, params map[string]any) error {
	request := make(map[string]any, len(params)+2)
	for k, v := range params {
		request[k] = v
	}
	request["id"], request["op"] = id, op
	text, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	c.write.Lock()
	_, err = c.conn.Write(append(text, '\n'))
	c.write.Unlock()
	if err != nil {
		c.fail(fmt.Errorf("%w: %w", ErrClosed, err))
		return fmt.Errorf("%s: %w: %w", op, ErrClosed, err)
	}
	return nil
}

func (c *Client) read() {
	scanner := bufio.NewScanner(c.conn)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	for scanner.Scan() {
		if err := c.take(scanner.Bytes()); err != nil {
			c.fail(fmt.Errorf("%w: %w", ErrClosed, err))
			return
		}
	}
	err := scanner.Err()
	if err == nil {
		err = io.EOF
	}
	c.fail(fmt.Errorf("%w: %w", ErrClosed, err))
}

// take handles one line. Everything that outlives the call is a copy.
func (c *Client) take(text []byte) error {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return fmt.Errorf("line of %d bytes: %w", len(text), err)
	}
	switch l.Type {
	case "Update":
		switch l.Kind {
		case "":
			return errors.New("update without a kind")
		case "AppMessage", "AppCall":
			if err := l.Message.UnmarshalText([]byte(l.Text)); err != nil {
				return fmt.Errorf("%s: %w", l.Kind, err)
			}
		default:
			l.LogText = l.Text
			l.Raw = append(json.RawMessage(nil), text...)
		}
		for _, f := range *c.snapshot.Load() {
			f(l.Update)
		}
	case "Response":
		r := response{op: l.Op, rcOp: l.RcOp, value: l.Value}
		if len(l.Error) > 0 {
			r.err = parseError(l.Op, l.Error)
		}
		c.mu.Lock()
		if ch := c.pending[l.ID]; ch != nil {
			delete(c.pending, l.ID)
			ch <- r
		}
		c.mu.Unlock()
	default:
		return fmt.Errorf("line of type %q", l.Type)
	}
	return nil
}

func parseError(op string, raw json.RawMessage) error {
	e := &Error{Op: op, Raw: raw}
	// The kind's own fields differ in type; what is not text stays in Raw.
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err == nil {
		e.Kind, _ = fields["kind"].(string)
		e.Message, _ = fields["message"].(string)
	}
	return e
}

// OnUpdate calls f with every update from now on, in order, on the client's
// reader: f must not block and must not wait for a request. The returned
// function ends it.
func (c *Client) OnUpdate(f func(Update)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextKey++
	key := c.nextKey
	c.handlers[key] = f
	c.publishHandlersLocked()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.handlers, key)
		c.publishHandlersLocked()
	}
}

func (c *Client) publishHandlersLocked() {
	list := make([]func(Update), 0, len(c.handlers))
	for _, f := range c.handlers {
		list = append(list, f)
	}
	c.snapshot.Store(&list)
}

// Done reports why the connection ended, nil while it is open.
func (c *Client) Done() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
