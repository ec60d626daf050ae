package transport

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
)

// conn is one connection of the table (spec 02 §6.2). Two goroutines: one reads
// and calls the handler, one writes.
type conn struct {
	stack   *Stack
	flow    Flow
	inbound bool
	link    link
	opened  time.Time

	used, lastSent, lastReceived atomic.Int64 // Stack.now
	bytesSent, bytesReceived     atomic.Uint64
	held                         atomic.Int32

	once   sync.Once
	closed ConnClosed // set in once
}

var errIdle = errors.New("transport: nothing received for too long")

// addConn puts a connection into the table and starts it (spec 02 §6.1). On an
// error the caller still owns what the link stands on.
func (s *Stack) addConn(f Flow, inbound bool, l link) (*conn, error) {
	now := time.Now()
	c := &conn{stack: s, flow: f, inbound: inbound, link: l, opened: now}
	c.used.Store(s.now())
	c.lastReceived.Store(s.now())
	s.mu.Lock()
	old, victim, err := s.admitLocked(c, now)
	if err == nil {
		s.table.insert(c)
		s.cfg.Panic.Go(&s.wg, c.readLoop)
		s.cfg.Panic.Go(&s.wg, c.writeLoop)
	}
	s.mu.Unlock()
	if old != nil {
		old.close(ClosedRemote, nil, closeAtOnce)
	}
	if victim != nil {
		s.count.evicted.Add(1)
		victim.close(ClosedEvicted, nil, flushThenClose)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// admitLocked decides on a new connection, and takes out of the table what it
// replaces, for the caller to close: old, a connection with the same flow, and
// victim, who had to make room.
//
// A flow that is present is refused (spec 02 §6.1), unless the remote opened it
// again: the system has only one connection between two socket addresses, so
// the old one is dead and merely not yet noticed. What the filter counted is
// given back when the table refuses; the original forgets to.
func (s *Stack) admitLocked(c *conn, now time.Time) (old, victim *conn, err error) {
	if s.closed {
		return nil, nil, ErrClosed
	}
	old = s.table.byFlow[c.flow]
	if old != nil && !c.inbound {
		return nil, nil, ErrFlowExists
	}
	addr := c.flow.Remote.Addr()
	if err := s.filter.AddConnection(addr, now); err != nil {
		return nil, nil, err
	}
	if old != nil {
		s.table.remove(old)
		return old, nil, nil
	}
	if len(s.table.byFlow) < s.cfg.MaxConnections {
		return nil, nil, nil
	}
	if victim = s.table.victim(s.protected); victim == nil {
		s.filter.RemoveConnection(addr)
		return nil, nil, ErrTableFull
	}
	s.table.remove(victim)
	return nil, victim, nil
}

func (c *conn) send(ctx context.Context, msg []byte) error {
	if err := c.link.send(ctx, msg, c.stack.cfg.SendTimeout); err != nil {
		return err
	}
	c.noteSent(len(msg))
	return nil
}

func (c *conn) noteSent(n int) {
	now := c.stack.now()
	c.used.Store(now)
	c.lastSent.Store(now)
	c.bytesSent.Add(uint64(n))
	c.stack.count.of(c.flow.Protocol).sent(n)
}

func (c *conn) readLoop() {
	s, idle := c.stack, c.idle
	for {
		msg, err := c.link.read(idle)
		if err != nil {
			c.readFailed(err)
			break
		}
		now := s.now()
		c.used.Store(now)
		c.lastReceived.Store(now)
		c.bytesReceived.Add(uint64(len(msg)))
		s.count.of(c.flow.Protocol).received(len(msg))
		if s.filter.IPPunished(c.flow.Remote.Addr(), time.Now()) {
			c.close(ClosedPunished, nil, closeAtOnce)
			break
		}
		s.cfg.Handler.HandleMessage(Message{Flow: c.flow, Data: msg, Inbound: c.inbound})
		c.lastReceived.Store(s.now()) // a slow handler is not the peer's silence
	}
	s.cfg.Handler.HandleConnClosed(c.closed)
}

// readFailed closes the connection for what the reader met.
func (c *conn) readFailed(err error) {
	var end *websocket.EndError
	switch {
	case errors.As(err, &end):
		c.close(ClosedWebSocket, err, flushThenClose)
	case isFramingFault(err):
		// Only who connected to us is punished (spec 02 §7.2).
		if c.inbound {
			c.stack.filter.PunishIP(c.flow.Remote.Addr(), InvalidFraming, time.Now())
		}
		how := closeAtOnce
		if errors.Is(err, websocket.ErrProtocol) {
			how = flushThenClose // of the Close frame
		}
		c.close(ClosedFraming, err, how)
	case errors.Is(err, errIdle):
		c.close(ClosedIdle, nil, flushThenClose)
	default:
		if errors.Is(err, io.EOF) {
			err = nil
		}
		c.close(ClosedRemote, err, closeAtOnce)
	}
}

// idle says how long to wait for the next message (spec 02 §6.2).
func (c *conn) idle() (time.Duration, error) {
	s := c.stack
	timeout := s.cfg.InactivityTimeout
	left := timeout - time.Duration(s.now()-c.lastReceived.Load())
	if left > 0 {
		return left, nil
	}
	s.mu.Lock()
	protected := s.protected
	s.mu.Unlock()
	if protected(c.flow.Remote.Addr()) {
		return timeout, nil
	}
	return 0, errIdle
}

func (c *conn) writeLoop() {
	if err := c.link.write(); err != nil {
		c.close(ClosedRemote, err, closeAtOnce)
	}
}

// close takes the connection out of the table and ends it. Only the first call
// counts. It does not wait; HandleConnClosed follows from the reader.
func (c *conn) close(reason CloseReason, err error, how closing) {
	c.once.Do(func() {
		c.closed = ConnClosed{Flow: c.flow, Inbound: c.inbound, Lived: time.Since(c.opened), Reason: reason, Err: err}
		s := c.stack
		s.mu.Lock()
		s.table.remove(c)
		s.mu.Unlock()
		s.filter.RemoveConnection(c.flow.Remote.Addr())
		c.link.finish(c.link.last(err), how)
		s.log.Debug("connection closed", "flow", c.flow, "inbound", c.inbound, "reason", reason, "after", c.closed.Lived, "err", err)
	})
}

func (c *conn) infoLocked() ConnInfo {
	s := c.stack
	return ConnInfo{
		Flow:          c.flow,
		Inbound:       c.inbound,
		Opened:        c.opened,
		LastSent:      s.at(c.lastSent.Load()),
		LastReceived:  s.at(c.lastReceived.Load()),
		BytesSent:     c.bytesSent.Load(),
		BytesReceived: c.bytesReceived.Load(),
		Held:          int(c.held.Load()),
		Priority:      slices.Contains(s.table.priority, c),
		Protected:     s.protected(c.flow.Remote.Addr()),
		Queued:        c.link.queued(),
	}
}
