package transport

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport/vlframe"
)

// gate is a stream that takes one Write at a time when it is let.
type gate struct {
	net.Conn // nil: nothing else is called
	let      chan struct{}
	closed   chan struct{}
	once     sync.Once
	written  bytes.Buffer
}

func newGate() *gate { return &gate{let: make(chan struct{}), closed: make(chan struct{})} }

func (g *gate) Write(b []byte) (int, error) {
	select {
	case <-g.let:
		return g.written.Write(b)
	case <-g.closed:
		return 0, net.ErrClosed
	}
}

func (g *gate) Close() error                     { g.once.Do(func() { close(g.closed) }); return nil }
func (g *gate) CloseWrite() error                { return nil }
func (g *gate) SetWriteDeadline(time.Time) error { return nil }
func (g *gate) messages(t *testing.T) (m []string) {
	t.Helper()
	for b := g.written.Bytes(); len(b) > 0; {
		msg, used, need, err := vlframe.Next(b)
		if err != nil || need > 0 {
			t.Fatalf("%d bytes are no frame: %v", len(b), err)
		}
		m = append(m, string(msg[:1]))
		b = b[used:]
	}
	return m
}

const linkTimeout = 2 * time.Second

// gated makes a link of a queue of 1000 bytes, with a message being written.
func gated(t *testing.T) (*streamLink, *gate, func()) {
	t.Helper()
	g := newGate()
	l := newStreamLink(g, &framing{}, nil, 1000, new(sync.Pool))
	over := make(chan struct{})
	go func() { defer close(over); l.write() }()
	if err := l.send(t.Context(), letter('0'), linkTimeout); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return l, g, func() { l.finish(nil, closeAtOnce); <-over }
}

// letter is a message of which two fit the queue, and one the part for bulk.
func letter(c byte) []byte { return bytes.Repeat([]byte{c}, 450) }

// What waits goes out in order, bulk after everything else, and bulk does not fill
// the queue.
func TestLinkOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, g, end := gated(t)
		defer end()
		var sent sync.WaitGroup
		for _, c := range "aAbBcCdD" {
			ctx := t.Context()
			if c < 'a' {
				ctx = Bulk(ctx)
			}
			sent.Go(func() {
				if err := l.send(ctx, letter(byte(c)), linkTimeout); err != nil {
					t.Errorf("%c: %v", c, err)
				}
			})
			synctest.Wait()
		}
		for range 9 {
			select {
			case g.let <- struct{}{}:
			case <-time.After(time.Millisecond):
			}
			synctest.Wait()
		}
		sent.Wait()
		var got string
		for _, m := range g.messages(t) {
			got += m
		}
		if want := "0abcdABCD"; got != want {
			t.Errorf("sent in the order %s, want %s", got, want)
		}
	})
}

func TestLinkWaits(t *testing.T) {
	for _, tt := range []struct {
		name   string
		moves  time.Duration // between writes that the other side takes; 0: none
		cancel time.Duration // 0: not cancelled
		close  time.Duration // 0: not closed
		want   error
		after  time.Duration
	}{
		{"moves", 1900 * time.Millisecond, 0, 0, nil, 3800 * time.Millisecond},
		{"too slow", 2100 * time.Millisecond, 0, 0, ErrSendTimeout, linkTimeout},
		{"stuck", 0, 0, 0, ErrSendTimeout, linkTimeout},
		{"cancelled", 0, time.Second, 0, context.Canceled, time.Second},
		{"closed", 0, 0, time.Second, ErrNoFlow, time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, g, end := gated(t)
				var all sync.WaitGroup
				defer all.Wait()
				defer end()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for _, c := range "ab" {
					if err := l.send(ctx, letter(byte(c)), linkTimeout); err != nil {
						t.Fatal(err)
					}
				}
				// Behind two more that wait, so that room comes with the second write.
				for _, c := range "cd" {
					all.Go(func() { l.send(ctx, letter(byte(c)), time.Hour) })
					synctest.Wait()
				}
				all.Go(func() {
					switch {
					case tt.moves > 0:
						for range 2 {
							time.Sleep(tt.moves)
							select {
							case g.let <- struct{}{}:
							case <-g.closed:
							}
						}
					case tt.cancel > 0:
						time.Sleep(tt.cancel)
						cancel()
					case tt.close > 0:
						time.Sleep(tt.close)
						l.finish(nil, closeAtOnce)
					}
				})
				began := time.Now()
				err := l.send(ctx, letter('e'), linkTimeout)
				if !errors.Is(err, tt.want) || time.Since(began) != tt.after {
					t.Errorf("%v after %v, want %v after %v", err, time.Since(began), tt.want, tt.after)
				}
			})
		})
	}
}
