package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The console against a server of another process: results on stdout, all else on
// stderr, exit codes.
func TestConsole(t *testing.T) {
	server := start(t, nil, "serve", "--detached", "--api", "127.0.0.1:0", "--data", t.TempDir())
	address := server.ready(t)
	token := filepath.Join(t.TempDir(), "token")
	script := filepath.Join(t.TempDir(), "script")
	for path, text := range map[string]string{token: " \n", script: "# comment\nnodeid\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		stdin string
		args  []string
		code  int
		out   string // part of stdout; "": it is empty
		errs  string // part of stderr; "": it is empty
	}{
		{"command", "", []string{"-a", address, "-e", "uptime"}, exitOK, "since launch", ""},
		{"from stdin", "uptime\n", []string{"-a", "tcp://" + address}, exitOK, "since launch", ""},
		{"from a file", "", []string{"-a", address, "-f", script}, exitOK, "VLD0:", ""},
		{"from stdin by name", "uptime", []string{"-a", address, "-f", "-"}, exitOK, "since launch", ""},
		{"failure", "", []string{"-a", address, "-e", "bogus"}, exitFailed, "", "Unknown debug command"},
		{"failure and more", "", []string{"-a", address, "--keep-going", "-e", "bogus", "-e", "uptime"}, exitFailed, "since launch", "bogus: Generic"},
		{"no server", "", []string{"-a", "127.0.0.1:1", "-e", "uptime"}, exitFailed, "", "voile serve"},
		{"bad address", "", []string{"-a", "http://x", "-e", "uptime"}, exitMisuse, "", "host:port"},
		{"no such file", "", []string{"-a", address, "-f", "/nonexistent"}, exitMisuse, "", "--file"},
		{"empty token", "", []string{"-a", address, "--token-file", token, "-e", "uptime"}, exitMisuse, "", "is empty"},
		{"token for nobody", "", []string{"--token-file", token, "-e", "uptime"}, exitMisuse, "", "--address"},
		{"two ways", "", []string{"--log", "-e", "uptime"}, exitMisuse, "", "execute"},
		{"argument", "", []string{"uptime"}, exitMisuse, "", "uptime"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := execute(t.Context(), streams{in: strings.NewReader(tt.stdin), out: &out, err: &errs}, append([]string{"console"}, tt.args...))
			if code != tt.code || !fits(out.String(), tt.out) || !fits(errs.String(), tt.errs) {
				t.Errorf("exit code %d, want %d; stdout %q, stderr %q", code, tt.code, out.String(), errs.String())
			}
		})
	}
	code, out, errs := call(t, "console", "-a", address, "--json", "-e", "nodeid")
	var v struct {
		OK     bool
		Output string
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != exitOK || !v.OK || !strings.HasPrefix(v.Output, "VLD0:") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, out, errs)
	}
	if code, out, errs := call(t, "console", "-a", address, "-e", "shutdown"); code != exitOK {
		t.Errorf("shutdown: exit code %d, stdout %q, stderr %q", code, out, errs)
	}
	if code := server.exit(t); code != exitOK {
		t.Errorf("the server ended with code %d", code)
	}
}

// fits reports whether a text has the part, and none if that is empty.
func fits(text, part string) bool {
	return part != "" && strings.Contains(text, part) || part == text
}
