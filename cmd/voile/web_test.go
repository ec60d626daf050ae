package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// webFolder is a folder web with the least that is served.
func webFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"demo/index.html", "dist/browser.js", "dist/voile.wasm"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("<!doctype html>"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The address is all that is on stdout, the page is there, and a signal is the end.
func TestWebUntilSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals to other processes")
	}
	p := start(t, nil, "web", "--listen", "127.0.0.1:0", "--dir", webFolder(t))
	url, ok := <-p.lines
	if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("first line %q", url)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%s, %v", answer.Status, answer.Header)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for line := range p.lines {
		t.Errorf("more on stdout: %q", line)
	}
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	if !strings.Contains(p.log(), "6 nodes run here: Carol, ") {
		t.Errorf("stderr: %s", p.log())
	}
}

func TestWebMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	unbuilt := webFolder(t)
	if err := os.Remove(filepath.Join(unbuilt, "dist", "voile.wasm")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"port taken", []string{"--listen", taken.Addr().String(), "--dir", webFolder(t)}, exitFailed, "choose another address with --listen"},
		{"other machines", []string{"--listen", "0.0.0.0:8080", "--dir", webFolder(t)}, exitMisuse, "this machine alone"},
		{"no module", []string{"--dir", unbuilt}, exitMisuse, "run: make web-module"},
		{"no folder", []string{"--dir", t.TempDir()}, exitMisuse, "--dir"},
		{"log level", []string{"--log-level", "loud"}, exitMisuse, "--log-level"},
		{"argument", []string{"now"}, exitMisuse, "now"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, out, errs := call(t, append([]string{"web"}, tt.args...)...)
			if code != tt.code || out != "" || !strings.Contains(errs, tt.says) {
				t.Errorf("exit code %d, want %d; stdout %q; stderr %s", code, tt.code, out, errs)
			}
		})
	}
}
