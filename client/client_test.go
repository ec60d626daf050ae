package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core/crypto"
)

// echo answers debug commands with themselves, and makes objects.
func echo(r request) []string {
	switch r.name() {
	case "Debug":
		return []string{r.respond(fmt.Sprintf("%q", r["command"]))}
	case "NewRoutingContext", "OpenTableDb", "GetCryptoSystem", "TransactDhtRecords", "TableDb.Transact",
		"RoutingContext.WithSafety", "RoutingContext.WithSequencing", "RoutingContext.WithDefaultSafety":
		return []string{r.respond("7")}
	case "TableDb.GetColumnCount":
		return []string{r.respond("1")}
	case "CryptoSystem.Kind":
		return []string{r.respond(`"VLD0"`)}
	case "RoutingContext.Safety":
		return []string{r.respond(`{"Safe":{"preferred_route":null,"hop_count":2,"stability":"Reliable","sequencing":"EnsureOrdered"}}`)}
	}
	return []string{r.respond("null")}
}

// Many requests wait on one connection, are answered in any order, and each caller
// gets its own answer.
func TestRequestsSideBySide(t *testing.T) {
	const n = 100
	var held []string
	f := &fake{answer: func(r request) []string {
		if held = append(held, echo(r)...); len(held) < n {
			return nil
		}
		slices.Reverse(held)
		return held
	}}
	c := f.connect(t, client.Options{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			want := fmt.Sprint("command ", i)
			if got, err := c.Debug(t.Context(), want); got != want || err != nil {
				t.Errorf("answer %q, %v; want %q", got, err, want)
			}
		})
	}
	all.Wait()
}

// No more requests are under way than allowed; the next ones wait, and can be given
// up.
func TestMaxPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(request) []string { return nil }}
		c := f.connect(t, client.Options{MaxPending: 2})
		for range 3 {
			go c.Debug(t.Context(), "x")
		}
		synctest.Wait()
		if got := len(f.names()); got != 2 {
			t.Errorf("%d requests under way, want 2", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Debug(ctx, "y"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a request that waited for its turn: %v", err)
		}
		if got := len(f.names()); got != 2 {
			t.Errorf("%d requests were sent, want 2", got)
		}
		c.Close()
		synctest.Wait()
	})
}

func TestErrors(t *testing.T) {
	key := "VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"
	for _, tt := range []struct {
		json string
		want client.Error
	}{
		{`{"kind":"TryAgain","message":"offline"}`, client.Error{Kind: jsonapi.TryAgain, Message: "offline"}},
		{`{"kind":"Timeout"}`, client.Error{Kind: jsonapi.Timeout}},
		{`{"kind":"KeyNotFound","key":"` + key + `"}`, client.Error{Kind: jsonapi.KeyNotFound, Key: key}},
		{`{"kind":"ParseError","message":"m","value":"v"}`, client.Error{Kind: jsonapi.ParseError, Message: "m", Value: "v"}},
		{`{"kind":"InvalidArgument","context":"c","argument":"a","value":"v"}`,
			client.Error{Kind: jsonapi.InvalidArgument, Context: "c", Argument: "a", Value: "v"}},
	} {
		f := &fake{answer: func(r request) []string { return []string{r.fault(tt.json)} }}
		c := f.connect(t, client.Options{})
		_, err := c.Debug(t.Context(), "x")
		var e *client.Error
		if !errors.As(err, &e) || *e != tt.want {
			t.Errorf("%s: %#v, want %+v", tt.json, err, tt.want)
		}
		if !errors.Is(err, tt.want.Kind) || client.KindOf(err) != tt.want.Kind {
			t.Errorf("%s: the kind of %v is not found", tt.json, err)
		}
		if !strings.HasPrefix(err.Error(), "Debug: ") {
			t.Errorf("%q does not name the operation", err)
		}
	}
}

// A caller that gives up returns at once; the late answer disturbs nobody, and an
// object it brings is released.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []string
		f := &fake{answer: func(r request) []string {
			if r.name() == "NewRoutingContext" {
				late = append(late, r.respond("9"))
				return nil
			}
			return echo(r)
		}}
		c := f.connect(t, client.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.NewRoutingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want that of the context", err)
		}
		if got, err := c.Debug(t.Context(), "x"); got != "x" || err != nil {
			t.Errorf("the next request: %q, %v", got, err)
		}
		if err := f.send(late[0]); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.mu.Lock()
		last := f.requests[len(f.requests)-1]
		f.mu.Unlock()
		if last.name() != "RoutingContext.Release" || last["rc_id"] != 9.0 || last.id() != 0 {
			t.Errorf("last request %v, want the release of 9", last)
		}
		c.Close()
		synctest.Wait()
	})
}

