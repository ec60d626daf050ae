package chat

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
	"github.com/voile-net/voile/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// talker is somebody at a console of pipes.
type talker struct {
	t    *testing.T
	in   io.WriteCloser
	out  *feed // the conversation
	note *feed
	done chan error
}

// feed collects the lines of a stream.
type feed struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func newFeed(r io.Reader) *feed {
	f := &feed{more: make(chan struct{}, 1)}
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			f.mu.Lock()
			f.lines = append(f.lines, s.Text())
			f.mu.Unlock()
			select {
			case f.more <- struct{}{}:
			default:
			}
		}
	}()
	return f
}

// wait waits for a line that has a text in it and takes everything up to it.
func (f *feed) wait(t *testing.T, text string) string {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		f.mu.Lock()
		for i, l := range f.lines {
			if strings.Contains(l, text) {
				f.lines = f.lines[i+1:]
				f.mu.Unlock()
				return l
			}
		}
		have := strings.Join(f.lines, "\n")
		f.mu.Unlock()
		select {
		case <-f.more:
		case <-late:
			t.Fatalf("no line with %q in\n%s", text, have)
		}
	}
}

func sit(t *testing.T, ctx context.Context, node *core.Node, name string, friend []byte) *talker {
	in, typed := io.Pipe()
	printed, out := io.Pipe()
	noted, err := io.Pipe()
	p := &talker{t: t, in: typed, out: newFeed(printed), note: newFeed(noted), done: make(chan error, 1)}
	go func() {
		p.done <- Run(ctx, Options{Node: node, Console: NewPipes(in, out, err), Name: name, Friend: friend})
		in.Close()
		out.Close()
		err.Close()
	}()
	t.Cleanup(func() { typed.Close() })
	return p
}

func (p *talker) types(lines ...string) {
	p.t.Helper()
	for _, l := range lines {
		if _, err := io.WriteString(p.in, l+"\n"); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *talker) ends() {
	p.t.Helper()
	p.in.Close()
	if err := <-p.done; err != nil {
		p.t.Error(err)
	}
}

// word is the invitation that a talker printed first.
func (p *talker) word() Invitation {
	p.t.Helper()
	i, err := ParseInvitation(p.out.wait(p.t, ""))
	if err != nil {
		p.t.Fatal(err)
	}
	return i
}

func network(t *testing.T) *privnet.Network {
	t.Helper()
	net, err := privnet.Start(t.Context(), []string{"r1", "r2", "r3", "a", "b"}, privnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := net.Close(); err != nil {
			t.Error(err)
		}
	})
	return net
}

func TestConversation(t *testing.T) {
	net := network(t)
	a := sit(t, t.Context(), net.Nodes[3].Node, "Alice", nil)
	word := a.word()
	a.types("too early")
	a.note.wait(t, "nobody is there yet")

	b := sit(t, t.Context(), net.Nodes[4].Node, "Bob\x1b[31m", word.Route)
	b.note.wait(t, "you talk to Alice")
	a.note.wait(t, "you talk to Bob[31m")

	b.types("hello Alice", "second line")
	a.out.wait(t, "Bob[31m: hello Alice")
	a.out.wait(t, "Bob[31m: second line")
	a.types("hello Bob \x1b[2J", strings.Repeat("x", maxText+1), "/what")
	b.out.wait(t, "Alice: hello Bob [2J")
	a.note.wait(t, "/connect WORD") // at once; what is sent has to wait
	a.note.wait(t, "longer than")

	// A third person learns that Alice is busy, and is refused.
	r := sit(t, t.Context(), net.Nodes[0].Node, "Carol", word.Route)
	if err := <-r.done; !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), errBusy.Error()) {
		t.Errorf("a third person: %v", err)
	}

	b.types("/quit")
	if err := <-b.done; err != nil {
		t.Error(err)
	}
	a.note.wait(t, "Bob[31m has left")
	a.ends()
}

// TestRouteDies ends the route of one who is talking, as the node does with a route
// that has stopped working.
func TestRouteDies(t *testing.T) {
	net := network(t)
	a := sit(t, t.Context(), net.Nodes[3].Node, "Alice", nil)
	word := a.word()
	b := sit(t, t.Context(), net.Nodes[4].Node, "Bob", nil)
	b.word()
	b.types("/connect " + word.String())
	b.note.wait(t, "you talk to Alice")

	id, err := net.Nodes[3].ImportPrivateRoute(word.Route)
	if err != nil {
		t.Fatal(err)
	}
	// Both the route and the copy just imported have the id.
	for range 2 {
		net.Nodes[3].ReleasePrivateRoute(id)
	}
	a.note.wait(t, "Bob has the new one")
	b.types("still there?")
	a.out.wait(t, "Bob: still there?")
	a.types("/route")
	if again := a.word(); again.String() == word.String() {
		t.Error("the word has not changed")
	}
	a.ends()
	b.note.wait(t, "Alice has left")
	b.ends()
}

func TestNotConnected(t *testing.T) {
	net := network(t)
	a := sit(t, t.Context(), net.Nodes[3].Node, "", nil)
	word := a.word()
	for _, c := range []struct{ word, want string }{
		{word.String(), "this is your own word"},
		{"nonsense!", "neither a route nor an invitation"},
		{"AAAA", "not connected"},
	} {
		a.types("/connect " + c.word)
		a.note.wait(t, c.want)
	}
	a.ends()
}

func TestInterrupted(t *testing.T) {
	net := network(t)
	ctx, cancel := context.WithCancel(t.Context())
	a := sit(t, ctx, net.Nodes[3].Node, "Alice", nil)
	a.word()
	cancel()
	if err := <-a.done; err != nil {
		t.Error(err)
	}
}
