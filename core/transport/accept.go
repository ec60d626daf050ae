package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/voile-net/voile/core/transport/websocket"
	"github.com/voile-net/voile/core/wire"
)

// Limits of connections whose protocol is not known yet (ours): so many strangers
// may be silent for the 5 s that detection allows.
const (
	maxAccepting         = 256
	maxAcceptingPerBlock = MaxConnectionsPerBlock
)

// listener is one listening address. TCP and WS may share it (spec 02 §5.1).
type listener struct {
	stack   *Stack
	ln      Listener
	addr    netip.AddrPort
	tcp, ws bool
	path    string // of WS
}

func (l *listener) enable(p wire.ProtocolType, path string) {
	if p == wire.WS {
		l.ws, l.path = true, path
	} else {
		l.tcp = true
	}
}

// accepting counts the connections under detection.
type accepting struct {
	total   int
	byBlock map[netip.Addr]int
}

func (a *accepting) enter(block netip.Addr) bool {
	if a.total >= maxAccepting || a.byBlock[block] >= maxAcceptingPerBlock {
		return false
	}
	a.total++
	a.byBlock[block]++
	return true
}

func (a *accepting) leave(block netip.Addr) {
	a.total--
	if a.byBlock[block]--; a.byBlock[block] == 0 {
		delete(a.byBlock, block)
	}
}

// Pauses of an accept loop after an error, such as too many open files.
const (
	acceptPauseMin = 5 * time.Millisecond
	acceptPauseMax = time.Second
)

func (l *listener) acceptLoop() {
	pause := time.Duration(0)
	for {
		stream, err := l.ln.Accept()
		switch {
		case err == nil:
			pause = 0
			l.take(stream)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		pause = min(max(2*pause, acceptPauseMin), acceptPauseMax)
		l.stack.log.Debug("accept", "addr", l.addr, "err", err, "after", pause)
		select {
		case <-time.After(pause):
		case <-l.stack.ctx.Done():
			return
		}
	}
}

// take starts the detection of a new stream, or closes it.
func (l *listener) take(stream Stream) {
	s := l.stack
	remote := addrPortOf(stream.RemoteAddr())
	block := Block(remote.Addr())
	if !remote.IsValid() || s.filter.IPPunished(remote.Addr(), time.Now()) {
		stream.Close()
		return
	}
	s.mu.Lock()
	ok := !s.closed && s.accepting.enter(block)
	if ok {
		s.goLocked(func() {
			if err := l.accept(stream, remote); err != nil {
				s.count.refused.Add(1)
				s.log.Debug("connection refused", "peer", remote, "err", err)
				stream.Close()
			}
			s.mu.Lock()
			s.accepting.leave(block)
			s.mu.Unlock()
		})
	}
	s.mu.Unlock()
	if !ok {
		s.count.refused.Add(1)
		stream.Close()
	}
}

var errNoProtocol = errors.New("transport: the first bytes are of no known protocol")

// accept finds out what a stream speaks and puts it into the table. On an error
// the caller closes the stream.
func (l *listener) accept(stream Stream, remote netip.AddrPort) error {
	s := l.stack
	unlock, err := s.lockRemote(s.ctx, remote)
	if err != nil {
		return err
	}
	defer unlock(nil)
	defer context.AfterFunc(s.ctx, s.cfg.Panic.Func(func() { stream.Close() }))()
	p, f, head, err := l.detect(stream)
	if err != nil {
		return err
	}
	if err := stream.SetDeadline(time.Time{}); err != nil {
		return err
	}
	flow := Flow{Protocol: p, Remote: remote, Local: addrPortOf(stream.LocalAddr())}
	_, err = s.addConn(flow, true, newStreamLink(stream, f, head, s.cfg.SendQueue, &s.buffers))
	return err
}

// detect looks at the first bytes (spec 02 §5.1). head is what was read beyond
// the upgrade, if there was one.
func (l *listener) detect(stream Stream) (p wire.ProtocolType, f *framing, head []byte, err error) {
	peek := make([]byte, websocket.MaxRequest)
	n := 0
	more := func() error {
		err := stream.SetDeadline(time.Now().Add(l.stack.cfg.ConnectTimeout))
		if err != nil {
			return err
		}
		got, err := stream.Read(peek[n:])
		n += got
		if got > 0 {
			return nil
		}
		return err
	}
	if err := more(); err != nil {
		return 0, nil, nil, err
	}
	if n == 1 && (peek[0] == 'G' && l.ws || peek[0] == 'V' && l.tcp) {
		// Raw TCP needs a second byte; a request is looked for in what the next
		// read brings.
		if err := more(); err != nil {
			return 0, nil, nil, err
		}
	}
	switch {
	case l.ws && websocket.IsRequest(peek[:n], l.path):
		rest, err := l.upgrade(stream, peek[:n])
		return wire.WS, &framing{ws: &websocket.Decoder{Role: websocket.Server}}, rest, err
	case l.tcp && n >= 2 && peek[0] == 'V' && peek[1] == 'L':
		return wire.TCP, &framing{}, peek[:n], nil
	}
	return 0, nil, nil, errNoProtocol
}

// upgrade answers a request (spec 02 §4.1).
func (l *listener) upgrade(stream Stream, request []byte) (rest []byte, err error) {
	key, rest, err := websocket.ParseRequest(request)
	if err != nil {
		if errors.Is(err, websocket.ErrTooMany) {
			stream.Write([]byte(websocket.NotFound)) // the connection ends anyway
			stream.CloseWrite()
		}
		return nil, err
	}
	_, err = stream.Write(websocket.AppendResponse(nil, key))
	return rest, err
}