// What was under way when the connection ended says so; what comes in between was
// not sent; after that all is well again.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := true
		f := &fake{answer: func(r request) []string {
			if silent && r.name() == "Debug" {
				return nil
			}
			return echo(r)
		}}
		c := f.connect(t, client.Options{BackoffMin: time.Second})
		s := c.Subscribe(client.SubscribeOptions{})
		defer s.Close()
		next[*client.Connected](t, s)
		var underway error
		go func() { _, underway = c.Debug(t.Context(), "x") }()
		synctest.Wait()
		refused := errors.New("connection refused")
		f.setRefuse(refused)
		f.cut()
		d := next[*client.Disconnected](t, s)
		if d.RetryIn <= 0 || d.RetryIn > time.Second {
			t.Errorf("the next attempt is in %s, want a second at most", d.RetryIn)
		}
		synctest.Wait()
		var ce *client.ConnectionError
		if !errors.As(underway, &ce) || !ce.Sent || !errors.Is(underway, client.ErrDisconnected) || errors.Is(underway, client.ErrClosed) {
			t.Errorf("the request under way: %v", underway)
		}
		_, err := c.Debug(t.Context(), "y")
		if !errors.As(err, &ce) || ce.Sent || !errors.Is(err, client.ErrDisconnected) {
			t.Errorf("a request without a connection: %v", err)
		}
		if c.Connected() {
			t.Error("it says that it is connected")
		}
		// Each attempt that fails is told, with growing waits up to the limit.
		var waits []time.Duration
		for range 5 {
			d := next[*client.Disconnected](t, s)
			if !errors.Is(d.Err, refused) {
				t.Errorf("it failed with %v", d.Err)
			}
			waits = append(waits, d.RetryIn.Round(time.Second))
		}
		if waits[0] < time.Second || waits[4] < 3*time.Second || waits[4] > client.DefaultBackoffMax {
			t.Errorf("waits %v", waits)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.WaitConnected(ctx); !errors.Is(err, client.ErrDisconnected) || !errors.Is(err, refused) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting for a connection: %v", err)
		}
		f.setRefuse(nil)
		silent = false
		c.Reconnect()
		if err := c.WaitConnected(t.Context()); err != nil {
			t.Fatal(err)
		}
		next[*client.Connected](t, s)
		if got, err := c.Debug(t.Context(), "z"); got != "z" || err != nil {
			t.Errorf("after the reconnect: %q, %v", got, err)
		}
		c.Close()
		synctest.Wait()
	})
}

func TestNoReconnect(t *testing.T) {
	f := &fake{answer: echo}
	c := f.connect(t, client.Options{NoReconnect: true})
	s := c.Subscribe(client.SubscribeOptions{})
	next[*client.Connected](t, s)
	f.cut()
	if d := next[*client.Disconnected](t, s); d.RetryIn != 0 {
		t.Errorf("a next attempt in %s", d.RetryIn)
	}
	if u, err := s.Next(t.Context()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("after the end: %v, %v", u, err)
	}
	if err := c.WaitConnected(t.Context()); !errors.Is(err, client.ErrDisconnected) {
		t.Errorf("waiting for a connection: %v", err)
	}
}

