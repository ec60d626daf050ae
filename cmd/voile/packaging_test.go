package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const packaging = "../../packaging"

func readPackaging(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(packaging, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// after are the rests of the lines that begin with a word.
func after(text, word string) (rests []string) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			rests = append(rests, strings.TrimSpace(rest))
		}
	}
	return rests
}

// The settings file of the package has no key that is unknown or without effect.
func TestPackagedSettings(t *testing.T) {
	s, unknown, err := readSettings(filepath.Join(packaging, "voile.yaml"))
	if err != nil || len(unknown) > 0 {
		t.Fatalf("%v, unknown %v", err, unknown)
	}
	if err := s.check(); err != nil || len(s.unsupported()) > 0 {
		t.Errorf("%v, without effect %v", err, s.unsupported())
	}
	if s.api.ipcPath != "/run/voile/api" || s.api.network {
		t.Errorf("api %+v", s.api)
	}
}

// What the unit starts is a command of this program.
func TestUnit(t *testing.T) {
	unit := readPackaging(t, "voile.service")
	start := after(unit, "ExecStart=")
	if len(start) != 1 {
		t.Fatalf("%d ExecStart", len(start))
	}
	args := strings.Fields(strings.Replace(start[0], "/etc/voile/voile.yaml", filepath.Join(packaging, "voile.yaml"), 1))
	code, out, errs := call(t, append(args[1:], "--dump-config")...)
	if code != exitOK || !strings.Contains(out, "/var/lib/voile/table_store") {
		t.Errorf("%v: exit code %d: %s", args, code, errs)
	}
	for _, line := range []string{"Type=notify", "WatchdogSec=60", "RestartPreventExitStatus=2", "User=voile", "NoNewPrivileges=yes"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze")
	}
	copied := filepath.Join(t.TempDir(), "voile.service")
	mustWrite(t, copied, strings.ReplaceAll(unit, "/usr/bin/voile", "/bin/true"))
	if text, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", copied).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze: %v: %s", err, text)
	}
}

// The container starts and checks itself by commands of this program.
func TestDockerfile(t *testing.T) {
	file := readPackaging(t, "Dockerfile")
	list := func(text string) (args []string) {
		t.Helper()
		if err := json.Unmarshal([]byte(text[strings.Index(text, "["):]), &args); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return args
	}
	if entry := after(file, "ENTRYPOINT"); len(entry) != 1 || list(entry[0])[0] != "/usr/local/bin/voile" {
		t.Errorf("entry point %q", entry)
	}
	command := list(after(file, "CMD")[0])
	code, out, errs := call(t, append(command, "--dump-config")...)
	if code != exitOK {
		t.Fatalf("%v: exit code %d: %s", command, code, errs)
	}
	s, _, err := parseSettings([]byte(out))
	if err != nil || s.api.ipcPath != "/data/api" || s.api.network || s.core.TableStore.Directory != "/data/table_store" {
		t.Errorf("%v: %v\n%s", command, err, out)
	}
	check := list(after(file, "HEALTHCHECK")[0])
	if check[0] != "/usr/local/bin/voile" || !strings.Contains(strings.Join(check, " "), "unix:"+s.api.ipcPath) {
		t.Errorf("health check %v does not ask where the server listens", check)
	}
	if code, _, errs := call(t, append(check[1:], "--help")...); code != exitOK {
		t.Errorf("%v: exit code %d: %s", check, code, errs)
	}
	if from := after(file, "FROM"); !strings.Contains(from[len(from)-1], "distroless/static") || !strings.Contains(from[len(from)-1], "nonroot") {
		t.Errorf("built on %s", from[len(from)-1])
	}
}
