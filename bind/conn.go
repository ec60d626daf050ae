package bind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core"
)

// conn is one client of a server.
type conn struct {
	server *Server
	nc     net.Conn
	client *Client
	in     *lineReader
	out    *queue
	log    *slog.Logger
	calls  sync.WaitGroup
	slots  chan struct{} // one for each running call
	active atomic.Int64  // running calls
}

// serveConn serves one connection until it ends or ctx does.
//
// When the client has sent everything (half-closed), answers and updates go on
// until writing fails, for a minute at most, but what it holds is released. When
// the server closes, calls are ended and what was answered is still sent. In every
// other case all that waits is dropped (spec 07 §5.2). gone is called when nothing
// more can come from the client.
func serveConn(ctx context.Context, s *Server, nc net.Conn, gone func()) {
	ctx, cancel := context.WithCancel(ctx)
	c := &conn{
		server: s, nc: nc, client: s.api.NewClient(), out: newQueue(s.opts.MaxQueue, s.queued),
		log:   s.log.With("peer", nc.RemoteAddr().String()),
		slots: make(chan struct{}, s.opts.MaxPending),
	}
	c.in = newLineReader(nc, s.opts.MaxLine, s.lines, func(on bool) { c.stalling(ctx, on) })
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
	c.in.close()
	objects := c.client.Objects()
	switch {
	case errors.Is(err, io.EOF):
		// No request can use its objects any more: they end with the last call, since
		// others may wait for its tables and records.
		parts.Go(func() {
			c.calls.Wait()
			c.client.Close()
		})
		gone()
		if s.linger() {
			select {
			case <-time.After(linger):
			case <-ctx.Done():
			}
			s.lingering.Add(-1)
		} else {
			c.calls.Wait() // those who asked get their answers in any case
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
	c.out.drop()
	c.client.Close()
	c.log.Debug("api client gone", "err", err, "objects", objects, "dropped", sub.Dropped())
}

// read takes requests until the first that is none.
func (c *conn) read(ctx context.Context) error {
	for {
		line, err := c.in.next()
		if errors.Is(err, errLineTooLong) || errors.Is(err, errLinesTooBig) {
			return c.refuse(err, line)
		}
		// The last line may lack its end.
		if text := bytes.TrimSpace(line); len(text) > 0 && (err == nil || errors.Is(err, io.EOF)) {
			call, err := c.client.Parse(text)
			if err != nil {
				return c.refuse(err, text)
			}
			if err := c.start(ctx, call); err != nil {
				return err
			}
		}
		if err != nil {
			if isTimeout(err) && ctx.Err() == nil {
				c.server.warn(c.log, "api client stopped in the middle of a long request and is disconnected", "after", c.server.opts.Stall.String())
				return fmt.Errorf("%w: %w", errRefused, err)
			}
			return err
		}
	}
}

// stalling sets how long the rest of a line may take that holds memory. Other
// reads wait for ever.
func (c *conn) stalling(ctx context.Context, on bool) {
	var deadline time.Time
	if on {
		deadline = time.Now().Add(c.server.opts.Stall)
	}
	c.nc.SetReadDeadline(deadline)
	if ctx.Err() != nil { // the end of ctx has set the one that this call has changed
		c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

// refuse tells in the log why a connection is ended. The line itself is not
// shown: it may hold secrets, or be of a browser that a page has sent here.
func (c *conn) refuse(err error, line []byte) error {
	c.server.warn(c.log, "api client sent a line that is no request and is disconnected", "err", err, "bytes", len(line))
	return fmt.Errorf("%w: %w", errRefused, err)
}

// start runs a call beside the others.
func (c *conn) start(ctx context.Context, call *Call) error {
	// A client whose answers wait gets no further ones made.
	if err := c.out.room(ctx); err != nil {
		return err
	}
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	active := c.active.Add(1)
	if active > manyPending {
		// Those that have only to be run are run before more are read; those that wait
		// do not mind.
		runtime.Gosched()
	}
	// A few calls of each client run in any case; more of them use what all clients
	// share, so that none can stop the others.
	var shared chan struct{}
	if active > reservedPending {
		shared = c.server.pending
		select {
		case shared <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.calls.Go(func() {
		defer func() {
			if shared != nil {
				<-shared
			}
			c.active.Add(-1)
			<-c.slots
		}()
		buffer := c.server.answers.Get().(*[]byte)
		line := call.Run(ctx, (*buffer)[:0])
		// A client that is gone gets no answer; one that does not read is disconnected.
		if err := c.out.add(ctx, line); errors.Is(err, errOverflow) {
			c.server.warn(c.log, "api client does not read its answers and is disconnected")
			c.nc.Close()
		}
		if cap(line) <= 256<<10 { // unusually long ones are not worth keeping
			*buffer = line
			c.server.answers.Put(buffer)
		}
	})
	return nil
}

// update sends the updates of the node.
func (c *conn) update(ctx context.Context, sub *core.Subscription) {
	for {
		u, err := sub.Next(ctx)
		if err != nil {
			return
		}
		line := c.server.updates.line(u)
		if len(line) == 0 {
			continue
		}
		if c.out.share(ctx, line) != nil {
			return
		}
	}
}

// write sends the queue. A client that takes nothing for a while is given up.
func (c *conn) write() {
	var pieces []piece
	var vector net.Buffers
	for {
		var err error
		if pieces, err = c.out.take(pieces[:0]); err != nil {
			return
		}
		if len(pieces) == 1 {
			err = c.send(pieces[0].bytes)
		} else {
			all := buffers(vector[:0], pieces)
			vector = all // WriteTo moves its receiver along
			if err = c.nc.SetWriteDeadline(time.Now().Add(c.server.opts.Stall)); err == nil {
				_, err = all.WriteTo(c.nc)
			}
		}
		c.server.queued.release(pieces)
		clear(vector[:cap(vector)])
		if err != nil {
			if isTimeout(err) {
				c.server.warn(c.log, "api client reads too slowly and is disconnected", "after", c.server.opts.Stall.String())
			}
			return
		}
		if cap(pieces) > 16 {
			pieces, vector = nil, nil
		}
	}
}

// send writes one piece. A long one goes in parts, so that a slow client is told
// from one that takes nothing.
func (c *conn) send(text []byte) error {
	for len(text) > 0 {
		if err := c.nc.SetWriteDeadline(time.Now().Add(c.server.opts.Stall)); err != nil {
			return err
		}
		part := min(len(text), batchLimit)
		if _, err := c.nc.Write(text[:part]); err != nil {
			return err
		}
		text = text[part:]
	}
	return nil
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
