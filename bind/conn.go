package bind

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/voile-net/voile/core"
)

// conn is one client of a server.
type conn struct {
	server *Server
	nc     net.Conn
	client *Client
	out    *queue
	log    *slog.Logger
	calls  sync.WaitGroup
	slots  chan struct{} // one for each running call
}

// Reasons to end a connection.
var (
	errRefused     = errors.New("not a request")
	errLineTooLong = errors.New("request line too long")
)

// serveConn serves one connection until it ends or ctx does.
//
// When the client has sent everything (half-closed), answers and updates go on
// until writing fails, for a minute at most, but what it holds is released. When the server closes, calls are
// ended and what was answered is still sent. In every other case all that waits
// is dropped (spec 07 §5.2).
func serveConn(ctx context.Context, s *Server, nc net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	c := &conn{
		server: s, nc: nc, client: s.api.NewClient(), out: newQueue(s.opts.MaxQueue),
		log:   s.log.With("peer", nc.RemoteAddr().String()),
		slots: make(chan struct{}, maxPending),
	}
	c.log.Debug("api client connected")
	sub := s.api.node.Subscribe(0)
	var parts sync.WaitGroup
	parts.Go(func() {
		defer cancel() // nothing can be told any more
		c.write()
	})
	parts.Go(func() { c.update(ctx, sub) })
	stop := context.AfterFunc(ctx, func() { nc.SetReadDeadline(time.Unix(1, 0)) })

	err := c.read(ctx)
	objects := c.client.Objects()
	switch {
	case errors.Is(err, io.EOF):
		// No request can use its objects any more: they end with the last call, since
		// others may wait for its tables and records.
		parts.Go(func() {
			c.calls.Wait()
			c.client.Close()
		})
		select {
		case <-time.After(linger):
		case <-ctx.Done():
		}
	case errors.Is(err, errRefused):
		nc.Close()
	}
	cancel()
	sub.Close()
	c.calls.Wait()
	c.out.close()
	last := time.AfterFunc(flushTime, func() { nc.Close() })
	parts.Wait()
	last.Stop()
	stop()
	nc.Close()
	c.client.Close()
	c.log.Debug("api client gone", "err", err, "objects", objects, "dropped", sub.Dropped())
}

// read takes requests until the first that is none.
func (c *conn) read(ctx context.Context) error {
	r := bufio.NewReaderSize(c.nc, 64<<10)
	var long []byte
	for {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long[:0], line...)
			for errors.Is(err, bufio.ErrBufferFull) {
				if len(long) > c.server.opts.MaxLine {
					return c.refuse(errLineTooLong, long)
				}
				line, err = r.ReadSlice('\n')
				long = append(long, line...)
			}
			line = long
		}
		// The last line may lack its end.
		if text := bytes.TrimSpace(line); len(text) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			if len(text) > c.server.opts.MaxLine {
				return c.refuse(errLineTooLong, text)
			}
			call, err := c.client.Parse(text)
			if err != nil {
				return c.refuse(err, text)
			}
			if err := c.start(ctx, call); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
		if cap(long) > 1<<20 {
			long = nil
		}
	}
}

// refuse tells in the log why a connection is ended. The line itself is not
// shown: it may hold secrets, or be of a browser that a page has sent here.
func (c *conn) refuse(err error, line []byte) error {
	if skipped, ok := c.server.refusals.tell(time.Now()); ok {
		c.log.Warn("api client sent a line that is no request and is disconnected", "err", err, "bytes", len(line), "skipped", skipped)
	}
	return fmt.Errorf("%w: %w", errRefused, err)
}

// rarely limits a line of the log to one a second, since web pages can cause
// this one as often as they like.
type rarely struct {
	mu      sync.Mutex
	last    time.Time
	skipped int
}

// tell reports whether to log now, and how often that was not done before.
func (r *rarely) tell(now time.Time) (skipped int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.last.IsZero() && now.Sub(r.last) < time.Second {
		r.skipped++
		return 0, false
	}
	skipped, r.skipped, r.last = r.skipped, 0, now
	return skipped, true
}

// start runs a call beside the others.
func (c *conn) start(ctx context.Context, call *Call) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.calls.Go(func() {
		defer func() { <-c.slots }()
		buffer := c.server.buffers.Get().(*[]byte)
		line := call.Run(ctx, (*buffer)[:0])
		// A client that is gone gets no answer; nothing else can fail.
		_ = c.out.add(ctx, line)
		if cap(line) <= 256<<10 { // unusually long ones are not worth keeping
			*buffer = line
			c.server.buffers.Put(buffer)
		}
	})
	return nil
}

// update sends the updates of the node.
func (c *conn) update(ctx context.Context, sub *core.Subscription) {
	var line []byte
	for {
		u, err := sub.Next(ctx)
		if err != nil {
			return
		}
		if line = AppendUpdate(line[:0], u); len(line) == 0 {
			continue
		}
		if c.out.add(ctx, line) != nil {
			return
		}
	}
}

// write sends the queue. A client that takes nothing for a while is given up.
func (c *conn) write() {
	var spare []byte
	for {
		lines, err := c.out.take(spare)
		if err != nil {
			return
		}
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.server.opts.Stall)); err != nil {
			return
		}
		if _, err := c.nc.Write(lines); err != nil {
			if isTimeout(err) {
				c.log.Warn("api client reads too slowly and is disconnected", "after", c.server.opts.Stall.String())
			}
			return
		}
		if spare = lines; cap(spare) > 1<<20 {
			spare = nil
		}
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
