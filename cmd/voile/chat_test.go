package main

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// chatting is a `voile chat` whose streams are pipes.
type chatting struct {
	in   *io.PipeWriter
	out  *bufio.Scanner
	done chan error
}

func startChat(t *testing.T, args ...string) *chatting {
	in, typed := io.Pipe()
	printed, out := io.Pipe()
	c := &chatting{in: typed, out: bufio.NewScanner(printed), done: make(chan error, 1)}
	c.out.Buffer(nil, 1<<20)
	cmd := newChatCommand(streams{in: in, out: out, err: t.Output()})
	cmd.SetErr(io.Discard)
	cmd.SetOut(io.Discard)
	cmd.SetArgs(args)
	go func() {
		c.done <- cmd.ExecuteContext(t.Context())
		in.Close()
		out.Close()
	}()
	return c
}

// TestChatPrivate is two terminals on one machine, with nothing but the word passed
// between them.
func TestChatPrivate(t *testing.T) {
	a := startChat(t, "--private", "--name", "Alice", "--hops", "2")
	if !a.out.Scan() || !strings.HasPrefix(a.out.Text(), "voile:") {
		t.Fatalf("the first line is %q, want a word of a private network: %v", a.out.Text(), <-a.done)
	}
	b := startChat(t, "--name", "Bob", a.out.Text())
	for _, c := range []struct {
		from, to   *chatting
		line, want string
	}{
		{b, a, "hello Alice", "Bob: hello Alice"},
		{a, b, "hello Bob", "Alice: hello Bob"},
		{b, a, "bye", "Bob: bye"},
	} {
		if _, err := io.WriteString(c.from.in, c.line+"\n"); err != nil {
			t.Fatal(err)
		}
		if !c.to.out.Scan() || c.to.out.Text() != c.want {
			t.Fatalf("got %q, want %q", c.to.out.Text(), c.want)
		}
	}
	for _, c := range []*chatting{b, a} {
		c.in.Close()
		if err := <-c.done; err != nil {
			t.Error(err)
		}
	}
}

func TestChatMisused(t *testing.T) {
	for name, args := range map[string][]string{
		"no word":          {"what?"},
		"hops":             {"--hops", "5"},
		"listen":           {"--private", "--listen", "somewhere"},
		"log level":        {"--log-level", "loud"},
		"private, no key":  {"--private", "--bootstrap-record", "0|0|VLD0:x|127.0.0.1|T1"},
		"no such file":     {"--config", "testdata/absent.yaml"},
		"bad word's parts": {"voile:AWsBYgFy"},
	} {
		c := startChat(t, args...)
		c.in.Close()
		err := <-c.done
		var bad *misuse
		if !errors.As(err, &bad) && !strings.Contains(err.Error(), "config") {
			t.Errorf("%s: %v, want a misuse", name, err)
		}
	}
}
