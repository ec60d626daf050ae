package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
)

// Defaults of Options.
const (
	DefaultMaxLine     = 16 << 20
	DefaultMaxPending  = 4096
	DefaultDialTimeout = 10 * time.Second
	DefaultBackoffMin  = 250 * time.Millisecond
	DefaultBackoffMax  = 5 * time.Second
)

// settled is how long a connection must have lasted to count as a success, after
// which the next loss is followed by a quick attempt again.
const settled = 5 * time.Second

// Options of a client. The zero value is good.
type Options struct {
	// Token is shown to the server first of all, as "voile serve" wants it on
	// addresses that others can reach; "": none. Servers that want none end the
	// connection of a client that shows one.
	Token string
	// Fingerprint is the SHA-256 of the server's certificate, in hexadecimal with or
	// without colons, for tls:// addresses; "": the certificate is checked by TLS.
	Fingerprint string
	// TLS is used for tls:// addresses; nil: the system's roots.
	TLS *tls.Config
	// Dial opens a connection in place of the usual way, which goes by the address;
	// TLS is not applied to it. nil: the usual way.
	Dial func(ctx context.Context) (net.Conn, error)
	// DialTimeout is for one attempt to connect; 0: 10 s.
	DialTimeout time.Duration
	// NoReconnect ends the client with its first connection.
	NoReconnect bool
	// BackoffMin and BackoffMax are the waits before the second attempt and between
	// later ones, which grow from the one to the other; 0: 250 ms and 5 s. Up to a
	// quarter is taken off at random.
	BackoffMin, BackoffMax time.Duration
	// MaxLine bounds a line in either direction in bytes; 0: 16 MiB.
	MaxLine int
	// MaxPending bounds the requests without an answer; the next ones wait. 0: 4096.
	MaxPending int
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, def time.Duration) {
		if *d <= 0 {
			*d = def
		}
	}
	set(&o.DialTimeout, DefaultDialTimeout)
	set(&o.BackoffMin, DefaultBackoffMin)
	set(&o.BackoffMax, DefaultBackoffMax)
	o.BackoffMax = max(o.BackoffMax, o.BackoffMin)
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	if o.MaxPending <= 0 {
		o.MaxPending = DefaultMaxPending
	}
	return o
}

// Client speaks the JSON API to one server. All methods may be called from any
// goroutine; requests run side by side on one connection.
//
// Goroutines: one that connects, reads, and connects again, and one that writes;
// Close ends and joins both. Locks: mu, never held while waiting.
type Client struct {
	addresses []Address // nil: those of DefaultAddresses
	opts      Options

	cancel context.CancelFunc
	wg     sync.WaitGroup
	hurry  chan struct{} // ends the wait before the next attempt

	mu      sync.Mutex
	conn    *conn         // nil: there is none now
	state   Update        // Connected or Disconnected; nil: before the first attempt's end
	cause   error         // why conn is nil
	over    bool          // it will not connect again
	changed chan struct{} // closed and made anew when something above changes
	subs    []*Subscription
}

