package bind_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core/sim"
	"github.com/voile-net/voile/core/transport/memory"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// detached starts a node that is not attached to anything.
func detached(t testing.TB) *sim.Node {
	t.Helper()
	n := sim.New(1)
	t.Cleanup(func() { n.Memory.Close() })
	node, err := n.Start(t.Context(), 1, n.Config(1, ""), memory.HostConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	return node
}

// newClient is a client of an API of its own.
func newClient(t testing.TB) *bind.Client {
	t.Helper()
	c := bind.New(detached(t).Node, bind.Options{}).NewClient()
	t.Cleanup(c.Close)
	return c
}

// ask does one request. closed: it was none.
func ask(ctx context.Context, c *bind.Client, request string) (response string, closed bool) {
	call, err := c.Parse([]byte(request))
	if err != nil {
		return "", true
	}
	return string(call.Run(ctx, nil)), false
}

// mustAsk does one request that is right.
func mustAsk(t testing.TB, c *bind.Client, request string) map[string]any {
	t.Helper()
	response, closed := ask(t.Context(), c, request)
	if closed {
		t.Fatalf("%s is taken for no request", request)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(response), &v); err != nil {
		t.Fatalf("%s\nanswered with %s: %v", request, response, err)
	}
	return v
}

// recorded is a line of a transcript.
type recorded struct {
	Name, Conn, Request, Note string
	Node                      int
	Response                  *string
	Update                    *string
	Closed                    bool
}

var run = regexp.MustCompile(`<(.)\*(\d+)>`)

func transcript(t testing.TB, name string) (lines []recorded) {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		var r recorded
		if err := json.Unmarshal(s.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		r.Request = expand(r.Request)
		if r.Response != nil {
			*r.Response = expand(*r.Response)
		}
		if r.Update != nil {
			*r.Update = expand(*r.Update)
		}
		lines = append(lines, r)
	}
	if s.Err() != nil || len(lines) == 0 {
		t.Fatalf("%s: %d lines, %v", name, len(lines), s.Err())
	}
	return lines
}

// expand writes out the runs of one character.
func expand(line string) string {
	return run.ReplaceAllStringFunc(line, func(m string) string {
		parts := run.FindStringSubmatch(m)
		n, _ := strconv.Atoi(parts[2])
		return strings.Repeat(parts[1], n)
	})
}

// failing is a Control that fails.
func failing(err error) func(context.Context, []string) (string, error) {
	return func(context.Context, []string) (string, error) { return "", err }
}

func marshalled(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
