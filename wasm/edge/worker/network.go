//go:build js && wasm

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/wasm/edge/relay"
	"golang.org/x/net/dns/dnsmessage"
)

// Limits of an answer about a name.
const (
	maxAnswer    = 16 << 10 // bytes
	maxAddresses = 32
)

// platform implements relay.Network with what a worker has.
type platform struct {
	connect js.Value // of cloudflare:sockets
	doh     string   // URL of a resolver (RFC 8484); "": names are not resolved
}

// Dial implements relay.Network.
func (n *platform) Dial(ctx context.Context, at netip.AddrPort) (relay.Stream, error) {
	host := at.Addr().String()
	if at.Addr().Is6() {
		host = "[" + host + "]"
	}
	socket, err := invoke(n.connect, map[string]any{"hostname": host, "port": int(at.Port())})
	if err != nil {
		return nil, err
	}
	s := &stream{socket: socket}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.reader = socket.Get("readable").Call("getReader")
	s.writer = socket.Get("writable").Call("getWriter")
	quiet(socket.Get("closed"))
	if _, err := await(ctx, socket.Get("opened")); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func invoke(f js.Value, args ...any) (result js.Value, err error) {
	defer func() {
		if thrown, ok := recover().(js.Error); ok {
			err = errorOf(thrown.Value)
		}
	}()
	return f.Invoke(args...), nil
}

// quiet keeps a promise that fails from being reported as one that nobody handles.
func quiet(promise js.Value) {
	go func() { _, _ = await(context.Background(), promise) }()
}

// stream is a TCP connection of the platform. Read is called by one goroutine.
type stream struct {
	socket, reader, writer js.Value
	rest                   []byte // read and not used

	once   sync.Once
	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
}

var errStreamClosed = errors.New("worker: the connection is closed")

// Read implements io.Reader.
func (s *stream) Read(b []byte) (int, error) {
	for len(s.rest) == 0 {
		promise, err := call(s.reader, "read")
		if err != nil {
			return 0, err
		}
		result, err := await(s.ctx, promise)
		if err != nil {
			return 0, err
		}
		if result.Get("done").Bool() {
			return 0, io.EOF
		}
		s.rest = bytesOf(result.Get("value"))
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Write implements io.Writer. It waits until the platform has taken all.
func (s *stream) Write(b []byte) (int, error) {
	promise, err := call(s.writer, "write", arrayOf(b))
	if err == nil {
		_, err = await(s.ctx, promise)
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.once.Do(func() {
		s.cancel(errStreamClosed)
		if promise, err := call(s.socket, "close"); err == nil {
			quiet(promise)
		}
	})
	return nil
}

// Lookup implements relay.Network by DNS over HTTPS.
func (n *platform) Lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if n.doh == "" {
		return nil, errors.New("worker: names are not resolved here")
	}
	type found struct {
		addrs []netip.Addr
		err   error
	}
	answers := make(chan found, 2)
	for _, kind := range []dnsmessage.Type{dnsmessage.TypeAAAA, dnsmessage.TypeA} {
		go func() {
			addrs, err := n.ask(ctx, name, kind)
			answers <- found{addrs, err}
		}()
	}
	a, b := <-answers, <-answers
	addrs := append(a.addrs, b.addrs...)
	if len(addrs) == 0 {
		return nil, errors.Join(a.err, b.err)
	}
	return addrs, nil
}

func (n *platform) ask(ctx context.Context, name string, kind dnsmessage.Type) ([]netip.Addr, error) {
	host, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, err
	}
	question := dnsmessage.Message{
		Header:    dnsmessage.Header{RecursionDesired: true}, // ID 0, for caches
		Questions: []dnsmessage.Question{{Name: host, Type: kind, Class: dnsmessage.ClassINET}},
	}
	packed, err := question.Pack()
	if err != nil {
		return nil, err
	}
	response, err := invoke(js.Global().Get("fetch"), n.doh, map[string]any{
		"method": "POST", "body": arrayOf(packed), "redirect": "manual",
		"headers": map[string]any{"Content-Type": "application/dns-message", "Accept": "application/dns-message"},
	})
	if err != nil {
		return nil, err
	}
	if response, err = await(ctx, response); err != nil {
		return nil, err
	}
	body, err := call(response, "arrayBuffer")
	if err != nil {
		return nil, err
	}
	if body, err = await(ctx, body); err != nil {
		return nil, err
	}
	if status, size := response.Get("status").Int(), body.Get("byteLength").Int(); status != 200 || size > maxAnswer {
		return nil, fmt.Errorf("worker: the resolver answers with status %d and %d bytes", status, size)
	}
	return parseAnswer(bytesOf(body))
}

// parseAnswer takes the addresses out of a DNS message, of whatever name a chain of
// aliases ends at: the resolver has followed it.
func parseAnswer(b []byte) (addrs []netip.Addr, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return nil, err
	}
	if !h.Response || h.RCode != dnsmessage.RCodeSuccess {
		return nil, fmt.Errorf("worker: the resolver says %v", h.RCode)
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, err
	}
	for len(addrs) < maxAddresses {
		r, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch r.Type {
		case dnsmessage.TypeA:
			a, err := p.AResource()
			if err != nil {
				return nil, err
			}
			addrs = append(addrs, netip.AddrFrom4(a.A))
		case dnsmessage.TypeAAAA:
			a, err := p.AAAAResource()
			if err != nil {
				return nil, err
			}
			addrs = append(addrs, netip.AddrFrom16(a.AAAA).Unmap())
		default:
			if err := p.SkipAnswer(); err != nil {
				return nil, err
			}
		}
	}
	return addrs, nil
}
