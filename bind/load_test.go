package bind_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/bind"
)

// listening is a server of a detached node on a socket of this machine.
func listening(t testing.TB, opts bind.ServerOptions) (s *bind.Server, address string) {
	t.Helper()
	s = bind.NewServer(bind.New(detached(t).Node, bind.Options{}), opts)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-served
	})
	return s, l.Addr().String()
}

func connect(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// exchange sends one line and returns the answer's.
func exchange(t testing.TB, conn net.Conn, request string) string {
	t.Helper()
	if _, err := io.WriteString(conn, request+"\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil {
		t.Fatalf("%.100s: %v", request, err)
	}
	return line
}

// inUse is the memory of everything that lives.
func inUse() uint64 {
	runtime.GC()
	runtime.GC() // the first one only moves what pools hold aside
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

const nowLine = `{"id":1,"op":"Now"}`

// idleLimit is what a client that does nothing may cost: a thousand of them stay
// below 60 MB. Here the other end of the connection is in it too.
const idleLimit = 60_000

func TestIdleClientsAreCheap(t *testing.T) {
	_, address := listening(t, bind.ServerOptions{})
	exchange(t, connect(t, address), nowLine)
	const clients = 1000
	conns := make([]net.Conn, clients)
	before := inUse()
	for i := range conns {
		conns[i] = connect(t, address)
	}
	for _, c := range conns { // all have done something, and are served
		exchange(t, c, fmt.Sprintf(`{"id":1,"op":"IsShutdown","x":%q}`, strings.Repeat("x", 2<<10)))
	}
	each := (inUse() - before) / clients
	t.Logf("%d bytes for each idle client", each)
	if each > idleLimit {
		t.Errorf("an idle client costs %d bytes, want at most %d", each, idleLimit)
	}
	runtime.KeepAlive(conns)
}

// Ten thousand requests of one client are under way at the same time; others are
// served meanwhile, and so is the client itself.
func TestManyRequestsInFlight(t *testing.T) {
	_, address := listening(t, bind.ServerOptions{})
	const requests = 10_000
	before := inUse()
	busy, other := connect(t, address), connect(t, address)
	w := bufio.NewWriter(busy)
	for id := range requests {
		fmt.Fprintf(w, `{"id":%d,"op":"WaitForAttachmentCondition","condition":{"opt_min_state":"AttachedFull"}}`+"\n", id+1)
	}
	w.Flush()
	exchange(t, other, nowLine)
	// The node's state does not change, so the next answer is that of the next line:
	// all others wait.
	if line := exchange(t, busy, `{"id":0,"op":"IsShutdown"}`); !strings.Contains(line, `"op":"IsShutdown"`) {
		t.Errorf("answer %s", line)
	}
	each := (inUse() - before) / requests
	t.Logf("%d bytes for each request under way", each)
	if each > 20_000 {
		t.Errorf("a request under way costs %d bytes, want at most 20000", each)
	}
}

// What one client has under way is bounded; the others do not notice.
func TestPendingIsBounded(t *testing.T) {
	_, address := listening(t, bind.ServerOptions{MaxPending: 10})
	busy, other := connect(t, address), connect(t, address)
	for range 12 {
		io.WriteString(busy, `{"id":1,"op":"WaitForAttachmentCondition","condition":{"opt_min_state":"AttachedFull"},"timeout_ms":300}`+"\n")
	}
	start := time.Now()
	line := exchange(t, busy, nowLine) // after the first have ended
	if !strings.Contains(line, "Timeout") || time.Since(start) < 200*time.Millisecond {
		t.Errorf("after %v: %s", time.Since(start), line)
	}
	exchange(t, other, nowLine)
}

func TestMaxClients(t *testing.T) {
	s, address := listening(t, bind.ServerOptions{MaxClients: 3})
	var conns []net.Conn
	for range 3 {
		c := connect(t, address)
		exchange(t, c, nowLine)
		conns = append(conns, c)
	}
	if n := s.Clients(); n != 3 {
		t.Errorf("%d clients, want 3", n)
	}
	late := connect(t, address)
	if n, err := late.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes as the fourth client", n)
	}
	conns[0].Close()
	for end := time.Now().Add(20 * time.Second); ; { // until the server has noticed
		c := connect(t, address)
		io.WriteString(c, nowLine+"\n")
		if _, err := c.Read(make([]byte, 1)); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no place has become free")
		}
	}
}

