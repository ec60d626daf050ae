package client

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
)

// objectKind is a sort of objects that a server keeps for a connection (spec 07
// §5.4).
type objectKind struct {
	op, id, sub string // names in a request: operation, id, sub-operation
	release     string // sub-operation that frees an object
}

var (
	routingContexts   = objectKind{"RoutingContext", "rc_id", "rc_op", "Release"}
	dhtTransactions   = objectKind{"DhtTransaction", "dhttx_id", "dhttx_op", "Release"}
	tables            = objectKind{"TableDb", "db_id", "db_op", "Release"}
	tableTransactions = objectKind{"TableDbTransaction", "tx_id", "tx_op", "Rollback"}
	cryptoSystems     = objectKind{"CryptoSystem", "cs_id", "cs_op", "Release"}
)

// opHead is what stands between the id of a request and its parameters.
func opHead(op string) string { return `,"op":"` + op + `"` }

// head is opHead of an operation on an object.
func (k objectKind) head(id uint32, sub string) string {
	return `,"op":"` + k.op + `","` + k.id + `":` + strconv.FormatUint(uint64(id), 10) + `,"` + k.sub + `":"` + sub + `"`
}

// discard frees the object that a late answer brings.
func (k objectKind) discard(c *conn) func(answer) {
	return func(a answer) {
		var id uint32
		if a.err == nil && len(a.fault) == 0 && json.Unmarshal(a.value, &id) == nil && id != 0 {
			c.send(k.head(id, k.release), nil)
		}
	}
}

// create asks for a new object. If ctx ends before the answer, the object is freed
// when it comes.
func (k objectKind) create(ctx context.Context, c *conn, op, head string, params any) (uint32, error) {
	b, err := marshal(op, params)
	if err != nil {
		return 0, err
	}
	a, err := c.do(ctx, op, head, b, k.discard(c))
	if err != nil {
		return 0, err
	}
	return decode[uint32](op, a)
}

// handle is the client's side of such an object. It is made again on another
// connection when it is used there, if it can be. Locks: mu, never held while
// waiting; making, a channel, held while the object is made.
type handle struct {
	client *Client
	kind   objectKind
	// remake makes the object on a connection; nil: it cannot be made again.
	remake func(ctx context.Context, c *conn) (uint32, error)
	making chan struct{} // has room for one: who makes the object

	mu       sync.Mutex
	conn     *conn // where it lives
	id       uint32
	released bool
}

func newHandle(client *Client, kind objectKind, conn *conn, id uint32, remake func(context.Context, *conn) (uint32, error)) *handle {
	return &handle{client: client, kind: kind, remake: remake, making: make(chan struct{}, 1), conn: conn, id: id}
}

// on is the object's id on the connection, if it lives there.
func (h *handle) on(c *conn) (id uint32, ok bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.released:
		return 0, false, ErrReleased
	case h.conn == c:
		return h.id, true, nil
	case h.remake == nil:
		return 0, false, ErrStale
	}
	return 0, false, nil
}

// get is the connection of now and the object's id there.
func (h *handle) get(ctx context.Context, op string) (*conn, uint32, error) {
	c, err := h.client.current(op)
	if err != nil {
		return nil, 0, err
	}
	id, ok, err := h.on(c)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", op, err)
	}
	if ok {
		return c, id, nil
	}
	select {
	case h.making <- struct{}{}:
		defer func() { <-h.making }()
	case <-ctx.Done():
		return nil, 0, fmt.Errorf("%s: %w", op, context.Cause(ctx))
	}
	if id, ok, err = h.on(c); err != nil || ok { // by another caller meanwhile
		return c, id, err
	}
	if id, err = h.remake(ctx, c); err != nil {
		return nil, 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		c.send(h.kind.head(id, h.kind.release), nil)
		return nil, 0, released(op)
	}
	h.conn, h.id = c, id
	return c, id, nil
}

// do runs an operation on the object.
func (h *handle) do(ctx context.Context, sub string, params any, late func(answer)) (answer, error) {
	op := h.kind.op + "." + sub
	b, err := marshal(op, params)
	if err != nil {
		return answer{}, err
	}
	c, id, err := h.get(ctx, op)
	if err != nil {
		return answer{}, err
	}
	a, err := c.do(ctx, op, h.kind.head(id, sub), b, late)
	if err == nil && a.sub == "InvalidId" {
		err = released(op)
	}
	return a, err
}

// finished marks the object as gone, and reports whether it was not before and
// lives on the returned connection.
func (h *handle) finished() (c *conn, id uint32, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		return nil, 0, false
	}
	h.released = true
	return h.conn, h.id, true
}

// release frees the object. It is freed also when ctx ends before the answer.
func (h *handle) release(ctx context.Context) error {
	c, id, ok := h.finished()
	if !ok || c.cause() != nil { // with its connection the object has ended as well
		return nil
	}
	op, head := h.kind.op+"."+h.kind.release, h.kind.head(id, h.kind.release)
	request, p, err := c.begin(ctx, op, head, nil, nil)
	if err == nil {
		_, err = c.wait(ctx, op, request, p)
	} else if c.cause() == nil { // ctx has ended
		c.send(head, nil)
	}
	if c.cause() != nil {
		return nil
	}
	return err
}

// on runs an operation of an object and decodes its value.
func on[R any](ctx context.Context, h *handle, sub string, params any) (R, error) {
	a, err := h.do(ctx, sub, params, nil)
	if err != nil {
		var none R
		return none, err
	}
	return decode[R](h.kind.op+"."+sub, a)
}

// call runs an operation of the node and decodes its value.
func call[R any](ctx context.Context, c *Client, op string, params any) (r R, err error) {
	b, err := marshal(op, params)
	if err != nil {
		return r, err
	}
	conn, err := c.current(op)
	if err != nil {
		return r, err
	}
	a, err := conn.do(ctx, op, opHead(op), b, nil)
	if err != nil {
		return r, err
	}
	return decode[R](op, a)
}

// nothing is the value of operations that have none.
type nothing struct{}

// UnmarshalJSON takes anything.
func (*nothing) UnmarshalJSON([]byte) error { return nil }

// marshal makes the parameters of a request; nil: none.
func marshal(op string, params any) ([]byte, error) {
	if params == nil {
		return nil, nil
	}
	b, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return b, nil
}

// decode reads the value of an answer.
func decode[R any](op string, a answer) (r R, err error) {
	value, err := a.result(op)
	if err != nil {
		return r, err
	}
	if len(value) == 0 { // of operations that answer with nothing
		value = []byte("null")
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("%s: value of %d bytes: %w", op, len(value), err)
	}
	return r, nil
}

// result is the value of an answer, or the error of the node.
func (a answer) result(op string) (json.RawMessage, error) {
	if len(a.fault) > 0 {
		return nil, nodeError(op, a.fault)
	}
	return a.value, nil
}