// Dial connects to a server: see [ParseAddress] for the forms of an address; "" is
// the first of [DefaultAddresses] that answers. It fails if the first attempt does;
// later losses are made good (see "Reconnecting").
func Dial(ctx context.Context, address string, o Options) (*Client, error) {
	var addresses []Address
	if address != "" && o.Dial == nil {
		a, err := ParseAddress(address)
		if err != nil {
			return nil, err
		}
		addresses = []Address{a}
	}
	c := New(o, addresses...)
	if err := c.firstAttempt(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// New makes a client that connects in the background and keeps trying: each time to
// the addresses in their order, to those of [DefaultAddresses] if there are none.
// Requests fail until it has: see [Client.WaitConnected]. The caller must Close it.
func New(o Options, addresses ...Address) *Client {
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		addresses: addresses, opts: o.withDefaults(), cancel: cancel,
		cause: errors.New("still connecting"), changed: make(chan struct{}), hurry: make(chan struct{}, 1),
	}
	c.wg.Go(func() { c.run(ctx) })
	return c
}

// Close ends the connection, which releases all its objects on the server, and
// waits until nothing runs any more. Requests that wait fail with ErrClosed. It may
// be called twice.
func (c *Client) Close() error {
	c.stop(ErrClosed)
	c.wg.Wait()
	return nil
}

// stop ends the client for a reason.
func (c *Client) stop(err error) {
	c.mu.Lock()
	if !c.over {
		c.over, c.cause = true, err
		c.announceLocked()
	}
	conn := c.conn
	c.conn = nil
	subs := c.subs
	c.subs = nil
	c.mu.Unlock()
	c.cancel()
	if conn != nil {
		conn.end(err)
	}
	for _, s := range subs {
		s.finish()
	}
}

func (c *Client) announceLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// run connects and reads, again and again.
func (c *Client) run(ctx context.Context) {
	for failures := 0; ; {
		nc, err := c.open(ctx)
		if err == nil {
			began := time.Now()
			err = c.serve(nc)
			if time.Since(began) >= settled {
				failures = 0
			}
		}
		if ctx.Err() != nil {
			return
		}
		failures++
		wait := c.backoff(failures)
		if c.opts.NoReconnect {
			wait = 0
		}
		c.disconnected(err, wait)
		if c.opts.NoReconnect {
			c.stop(lost(err))
			return
		}
		select {
		case <-time.After(wait):
		case <-c.hurry:
		case <-ctx.Done():
			return
		}
	}
}

// backoff is the wait after so many failures.
func (c *Client) backoff(failures int) time.Duration {
	wait := c.opts.BackoffMin
	for range failures - 1 {
		if wait *= 2; wait >= c.opts.BackoffMax {
			wait = c.opts.BackoffMax
			break
		}
	}
	return wait - rand.N(wait/4+1)
}

// opened is a connection that can be used.
type opened struct {
	net.Conn
	r       *bufio.Reader
	address Address
}

// open connects to the first address that answers.
func (c *Client) open(ctx context.Context) (*opened, error) {
	if c.opts.Dial != nil {
		return c.openAt(ctx, Address{})
	}
	addresses := c.addresses
	if len(addresses) == 0 {
		addresses = DefaultAddresses()
	}
	var errs []error
	for _, a := range addresses {
		o, err := c.openAt(ctx, a)
		if err == nil {
			return o, nil
		}
		errs = append(errs, &DialError{a, err})
	}
	return nil, errors.Join(errs...)
}

func (c *Client) openAt(ctx context.Context, a Address) (*opened, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.DialTimeout)
	defer cancel()
	dial := a.dial
	if c.opts.Dial != nil {
		dial = c.opts.Dial
	}
	nc, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	if a.Network == "tls" {
		secure := tls.Client(nc, c.opts.tlsConfig(a))
		if err := secure.HandshakeContext(ctx); err != nil {
			nc.Close()
			return nil, err
		}
		nc = secure
	}
	r := bufio.NewReaderSize(nc, 64<<10)
	if c.opts.Token != "" {
		if err := greet(ctx, nc, r, c.opts.Token); err != nil {
			nc.Close()
			return nil, err
		}
	}
	return &opened{nc, r, a}, nil
}

// serve uses a connection until it ends.
func (c *Client) serve(o *opened) error {
	conn := newConn(o.Conn, c.opts.MaxLine, c.opts.MaxPending, c.publishLine)
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		o.Close()
		return ErrClosed
	}
	c.conn, c.cause = conn, nil
	c.tellLocked(&Connected{Address: o.address})
	c.announceLocked()
	c.mu.Unlock()
	return conn.run(o.r)
}

// disconnected tells of a lost connection, or of one that could not be made.
func (c *Client) disconnected(err error, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.conn, c.cause = nil, err
	c.tellLocked(&Disconnected{Err: err, RetryIn: wait})
	c.announceLocked()
}