// Lines of ten megabytes are read, from several clients at once, while others are
// served; what they took is given back.
func TestLongLines(t *testing.T) {
	_, address := listening(t, bind.ServerOptions{})
	other := connect(t, address)
	exchange(t, other, nowLine)
	before := inUse()
	line := append(append([]byte(`{"id":7,"op":"IsShutdown","x":"`), bytes.Repeat([]byte("x"), 10<<20)...), "\"}\n"...)
	var wg sync.WaitGroup
	for range 3 {
		c := connect(t, address)
		wg.Go(func() {
			if _, err := c.Write(line); err != nil {
				t.Error(err)
				return
			}
			answer, err := bufio.NewReaderSize(c, 16).ReadString('\n')
			if err != nil || !strings.Contains(answer, `"id":7`) {
				t.Errorf("%s, %v", answer, err)
			}
		})
		exchange(t, other, nowLine)
	}
	wg.Wait()
	line = nil
	if after := inUse(); after > before+8<<20 {
		t.Errorf("%d bytes more are in use than before", after-before)
	}
}

// Clients that stop in the middle of something cost little and stop nobody; one
// that stops in the middle of a long line is disconnected.
func TestHalfOpenClients(t *testing.T) {
	_, address := listening(t, bind.ServerOptions{Stall: 300 * time.Millisecond})
	other := connect(t, address)
	var waiting []net.Conn
	for _, part := range []string{"", "{", `{"id":1,"op":"Now"`} {
		for range 20 {
			c := connect(t, address)
			io.WriteString(c, part)
			if part != "" {
				waiting = append(waiting, c)
			}
		}
	}
	for _, size := range []int{2 << 10, 100 << 10, 1 << 20} {
		silent := connect(t, address)
		io.WriteString(silent, `{"id":1,"op":"Now","x":"`+strings.Repeat("x", size))
		exchange(t, other, nowLine)
		if _, err := silent.Read(make([]byte, 1)); err == nil || isDeadline(err) {
			t.Errorf("a client silent after %d bytes of a line: %v, want the end of the connection", size, err)
		}
	}
	exchange(t, other, nowLine)
	if line := exchange(t, waiting[len(waiting)-1], "}"); !strings.Contains(line, `"op":"Now"`) {
		t.Errorf("the rest of a short line was answered with %s", line)
	}
}

func isDeadline(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

// A client that asks and does not read is disconnected, whatever it asks; its
// answers are bounded meanwhile, and others are served.
func TestClientThatDoesNotRead(t *testing.T) {
	s, address := listening(t, bind.ServerOptions{MaxQueue: 64 << 10, Stall: 300 * time.Millisecond})
	other := connect(t, address)
	before := inUse()
	var wg sync.WaitGroup
	for range 4 {
		c := connect(t, address)
		c.(*net.TCPConn).SetReadBuffer(4 << 10) // so that little fits in between
		wg.Go(func() {
			for {
				if _, err := io.WriteString(c, `{"op":"DefaultVeilidConfig"}`+"\n"); err != nil {
					if isDeadline(err) {
						t.Error("still connected after a minute")
					}
					return
				}
			}
		})
	}
	most := uint64(0)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for ; s.Clients() > 1; <-look.C {
		exchange(t, other, nowLine)
		most = max(most, inUse())
	}
	wg.Wait()
	t.Logf("up to %d bytes more in use", most-before)
	if most > before+64<<20 {
		t.Errorf("up to %d bytes more were in use", most-before)
	}
	exchange(t, other, nowLine)
}

// Bytes that are no text end their connection at once.
func TestBinary(t *testing.T) {
	_, address := listening(t, bind.ServerOptions{})
	other := connect(t, address)
	for _, text := range []string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", "\x00\n", "\xff\xfe{\x00}\x00\n", "\xef\xbb\xbf{\"op\":\"Now\"}\n"} {
		c := connect(t, address)
		io.WriteString(c, text)
		if n, err := c.Read(make([]byte, 1)); err == nil || isDeadline(err) {
			t.Errorf("%q: read %d bytes, %v; want the end of the connection", text, n, err)
		}
	}
	exchange(t, other, nowLine)
}

// FuzzConnection sends arbitrary bytes over a connection of their own, in two
// parts. What comes back are whole lines of JSON; another client is served.
func FuzzConnection(f *testing.F) {
	f.Add([]byte(nowLine+"\n"), 5)
	f.Add([]byte(`{"id":1,"op":"NewRoutingContext"}`+"\n"+`{"id":2,"op":"RoutingContext","rc_id":1,"rc_op":"Release"}`), 40)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost:5959\r\nUpgrade: websocket\r\n\r\n"), 0)
	f.Add([]byte("\n\n\n{}\n"), 2)
	s := bind.NewServer(bind.New(detached(f).Node, bind.Options{}), bind.ServerOptions{})
	f.Cleanup(func() { s.Close() })
	ours, theirs := net.Pipe()
	s.ServeConn(theirs)
	f.Cleanup(func() { ours.Close() })
	other := bufio.NewReader(ours)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		for _, word := range []string{"ttach", "Wait", `\u`, "Password", "Derive"} { // waits, or changes what the next ones find
			if bytes.Contains(text, []byte(word)) {
				return
			}
		}
		conn, theirs := net.Pipe()
		s.ServeConn(theirs)
		var wg sync.WaitGroup
		wg.Go(func() {
			lines := bufio.NewScanner(conn)
			lines.Buffer(nil, 64<<20)
			for lines.Scan() {
				if !json.Valid(lines.Bytes()) {
					t.Errorf("%q\nanswered with %q", text, lines.Text())
				}
			}
		})
		cut = max(0, min(cut, len(text)))
		conn.Write(text[:cut]) // fails when the server has seen enough
		conn.Write(text[cut:])
		io.WriteString(ours, nowLine+"\n")
		if line, err := other.ReadString('\n'); err != nil || !strings.Contains(line, `"op":"Now"`) {
			t.Errorf("the other client got %q, %v", line, err)
		}
		conn.Close()
		wg.Wait()
	})
}