// Contexts, tables and cryptosystems are made again where they are used on another
// connection, as they were; transactions are over.
func TestObjectsAfterReconnect(t *testing.T) {
	f := &fake{answer: echo}
	c := f.connect(t, client.Options{})
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	plain, err := c.NewRoutingContext(ctx)
	must(err)
	safe, err := plain.WithSafety(ctx, client.Safe(client.SafetySpec{HopCount: 2}))
	must(err)
	ordered, err := safe.WithSequencing(ctx, jsonapi.PreferOrdered)
	must(err)
	ordered, err = ordered.WithSequencing(ctx, jsonapi.EnsureOrdered)
	must(err)
	table, err := c.OpenTable(ctx, "t", 1)
	must(err)
	system, err := c.GetCryptoSystem(ctx, crypto.KindVLD0)
	must(err)
	tx, err := c.TransactDHTRecords(ctx, nil, nil)
	must(err)
	change, err := table.Transact(ctx)
	must(err)

	s := c.Subscribe(client.SubscribeOptions{})
	defer s.Close()
	next[*client.Connected](t, s)
	f.cut()
	next[*client.Disconnected](t, s)
	next[*client.Connected](t, s)
	f.mu.Lock()
	f.requests = nil
	f.mu.Unlock()

	if _, err := ordered.Safety(ctx); err != nil {
		t.Errorf("context: %v", err)
	}
	if _, err := ordered.Safety(ctx); err != nil {
		t.Errorf("context, second use: %v", err)
	}
	if _, err := table.ColumnCount(ctx); err != nil {
		t.Errorf("table: %v", err)
	}
	if _, err := system.Kind(ctx); err != nil {
		t.Errorf("cryptosystem: %v", err)
	}
	for name, err := range map[string]error{"transaction": tx.Commit(ctx), "table transaction": change.Commit(ctx)} {
		if !errors.Is(err, client.ErrStale) {
			t.Errorf("%s: %v, want ErrStale", name, err)
		}
	}
	for name, err := range map[string]error{
		"transaction": tx.Release(ctx), "table transaction": change.Rollback(ctx), "unused context": plain.Release(ctx),
	} {
		if err != nil {
			t.Errorf("release of %s: %v", name, err)
		}
	}
	want := []string{
		"NewRoutingContext", "RoutingContext.WithSafety", "RoutingContext.Release", "RoutingContext.WithSequencing", "RoutingContext.Release",
		"RoutingContext.Safety", "RoutingContext.Safety",
		"OpenTableDb", "TableDb.GetColumnCount", "GetCryptoSystem", "CryptoSystem.Kind",
	}
	if got := f.names(); !slices.Equal(got, want) {
		t.Errorf("requests after the reconnect\n%v, want\n%v", got, want)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := f.requests[3]["sequencing"]; got != "EnsureOrdered" {
		t.Errorf("the context was made again with %v", got)
	}
}

func TestReleasedObjects(t *testing.T) {
	f := &fake{answer: echo}
	c := f.connect(t, client.Options{})
	table, err := c.OpenTable(t.Context(), "t", 1)
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := table.Release(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("release without time: %v", err)
	}
	if err := table.Release(t.Context()); err != nil {
		t.Errorf("second release: %v", err)
	}
	if _, err := table.Keys(t.Context(), 0); !errors.Is(err, client.ErrReleased) {
		t.Errorf("use after the release: %v", err)
	}
	if _, err := c.Debug(t.Context(), "x"); err != nil { // the release is before it in the pipe
		t.Error(err)
	}
	if got, want := f.names(), []string{"OpenTableDb", "TableDb.Release", "Debug"}; !slices.Equal(got, want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

// A transaction is over after Commit; a failed one is freed on the server.
func TestTransactionEnds(t *testing.T) {
	fail := false
	f := &fake{answer: func(r request) []string {
		if fail && r.name() == "DhtTransaction.Commit" {
			return []string{r.fault(`{"kind":"TryAgain","message":"no"}`)}
		}
		return echo(r)
	}}
	c := f.connect(t, client.Options{})
	for _, fail = range []bool{false, true} {
		tx, err := c.TransactDHTRecords(t.Context(), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(t.Context()); (err != nil) != fail {
			t.Errorf("commit: %v", err)
		}
		if err := tx.Rollback(t.Context()); !errors.Is(err, client.ErrReleased) {
			t.Errorf("rollback after it: %v", err)
		}
		if err := tx.Release(t.Context()); err != nil {
			t.Errorf("release after it: %v", err)
		}
	}
	if _, err := c.Debug(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	want := []string{
		"TransactDhtRecords", "DhtTransaction.Commit",
		"TransactDhtRecords", "DhtTransaction.Commit", "DhtTransaction.Release", "Debug",
	}
	if got := f.names(); !slices.Equal(got, want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

// A receiver that is too slow loses the oldest updates, knows how many, and does
// not hold up anybody.
func TestSlowSubscriber(t *testing.T) {
	f := &fake{answer: echo}
	c := f.connect(t, client.Options{})
	slow := c.Subscribe(client.SubscribeOptions{Backlog: 10})
	defer slow.Close()
	for i := range 100 {
		if err := f.send(fmt.Sprintf(`{"type":"Update","kind":"Log","log_level":"Info","message":"%d","backtrace":null}`, i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Debug(t.Context(), "x"); err != nil { // behind the updates
		t.Fatal(err)
	}
	if got := slow.Dropped(); got != 91 { // with the Connected at the start
		t.Errorf("%d dropped, want 91", got)
	}
	if u := next[*client.Log](t, slow); u.Message != "90" {
		t.Errorf("first update %q, want 90", u.Message)
	}
	slow.Close()
	count := 0
	for range slow.All(t.Context()) {
		count++
	}
	if count != 9 {
		t.Errorf("%d updates were left after Close, want 9", count)
	}
}

func TestUpdates(t *testing.T) {
	f := &fake{answer: echo}
	c := f.connect(t, client.Options{})
	s := c.Subscribe(client.SubscribeOptions{})
	defer s.Close()
	next[*client.Connected](t, s)
	for _, line := range []string{
		`{"type":"Update","kind":"FromTheFuture","x":1}`,
		// another order of fields
		`{"kind":"AppCall","sender":null,"route_id":"VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc","message":"YWJjZDEyMzQ","call_id":"12345678901234567890","type":"Update"}`,
		`{"type":"Update","kind":"Shutdown"}`,
	} {
		if err := f.send(line); err != nil {
			t.Fatal(err)
		}
	}
	call := next[*client.AppCall](t, s)
	if string(call.Message) != "abcd1234" || call.CallID != 12345678901234567890 || call.RouteID == nil || call.Sender != nil {
		t.Errorf("call %+v", call)
	}
	next[*client.ShutdownUpdate](t, s)
}

// What is no line of the API ends the connection.
func TestBadLines(t *testing.T) {
	for name, line := range map[string]string{
		"no JSON":     "HTTP/1.1 400 Bad Request",
		"no type":     "{}",
		"bad update":  `{"type":"Update","kind":"AppMessage","message":5}`,
		"too long":    `{"type":"Response","id":1,"op":"` + strings.Repeat("x", 5000) + `"}`,
		"no response": `{"type":"Response","id":"one"}`,
	} {
		f := &fake{answer: echo}
		c := f.connect(t, client.Options{NoReconnect: true, MaxLine: 4096})
		s := c.Subscribe(client.SubscribeOptions{})
		next[*client.Connected](t, s)
		f.send(line)
		if d := next[*client.Disconnected](t, s); d.Err == nil || errors.Is(d.Err, io.EOF) {
			t.Errorf("%s: ended with %v", name, d.Err)
		}
	}
}

func TestTooLongRequest(t *testing.T) {
	f := &fake{answer: echo}
	c := f.connect(t, client.Options{MaxLine: 1000})
	if _, err := c.Debug(t.Context(), strings.Repeat("x", 1000)); !errors.Is(err, client.ErrTooLong) {
		t.Errorf("a request that is too long: %v", err)
	}
	if _, err := c.Debug(t.Context(), "x"); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestClose(t *testing.T) {
	synctest.Test(t, testClose)
}

func testClose(t *testing.T) {
	f := &fake{answer: func(request) []string { return nil }}
	c := f.connect(t, client.Options{})
	s := c.Subscribe(client.SubscribeOptions{})
	next[*client.Connected](t, s)
	underway := make(chan error)
	go func() {
		_, err := c.Debug(t.Context(), "x")
		underway <- err
	}()
	synctest.Wait()
	c.Close()
	c.Close()
	if err := <-underway; !errors.Is(err, client.ErrClosed) {
		t.Errorf("the request under way: %v", err)
	}
	if _, err := c.Debug(t.Context(), "y"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("a request after it: %v", err)
	}
	if u, err := s.Next(t.Context()); !errors.Is(err, client.ErrClosed) {
		t.Errorf("a subscription after it: %v, %v", u, err)
	}
	if u, err := c.Subscribe(client.SubscribeOptions{}).Next(t.Context()); u == nil && !errors.Is(err, client.ErrClosed) {
		t.Errorf("a new subscription: %v, %v", u, err)
	}
}

func TestDialFails(t *testing.T) {
	refused := errors.New("refused")
	f := &fake{refuse: refused}
	if c, err := client.Dial(t.Context(), "", client.Options{Dial: f.dial}); !errors.Is(err, refused) {
		t.Errorf("%v, %v, want the reason", c, err)
	}
	if _, err := client.Dial(t.Context(), "http://x", client.Options{}); err == nil {
		t.Error("a bad address is taken")
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"localhost:5959":        "tcp localhost:5959",
		"localhost":             "tcp localhost:5959",
		":6000":                 "tcp localhost:6000",
		"192.0.2.1":             "tcp 192.0.2.1:5959",
		"::1":                   "tcp [::1]:5959",
		"[::1]:7":               "tcp [::1]:7",
		"tcp://host:1":          "tcp host:1",
		"tls://node.example":    "tls node.example:5959",
		"unix:/run/x":           "unix /run/x",
		"unix:///run/x":         "unix /run/x",
		"/run/x":                "unix /run/x",
		"./x":                   "unix ./x",
		`\\.\pipe\veilid\0`:     `pipe \\.\pipe\veilid\0`,
		"":                      "error",
		"unix:":                 "error",
		"http://localhost:5959": "error",
		"tcp://host/path":       "error",
	} {
		a, err := client.ParseAddress(text)
		got := a.Network + " " + a.Where
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q is %s (%v), want %s", text, got, err, want)
		}
		if err != nil {
			continue
		}
		if again, err := client.ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q becomes %q and that %v, %v", text, a, again, err)
		}
	}
}

func TestRaw(t *testing.T) {
	f := &fake{answer: echo}
	c := f.connect(t, client.Options{})
	value, err := c.Raw(t.Context(), "Debug", []byte("{\n \"command\": \"x\"\n}"))
	if string(value) != `"x"` || err != nil {
		t.Errorf("%s, %v", value, err)
	}
	for _, bad := range []string{"[]", "{", "5"} {
		if _, err := c.Raw(t.Context(), "Debug", []byte(bad)); err == nil {
			t.Errorf("parameters %s are taken", bad)
		}
	}
}
