package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/internal/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person is somebody with a device: what the program keeps in dir outlives each run.
type person struct {
	t   *testing.T
	dir string
	cfg config.Config
}

func newPerson(t *testing.T, record string) person {
	return person{t, t.TempDir(), deviceConfig(t, record)}
}

func deviceConfig(t *testing.T, record string) config.Config {
	cfg := loopback.Config("notes", loopback.FreePort(t), record)
	cfg.ProtectedStore.AlwaysUseInsecureStorage = true
	return cfg
}

// do runs one command and gives what it printed.
func (p person) do(args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, p.cfg, p.dir, args, &out); err != nil {
		p.t.Fatalf("%.20v: %v", args, err)
	}
	return strings.TrimSpace(out.String())
}

// One owner and two writers share a notebook; each command is a run of its own, so
// that everything outlives restarts.
func TestSharedNotebook(t *testing.T) {
	record := loopback.Network(t, 8)
	ann, bob, eve := newPerson(t, record), newPerson(t, record), newPerson(t, record)
	book := ann.do("new", bob.do("me"), eve.do("me"))

	// Offline: the network is not there yet as far as Ann's device can tell.
	online := ann.cfg
	ann.cfg = deviceConfig(t, "")
	if testing.Short() {
		t.Log("-short: the part without a network, which waits for it, is left out")
	} else {
		ann.do("add", book, "written offline")
	}
	ann.cfg = online
	ann.do("add", book, "from ann")
	bob.do("add", book, "from bob")

	// Eve watches while Bob writes again.
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(ctx, eve.cfg, eve.dir, []string{"watch", book}, out)
		out.Close()
	}()
	seen := newScreen(in)
	seen.await(t, "from ann", "from bob")
	bob.do("add", book, "bob again")
	seen.await(t, "bob again")
	stop()
	<-done
	for range seen.lines { // what nobody reads any more
	}

	eve.do("add", book, "from eve")
	shown := ann.do("show", book)
	for _, want := range []string{"from ann", "from bob", "bob again", "from eve"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in\n%s", want, shown)
		}
	}
	if !testing.Short() && !strings.Contains(eve.do("show", book), "written offline") {
		t.Error("what was written offline never went out")
	}
	stranger := newPerson(t, record)
	if err := run(t.Context(), stranger.cfg, stranger.dir, []string{"add", book, "graffiti"}, io.Discard); err == nil {
		t.Error("somebody wrote who is no writer")
	}
	if err := run(t.Context(), ann.cfg, ann.dir, []string{"erase"}, io.Discard); err == nil {
		t.Error("an unknown command worked")
	}
}

// screen collects what a command prints.
type screen struct {
	text  bytes.Buffer
	lines chan []byte
}

func newScreen(in io.Reader) *screen {
	s := &screen{lines: make(chan []byte)}
	go func() {
		defer close(s.lines)
		for {
			b := make([]byte, 4096)
			n, err := in.Read(b)
			if err != nil {
				return
			}
			s.lines <- b[:n]
		}
	}()
	return s
}

// await reads until all texts were seen.
func (s *screen) await(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for !strings.Contains(s.text.String(), text) {
			b, ok := <-s.lines
			if !ok {
				t.Fatalf("the watch ended without %q:\n%s", text, s.text.String())
			}
			s.text.Write(b)
		}
	}
}