// As many requests as fit on one connection, a hundred of them under way.
func BenchmarkRequestsOneConnection(b *testing.B) {
	_, address := listening(b, bind.ServerOptions{})
	conn := connect(b, address)
	conn.SetDeadline(time.Time{})
	window := make(chan struct{}, 100)
	var wg sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	wg.Go(func() {
		r := bufio.NewReaderSize(conn, 64<<10)
		for range b.N {
			if _, err := r.ReadSlice('\n'); err != nil {
				b.Error(err)
				return
			}
			<-window
		}
	})
	w := bufio.NewWriterSize(conn, 64<<10)
	for i := range b.N {
		select {
		case window <- struct{}{}:
		default:
			w.Flush()
			window <- struct{}{}
		}
		fmt.Fprintf(w, `{"id":%d,"op":"Now"}`+"\n", i%1e6+1)
	}
	w.Flush()
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

// The time until the answer when a thousand requests a second come evenly.
func BenchmarkLatencyAtThousandPerSecond(b *testing.B) {
	_, address := listening(b, bind.ServerOptions{})
	conn := connect(b, address)
	conn.SetDeadline(time.Time{})
	const count, gap = 2000, time.Millisecond
	for b.Loop() {
		sent := make([]time.Time, count)
		took := make([]time.Duration, count)
		ctx, done := context.WithCancel(b.Context())
		var mu sync.Mutex
		go func() {
			defer done()
			r := bufio.NewReader(conn)
			for range count {
				line, err := r.ReadBytes('\n')
				var v struct{ ID int }
				if err != nil || json.Unmarshal(line, &v) != nil {
					b.Error(err)
					return
				}
				mu.Lock()
				took[v.ID-1] = time.Since(sent[v.ID-1])
				mu.Unlock()
			}
		}()
		tick := time.NewTicker(gap)
		for i := range count {
			<-tick.C
			mu.Lock()
			sent[i] = time.Now()
			mu.Unlock()
			fmt.Fprintf(conn, `{"id":%d,"op":"Now"}`+"\n", i+1)
		}
		<-ctx.Done()
		tick.Stop()
		slices.Sort(took)
		b.ReportMetric(float64(took[count*99/100])/1e6, "ms-p99")
		b.ReportMetric(float64(took[count/2])/1e6, "ms-p50")
	}
}

// What a thousand clients that do nothing cost.
func BenchmarkIdleClients(b *testing.B) {
	_, address := listening(b, bind.ServerOptions{})
	const clients = 1000
	for b.Loop() {
		before := inUse()
		conns := make([]net.Conn, clients)
		for i := range conns {
			conns[i] = connect(b, address)
			exchange(b, conns[i], nowLine)
		}
		b.ReportMetric(float64(inUse()-before)/clients, "bytes/client")
		for _, c := range conns {
			c.Close()
		}
	}
}
