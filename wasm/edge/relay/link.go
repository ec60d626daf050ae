package relay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
)

const (
	// keptBuffer is what a quiet connection keeps of its buffers, each.
	keptBuffer = 4 << 10
	// closeTime bounds how long the end of a connection may take.
	closeTime = time.Second
)

// link is the connection to a node. read is called by one goroutine, write by one.
type link struct {
	stream  Stream
	decoder websocket.Decoder

	in         []byte
	start, end int // of what is read and not used

	mu   sync.Mutex // of out and of writing
	out  []byte
	slow atomic.Bool // closed because a write took too long
}

// greet asks for the WebSocket (spec 02 §4.2). The stream is the caller's if it fails.
func greet(ctx context.Context, stream Stream, request string) (*link, error) {
	var random [16]byte
	rand.Read(random[:])
	key := websocket.NewKey(random)
	head, err := websocket.AppendRequest(nil, request, key)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	if _, err := stream.Write(head); err != nil {
		return nil, err
	}
	buf := make([]byte, websocket.MaxResponse)
	for n := 0; ; {
		got, err := stream.Read(buf[n:])
		n += got
		if got == 0 && err != nil {
			return nil, err
		}
		rest, more, err := websocket.ParseResponse(buf[:n], key)
		if err != nil {
			return nil, err
		}
		if more {
			continue
		}
		if !stop() {
			return nil, context.Cause(ctx)
		}
		return &link{stream: stream, decoder: websocket.Decoder{Role: websocket.Client}, in: buf, start: n - len(rest), end: n}, nil
	}
}

// read waits for the next message, which is valid until the next call. cost is what it
// took on the wire.
func (l *link) read() (msg []byte, cost int, err error) {
	for {
		need := 1
		if l.start < l.end {
			msg, whole, used, more, err := l.decoder.Next(l.in[l.start:l.end])
			if err != nil {
				return nil, 0, err
			}
			l.start += used
			cost += used
			switch {
			case whole:
				return msg, cost, nil
			case more == 0: // a part
				if cost > maxOverhead {
					return nil, 0, fmt.Errorf("%w: a message in too many parts", websocket.ErrProtocol)
				}
				continue
			}
			need = more
		}
		if err := l.fill(need); err != nil {
			return nil, 0, l.because(err)
		}
	}
}

// maxOverhead is how many bytes one message may take on the wire, in all its frames.
// The largest one in a thousand parts takes no more.
const maxOverhead = 2 * websocket.MaxMessage

// fill reads more, into a buffer that holds at least need bytes.
func (l *link) fill(need int) error {
	have := l.end - l.start
	size := max(need, keptBuffer)
	switch {
	case size > len(l.in) || have == 0 && len(l.in) > size:
		fresh := make([]byte, size)
		copy(fresh, l.in[l.start:l.end])
		l.in, l.start, l.end = fresh, 0, have
	case l.start > 0:
		copy(l.in, l.in[l.start:l.end])
		l.start, l.end = 0, have
	}
	for {
		n, err := l.stream.Read(l.in[l.end:])
		l.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// errSlow: the node did not take a message in time. The link is closed.
var errSlow = errors.New("relay: the node does not take messages")

// because is why reading or writing failed.
func (l *link) because(err error) error {
	if err != nil && l.slow.Load() {
		return errSlow
	}
	return err
}

// write sends a message in one frame.
func (l *link) write(msg []byte, timeout time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frameLocked(websocket.Binary, msg, timeout)
}

func (l *link) frameLocked(op websocket.Opcode, payload []byte, timeout time.Duration) error {
	var mask [4]byte
	rand.Read(mask[:])
	l.out = websocket.AppendFrame(l.out[:0], op, &mask, payload)
	timer := time.AfterFunc(timeout, func() {
		l.slow.Store(true)
		l.stream.Close()
	})
	_, err := l.stream.Write(l.out)
	timer.Stop()
	if cap(l.out) > keptBuffer {
		l.out = nil
	}
	return l.because(err)
}

// close says goodbye, if no message is being written, and ends the stream.
func (l *link) close() {
	if l.mu.TryLock() {
		l.frameLocked(websocket.Close, []byte{0x03, 0xe8}, closeTime) // 1000; an error changes nothing
		l.mu.Unlock()
	}
	l.stream.Close()
}