// Reconnect tries again at once if the client waits before its next attempt.
func (c *Client) Reconnect() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}

// Connected reports whether there is a connection now.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil
}

// WaitConnected waits until there is a connection. It fails when ctx ends, with
// what went wrong last, and when the client is closed.
func (c *Client) WaitConnected(ctx context.Context) error {
	for {
		c.mu.Lock()
		conn, over, cause, changed := c.conn, c.over, c.cause, c.changed
		c.mu.Unlock()
		switch {
		case conn != nil:
			return nil
		case over:
			return lost(cause)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w (%w)", ErrDisconnected, cause, context.Cause(ctx))
		}
	}
}

// firstAttempt waits for the outcome of the first attempt to connect.
func (c *Client) firstAttempt(ctx context.Context) error {
	for {
		c.mu.Lock()
		state, over, cause, changed := c.state, c.over, c.cause, c.changed
		c.mu.Unlock()
		switch s := state.(type) {
		case *Connected:
			return nil
		case *Disconnected:
			return s.Err
		}
		if over {
			return cause
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// current is the connection of now.
func (c *Client) current(op string) (*conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil, &ConnectionError{Op: op, Err: lost(c.cause)}
	}
	return c.conn, nil
}

// SubscribeOptions say what a subscriber wants. The zero value is everything.
type SubscribeOptions struct {
	Backlog int // updates that may wait; 0: 1024
}

// Subscribe delivers everything that happens from now on. The first update is a
// Connected or Disconnected that tells how it is now, once that is known. The
// caller must Close the subscription.
func (c *Client) Subscribe(o SubscribeOptions) *Subscription {
	if o.Backlog <= 0 {
		o.Backlog = DefaultBacklog
	}
	s := &Subscription{client: c, backlog: o.Backlog, ready: make(chan struct{}, 1)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != nil {
		s.push(c.state, 0)
	}
	if c.over {
		s.finish()
		return s
	}
	c.subs = append(slices.Clone(c.subs), s) // the reader ranges over the old list
	return s
}

func (c *Client) forget(s *Subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subs = slices.DeleteFunc(slices.Clone(c.subs), func(other *Subscription) bool { return other == s })
}

// tellLocked publishes an update about the connection.
func (c *Client) tellLocked(u Update) {
	c.state = u
	for _, s := range c.subs {
		s.push(u, 0)
	}
}

// publishLine publishes an update of the node.
func (c *Client) publishLine(line []byte) error {
	c.mu.Lock()
	subs := c.subs
	c.mu.Unlock()
	if len(subs) == 0 {
		return nil
	}
	u, err := parseUpdate(line)
	if err != nil {
		return fmt.Errorf("update of %d bytes: %w", len(line), err)
	}
	if u == nil {
		return nil
	}
	for _, s := range subs {
		s.push(u, len(line))
	}
	return nil
}

// Raw sends a request as it is and returns the value of its answer, for operations
// and fields that this package does not know. params is a JSON object or nil;
// operations on objects have their ids and sub-operations in it (spec 07 §5.3), and
// such ids are of the connection.
func (c *Client) Raw(ctx context.Context, op string, params json.RawMessage) (json.RawMessage, error) {
	var line bytes.Buffer // without line ends, which would end the request
	if len(params) > 0 {
		if err := json.Compact(&line, params); err != nil {
			return nil, fmt.Errorf("%s: parameters: %w", op, err)
		}
		if line.Bytes()[0] != '{' {
			return nil, fmt.Errorf("%s: parameters are no object", op)
		}
	}
	conn, err := c.current(op)
	if err != nil {
		return nil, err
	}
	a, err := conn.do(ctx, op, `,"op":`+string(jsonapi.AppendString(nil, op)), line.Bytes(), nil)
	if err != nil {
		return nil, err
	}
	return a.result(op)
}
