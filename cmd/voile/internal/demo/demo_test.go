package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOncePlain runs the whole demo as `voile demo --once | cat` does.
func TestOncePlain(t *testing.T) {
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Once: true, Out: &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text := out.String()
	t.Log("\n" + text)
	for _, want := range []string{
		"start    a private network of 6 nodes", "network  ready",
		"Bob's private route:", "Alice's private route:",
		"answer   Bob: \"Loud and clear", "answer   Alice: ", "Never mind", "Nobody on the way can read this.",
		"2 calls answered, 2 messages arrived, 0 failed",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the output", want)
		}
	}
	if strings.ContainsAny(text, "\x1b\r") {
		t.Error("plain output has control characters")
	}
}

func TestOnceOnTerminal(t *testing.T) {
	for _, width := range []int{80, 40} {
		e := &emulator{width: width}
		err := Run(t.Context(), Options{Nodes: 5, Once: true, Out: e, Size: func() (int, int) { return width, 24 }, Colour: width == 80})
		text := e.text()
		t.Log("\n" + text)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.odd) > 0 {
			t.Errorf("%d columns: %s", width, strings.Join(e.odd, "\n"))
		}
		if e.colour != (width == 80) {
			t.Errorf("%d columns: colours: %v", width, e.colour)
		}
		for _, want := range []string{"1  A private network forms", "2  A private route is built", "3  Alice and Bob talk", "“Loud and clear.", "2 calls answered"} {
			if !strings.Contains(text, want) {
				t.Errorf("%d columns: no %q on the screen", width, want)
			}
		}
	}
}

// TestInterrupted ends a run that would last, in the middle of the conversation.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Out: out})
		out.Close()
	}()
	text := ""
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		if err != nil {
			break
		}
		text += string(buf[:n])
		if strings.Contains(text, "answer ") {
			cancel()
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(text, "1 call answered, 0 messages arrived, 0 failed") {
		t.Errorf("no summary:\n%s", text)
	}
}

func TestFailures(t *testing.T) {
	if err := Run(t.Context(), Options{Nodes: 4, Out: io.Discard}); !errors.Is(err, ErrNodes) {
		t.Errorf("4 nodes: %v, want ErrNodes", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := Run(ctx, Options{Once: true, Out: io.Discard}); err == nil {
		t.Error("a run that was cut short with Once has no error")
	}
}
