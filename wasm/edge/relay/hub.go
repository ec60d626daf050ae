package relay

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/wasm/edge/edgeurl"
	"github.com/voile-net/voile/wasm/edge/policy"
)

// Network is how a gateway reaches nodes. Methods may be called from any goroutine and
// give up when ctx ends.
type Network interface {
	// Lookup resolves a name once, without a search list.
	Lookup(ctx context.Context, name string) ([]netip.Addr, error)
	// Dial opens a TCP connection to exactly this address.
	Dial(ctx context.Context, at netip.AddrPort) (Stream, error)
}

// Stream is a TCP connection. Write writes all or fails. Close ends waiting calls and
// may be called twice, from any goroutine.
type Stream = io.ReadWriteCloser

// Hub opens connections from pages to nodes. Its methods may be called from any
// goroutine. It has no goroutine of its own.
type Hub struct {
	Gate    *policy.Gate
	Network Network
}

// Request is what a page asks for.
type Request struct {
	Path    string     // of the URL, as it came, without the prefix of the gateway
	Origin  string     // "": none was named
	Client  netip.Addr // who counts for the limits
	Offered []string   // subprotocols
}

// Answer is what a page is answered with. Just one of Session and Refusal is not nil.
type Answer struct {
	// Status is 101 if a WebSocket is to be opened. Otherwise it is an HTTP status,
	// and the text of Refusal is the body.
	Status      int
	Subprotocol string   // of the WebSocket; "": none
	Session     *Session // that the WebSocket is to be run with; the caller must Run or Abandon it
	// Refusal is what a WebSocket of status 101 is closed with at once.
	Refusal *policy.Refusal
}

const upgrade = 101

// Open takes a request as far as the connection to the node. It blocks, at most for
// the connect time-out.
func (h *Hub) Open(ctx context.Context, r Request) Answer {
	if err := h.Gate.Origin(r.Origin); err != nil {
		return h.refuse(err, nil) // and not a word more to such a page
	}
	session, err := h.open(ctx, r)
	if err != nil {
		return h.refuse(err, r.Offered)
	}
	a := Answer{Status: upgrade, Session: session}
	if slices.Contains(r.Offered, edgeurl.Open) {
		a.Subprotocol = edgeurl.Open
	}
	return a
}

func (h *Hub) refuse(err error, offered []string) Answer {
	refusal := refusalOf(err)
	h.Gate.Refused(refusal)
	if slices.Contains(offered, edgeurl.Refused) {
		return Answer{Status: upgrade, Subprotocol: edgeurl.Refused, Refusal: refusal}
	}
	return Answer{Status: refusal.Code.Status(), Refusal: refusal}
}

func (h *Hub) open(ctx context.Context, r Request) (*Session, error) {
	node, err := h.Gate.Parse(r.Path)
	if err != nil {
		return nil, err
	}
	if err := h.Gate.MayResolve(node); err != nil {
		return nil, err
	}
	pass, err := h.Gate.Admit(r.Client, time.Now())
	if err != nil {
		return nil, err
	}
	link, err := h.reach(ctx, pass, node)
	if err != nil {
		pass.Leave(0)
		return nil, err
	}
	return &Session{link: link, pass: pass, settings: h.Gate.Settings()}, nil
}

// reach finds, connects to and greets the node.
func (h *Hub) reach(ctx context.Context, pass *policy.Pass, node edgeurl.Node) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Gate.Settings().ConnectTimeout)
	defer cancel()
	addrs := []netip.Addr{node.Addr()}
	if !node.Addr().IsValid() {
		var err error
		if addrs, err = h.Network.Lookup(ctx, node.Host()); err != nil {
			return nil, unreached(ctx, policy.NoName, "the name of the node does not resolve")
		}
	}
	chosen, err := h.Gate.Choose(node, addrs)
	if err != nil {
		return nil, err
	}
	for _, at := range chosen {
		if err = pass.Reach(at, time.Now()); err != nil {
			continue
		}
		var l *link
		if l, err = h.connect(ctx, at, node.Request()); err == nil {
			return l, nil
		}
		err = unreached(ctx, policy.NodeBroken, "no connection to the node")
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func (h *Hub) connect(ctx context.Context, at netip.AddrPort, request string) (*link, error) {
	stream, err := h.Network.Dial(ctx, at)
	if err != nil {
		return nil, err
	}
	l, err := greet(ctx, stream, request)
	if err != nil {
		stream.Close()
	}
	return l, err
}

// unreached is the refusal for a step that failed, or for the time that is over.
func unreached(ctx context.Context, code policy.Code, text string) *policy.Refusal {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &policy.Refusal{Code: policy.NodeSilent, Text: "the node did not answer in time"}
	}
	return &policy.Refusal{Code: code, Text: text}
}

// refusalOf makes a refusal of any error.
func refusalOf(err error) *policy.Refusal {
	var r *policy.Refusal
	if errors.As(err, &r) {
		return r
	}
	return &policy.Refusal{Code: policy.Fault, Text: "a fault of the gateway"}
}
