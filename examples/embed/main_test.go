package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/internal/loopback"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// configFile writes the configuration of one more node.
func configFile(t *testing.T, record string) string {
	t.Helper()
	text, err := json.Marshal(loopback.Config("embed", loopback.FreePort(t), record))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCallOverPrivateRoute(t *testing.T) {
	record := loopback.Network(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	serving, stop := context.WithCancel(ctx)
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(serving, configFile(t, record), nil, out)
		out.Close()
	}()
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		t.Fatalf("no route was printed: %v", <-done)
	}
	var answer bytes.Buffer
	if err := run(ctx, configFile(t, record), []string{lines.Text(), "hello"}, &answer); err != nil {
		t.Error(err)
	}
	if got, want := answer.String(), "you said \"hello\"\n"; got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
	stop()
	if err := <-done; serving.Err() == nil || err == nil {
		t.Errorf("serving ended with %v before it was stopped", err)
	}
}

func TestBadCommandLines(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.json")
	if err := os.WriteFile(bad, []byte(`{"network": 5}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file string
		args       []string
		want       string
	}{
		{"one argument", "", []string{"route"}, "1 arguments"},
		{"no such file", filepath.Join(t.TempDir(), "none.json"), nil, "none.json"},
		{"bad file", bad, nil, "network"},
		{"bad route", "", []string{"%%", "hello"}, "route"},
	} {
		if err := run(t.Context(), c.file, c.args, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error about %q", c.name, err, c.want)
		}
	}
}
