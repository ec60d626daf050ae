package access

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core/sim"
	"github.com/voile-net/voile/core/transport/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testToken = "a token for tests"

// watched is a server whose host notes what it is asked to do.
type watched struct {
	front   *Front
	node    *sim.Node
	address string
	asked   chan string // what Control was asked; never full
}

// elsewhere makes a listener look as if other machines could reach it.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

// serveFront starts a front on a socket of this machine. The end of the test closes
// it.
func serveFront(t testing.TB, opts Options, remote bool) *watched {
	t.Helper()
	n := sim.New(1)
	t.Cleanup(func() { n.Memory.Close() })
	node, err := n.Start(t.Context(), 1, n.Config(1, ""), memory.HostConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	w := &watched{node: node, asked: make(chan string, 1024)}
	api := bind.New(node.Node, bind.Options{Control: func(_ context.Context, args []string) (string, error) {
		w.asked <- args[0]
		return "", nil
	}})
	w.front = New(bind.NewServer(api, bind.ServerOptions{MaxLine: 1 << 20}), opts)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = l.Addr().String()
	if remote {
		l = elsewhere{l}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.front.Serve(l); err != bind.ErrServerClosed {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		w.front.Close()
		wg.Wait()
		w.front.Close()
	})
	return w
}

func (w *watched) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// nothingDone checks that no operation has been done, by one that comes after all
// others.
func (w *watched) nothingDone(t testing.TB) {
	t.Helper()
	select {
	case op := <-w.asked:
		t.Errorf("%s was done", op)
	default:
	}
}

// askLine does one request over a connection that speaks lines.
func askLine(t testing.TB, conn net.Conn, request string) map[string]any {
	t.Helper()
	if _, err := io.WriteString(conn, request+"\n"); err != nil {
		t.Fatal(err)
	}
	return readLine(t, conn)
}

func readLine(t testing.TB, conn net.Conn) map[string]any {
	t.Helper()
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return v
}

// ended reads until the connection ends, and returns what came.
func ended(t testing.TB, conn net.Conn) string {
	t.Helper()
	text, err := io.ReadAll(conn)
	if err != nil && isTimeout(err) {
		t.Errorf("the connection has not ended; got %q", text)
	}
	return string(text)
}

const (
	nowRequest = `{"id":7,"op":"Now"}`
	mischief   = `{"id":1,"op":"Control","args":["Mischief"]}`
)

func isAnswer(v map[string]any, id float64) bool {
	return v["type"] == "Response" && v["id"] == id && v["error"] == nil
}

func auth(token string) string { return fmt.Sprintf(`{"id":3,"op":"Auth","token":%q}`, token) }

func lines(s ...string) string { return strings.Join(s, "\n") + "\n" }
