//go:build linux && !android

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
)

// apiAddress is where a node of a laboratory serves its API, inside its namespace.
const apiAddress = "127.0.0.1:5959"

// quick is a connection to a node's API that looks only at what a load needs to
// know, and writes lines that were made before. Package api decodes every line in
// full; on a machine that the nodes share that would be most of what is measured.
//
// Goroutines: a reader and a writer, ended by Close.
type quick struct {
	conn net.Conn
	wg   sync.WaitGroup
	done chan struct{} // closed when the connection has ended

	// Called by the reader; they must not block. nil: ignored. text is the base64
	// of the message and, like id, only valid during the call.
	onMessage func(route, text []byte)
	onCall    func(id, text []byte)

	mu      sync.Mutex
	lastID  uint64
	pending map[uint64]chan answer
	lines   []byte // to be written
	wake    chan struct{}
	err     error // why the connection has ended; nil: it has not
}

// answer is what a load wants to know of a response.
type answer struct {
	length int // of the value's text, if it is a string
	value  []byte
	err    error
}

// dialQuick connects to a node. Set the handlers before the first request.
func dialQuick(ctx context.Context, n lab.Node) (*quick, error) {
	conn, err := n.Host().Dial(ctx, "tcp", apiAddress)
	if err != nil {
		return nil, err
	}
	return &quick{conn: conn, done: make(chan struct{}), pending: map[uint64]chan answer{}, wake: make(chan struct{}, 1)}, nil
}

func (q *quick) start() {
	q.wg.Go(q.read)
	q.wg.Go(q.write)
}

// Close ends the connection and joins its goroutines. Call it once.
func (q *quick) Close() {
	q.fail(api.ErrClosed)
	q.wg.Wait()
}

func (q *quick) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return
	}
	q.err = err
	for id, ch := range q.pending {
		delete(q.pending, id)
		ch <- answer{err: err}
	}
	close(q.done)
	q.conn.Close()
}

// request sends a line whose id is still to be appended (see [open]) and waits
// for its response.
func (q *quick) request(ctx context.Context, open []byte) answer {
	ch := make(chan answer, 1)
	q.mu.Lock()
	if q.err != nil {
		defer q.mu.Unlock()
		return answer{err: q.err}
	}
	q.lastID++
	id := q.lastID
	q.pending[id] = ch
	q.putLocked(open, id)
	q.mu.Unlock()
	select {
	case a := <-ch:
		return a
	case <-ctx.Done():
		q.mu.Lock()
		delete(q.pending, id)
		q.mu.Unlock()
		return answer{err: context.Cause(ctx)}
	}
}

// tell sends a line whose response nobody wants.
func (q *quick) tell(open []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.putLocked(open, 0)
	}
}

func (q *quick) putLocked(open []byte, id uint64) {
	q.lines = append(strconv.AppendUint(append(q.lines, open...), id, 10), "}\n"...)
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *quick) write() {
	var lines []byte
	for {
		select {
		case <-q.wake:
		case <-q.done:
			return
		}
		q.mu.Lock()
		lines, q.lines = q.lines, lines[:0]
		q.mu.Unlock()
		if _, err := q.conn.Write(lines); err != nil {
			q.fail(fmt.Errorf("%w: %w", api.ErrClosed, err))
			return
		}
	}
}

func (q *quick) read() {
	r := bufio.NewReaderSize(q.conn, 1<<20)
	for {
		line, err := r.ReadSlice('\n')
		if err == nil {
			err = q.take(line)
		}
		if err != nil {
			q.fail(fmt.Errorf("%w: %w", api.ErrClosed, err))
			return
		}
	}
}

// take looks at one line. Only the short part before the message is searched.
func (q *quick) take(line []byte) error {
	head := line[:min(len(line), 400)]
	switch {
	case bytes.HasPrefix(line, []byte(`{"type":"Response"`)):
		id, err := strconv.ParseUint(string(number(head, `"id":`)), 10, 64)
		if err != nil {
			return fmt.Errorf("response without an id: %.100q", line)
		}
		q.mu.Lock()
		ch := q.pending[id]
		delete(q.pending, id)
		q.mu.Unlock()
		if ch != nil {
			ch <- answerOf(line, head)
		}
	case bytes.HasPrefix(line, []byte(`{"type":"Update","kind":"AppMessage"`)):
		if q.onMessage != nil {
			q.onMessage(text(line, head, `"route_id":"`), text(line, head, `"message":"`))
		}
	case bytes.HasPrefix(line, []byte(`{"type":"Update","kind":"AppCall"`)):
		id := text(line, head, `"call_id":"`)
		if id == nil { // it may follow the message
			tail := line[max(0, len(line)-100):]
			id = text(tail, tail, `"call_id":"`)
		}
		if q.onCall != nil {
			q.onCall(id, text(line, head, `"message":"`))
		}
	}
	return nil
}

func answerOf(line, head []byte) answer {
	if i := bytes.Index(head, []byte(`"error":`)); i >= 0 {
		return answer{err: errors.New(string(bytes.TrimSpace(line[i:])))}
	}
	if v := text(line, head, `"value":"`); v != nil {
		return answer{length: len(v)}
	}
	return answer{value: bytes.Clone(number(head, `"value":`))}
}

// text is the string behind a key that stands in head; nil: no such key.
func text(line, head []byte, key string) []byte {
	i := bytes.Index(head, []byte(key))
	if i < 0 {
		return nil
	}
	rest := line[i+len(key):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return nil
	}
	return rest[:end]
}

// number is the run of digits behind a key.
func number(head []byte, key string) []byte {
	i := bytes.Index(head, []byte(key))
	if i < 0 {
		return nil
	}
	rest := head[i+len(key):]
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	return rest[:n]
}

// open is a request without its id, which is the last key of the line, and without
// the end.
func open(fields string) []byte { return []byte("{" + fields + `,"id":`) }

// messageLine is an AppMessage or AppCall, open.
func messageLine(context uint32, op string, to api.Target, message []byte) ([]byte, error) {
	target, err := json.Marshal(to)
	if err != nil {
		return nil, err
	}
	return open(fmt.Sprintf(`"op":"RoutingContext","rc_id":%d,"rc_op":%q,"target":%s,"message":%q`,
		context, op, target, base64.RawURLEncoding.EncodeToString(message))), nil
}

// newContext makes a routing context of this connection.
func (q *quick) newContext(ctx context.Context) (uint32, error) {
	a := q.request(ctx, open(`"op":"NewRoutingContext"`))
	if a.err != nil {
		return 0, a.err
	}
	id, err := strconv.ParseUint(string(a.value), 10, 32)
	return uint32(id), err
}

// echo answers every call with what it asks.
func (q *quick) echo() {
	q.onCall = func(id, text []byte) {
		q.tell(fmt.Appendf(nil, `{"op":"AppCallReply","call_id":"%s","message":"%s","id":`, id, text))
	}
}
