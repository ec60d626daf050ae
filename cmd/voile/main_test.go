package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/internal/loopback"
)

// TestMain runs the program itself when a test starts it as another process.
func TestMain(m *testing.M) {
	if os.Getenv("VOILE_TEST_RUN") != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// call runs a command in this process.
func call(t testing.TB, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(t.Context(), streams{in: strings.NewReader(""), out: &o, err: &e}, args)
	return code, o.String(), e.String()
}

// process is the program as a process of its own.
type process struct {
	cmd   *exec.Cmd
	lines chan string // of stdout; closed at the end
	done  sync.WaitGroup

	mu   sync.Mutex
	errs bytes.Buffer
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.errs.String()
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	p := &process{cmd: exec.CommandContext(ctx, os.Args[0], args...), lines: make(chan string, 16)}
	p.cmd.Env = append(append(os.Environ(), "VOILE_TEST_RUN=1"), env...)
	p.cmd.Stderr = p
	stdout, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.done.Go(func() {
		defer close(p.lines)
		for s := bufio.NewScanner(stdout); s.Scan(); {
			p.lines <- s.Text()
		}
	})
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.done.Wait()
		p.cmd.Wait()
		cancel()
		if t.Failed() {
			t.Logf("log of %v:\n%s", args, p.log())
		}
	})
	return p
}

// ready waits for the line that tells the address of the API.
func (p *process) ready(t *testing.T) string {
	t.Helper()
	line, ok := <-p.lines
	if !ok || !strings.HasPrefix(line, "ready") {
		t.Fatalf("first line %q", line)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "ready"))
}

// exit waits for the end and gives its code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	p.done.Wait()
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// private are the arguments of a node that joins nothing.
func private(t *testing.T, more ...string) []string {
	return append([]string{
		"serve", "--private", "--network-key", "hush", "--data", t.TempDir(), "--api", "127.0.0.1:0",
		"--listen-port", fmt.Sprint(loopback.FreePort(t)),
	}, more...)
}

func ask(t *testing.T, network, address, request string) map[string]any {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request+"\n"); err != nil {
		t.Fatal(err)
	}
	for r := bufio.NewReader(conn); ; {
		line, err := r.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if v["type"] == "Response" {
			return v
		}
	}
}

func TestServeUntilSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no signals to other processes")
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			p := start(t, nil, private(t)...)
			address := p.ready(t)
			if v := ask(t, "tcp", address, `{"id":1,"op":"VeilidVersion"}`); v["minor"] != 5.0 {
				t.Errorf("version: %v", v)
			}
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if code := p.exit(t); code != exitOK {
				t.Errorf("exit code %d, want %d", code, exitOK)
			}
		})
	}
}

func TestServeUntilControl(t *testing.T) {
	p := start(t, nil, private(t)...)
	address := p.ready(t)
	settings := ask(t, "tcp", address, `{"id":1,"op":"Control","args":["GetServerSettings"]}`)
	if text, _ := settings["value"].(string); !strings.Contains(text, "private_network") || strings.Contains(text, "hush") {
		t.Errorf("settings %v", settings)
	}
	for args, want := range map[string]string{
		`["ChangeLogLevel","all","debug"]`:    "",
		`["ChangeLogLevel","nowhere","info"]`: "InvalidArgument",
		`["Nonsense"]`:                        "Generic",
		`["Shutdown","now"]`:                  "Generic",
	} {
		v := ask(t, "tcp", address, `{"op":"Control","args":`+args+`}`)
		e, _ := v["error"].(map[string]any)
		if kind, _ := e["kind"].(string); kind != want {
			t.Errorf("%s: %v, want %q", args, v, want)
		}
	}
	ask(t, "tcp", address, `{"id":2,"op":"Control","args":["Shutdown"]}`)
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
}

// Three processes on this machine are a network: they find each other by a
// record, and a message goes from one to another over a private route.
func TestServePrivateNetwork(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "first.key")
	if code, _, errs := call(t, "keys", "new", "--out", key); code != 0 {
		t.Fatal(errs)
	}
	port := fmt.Sprint(loopback.FreePort(t))
	code, record, errs := call(t, "bootstrap-record", "--hostname", "127.0.0.1", "--keys", key, "--dial", "U"+port+",T"+port+",W"+port+"/ws")
	if code != 0 {
		t.Fatal(errs)
	}
	common := []string{"--private", "--network-key", "x", "--api", "127.0.0.1:0"}
	var addresses []string
	for i := range 3 {
		args := append([]string{"serve", "--data", filepath.Join(dir, fmt.Sprint(i))}, common...)
		if i == 0 {
			args = append(args, "--identity", key, "--listen-port", port)
		} else {
			args = append(args, "--bootstrap-record", strings.TrimSpace(record), "--listen-port", fmt.Sprint(loopback.FreePort(t)))
		}
		addresses = append(addresses, start(t, nil, args...).ready(t))
	}
	for _, a := range addresses {
		if v := ask(t, "tcp", a, `{"op":"WaitForAttachmentCondition","timeout_ms":30000}`); v["error"] != nil {
			t.Fatalf("%s is not ready: %v\n%v", a, v, ask(t, "tcp", a, `{"op":"GetState"}`)["value"].(map[string]any)["attachment"])
		}
	}
	blob := ask(t, "tcp", addresses[1], `{"op":"NewPrivateRoute"}`)
	if blob["error"] != nil {
		t.Fatal(blob)
	}
	value := blob["value"].(map[string]any)
	id := ask(t, "tcp", addresses[2], fmt.Sprintf(`{"op":"ImportRemotePrivateRoute","blob":%q}`, value["blob"]))
	if id["value"] != value["route_id"] {
		t.Errorf("imported as %v, want %v", id, value["route_id"])
	}
	watcher, err := net.Dial("tcp", addresses[1])
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close()
	io.WriteString(watcher, `{"id":1,"op":"Now"}`+"\n")
	updates := bufio.NewReader(watcher)
	if _, err := updates.ReadString('\n'); err != nil { // it is subscribed now
		t.Fatal(err)
	}
	ask(t, "tcp", addresses[2], fmt.Sprintf(`{"op":"Debug","command":"appmessage #%v hello"}`, id["value"]))
	watcher.SetReadDeadline(time.Now().Add(20 * time.Second))
	for {
		line, err := updates.ReadString('\n')
		if err != nil {
			t.Fatalf("no message: %v", err)
		}
		if strings.Contains(line, `"kind":"AppMessage"`) && strings.Contains(line, `"message":"aGVsbG8"`) {
			return
		}
	}
}

func TestServeOnUnixSocket(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no socket files")
	}
	dir, err := os.MkdirTemp("", "voile") // a short path: sockets have no long ones
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "api")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--detached", "--data", dir, "--api", "unix:" + path}
	if code, _, errs := call(t, args...); code != exitMisuse {
		t.Errorf("a file in the way: exit code %d: %s", code, errs)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, args...)
	if address := p.ready(t); address != path {
		t.Errorf("ready at %q, want %q", address, path)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info, err)
	}
	if v := ask(t, "unix", path, `{"id":1,"op":"GetState"}`); v["error"] != nil {
		t.Error(v)
	}
	if code, _, errs := call(t, args...); code != exitFailed || !strings.Contains(errs, "another program serves") {
		t.Errorf("a second server: exit code %d: %s", code, errs)
	}
}

func TestServeTellsSystemd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no systemd")
	}
	dir, err := os.MkdirTemp("", "voile")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	at := filepath.Join(dir, "notify")
	l, err := net.ListenPacket("unixgram", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := start(t, []string{"NOTIFY_SOCKET=" + at}, "serve", "--detached", "--api", "", "--data", dir)
	if address := p.ready(t); address != "" {
		t.Errorf("ready at %q, want nowhere", address)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	l.SetReadDeadline(time.Now().Add(20 * time.Second))
	for _, want := range []string{"READY=1", "STOPPING=1"} {
		b := make([]byte, 64)
		n, _, err := l.ReadFrom(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("told %q (%v), want %q", b[:n], err, want)
		}
	}
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// What goes wrong is told in a line that says what to do.
func TestServeMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	locked := t.TempDir()
	holder := start(t, nil, "serve", "--detached", "--api", "", "--data", locked)
	holder.ready(t)
	for _, tt := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"api in use", []string{"--api", taken.Addr().String()}, exitFailed, "choose another with --api"},
		{"api without port", []string{"--api", "localhost"}, exitMisuse, "host:port"},
		{"data in use", []string{"--api", "", "--data", locked}, exitFailed, "choose another with --data"},
		{"private without key", []string{"--private"}, exitMisuse, "network.network_key_password"},
		{"no such file", []string{"--config", "/nonexistent"}, exitMisuse, "--dump-config"},
		{"bad address", []string{"--config", file(`{"network":{"protocol":{"tcp":{"listen_address":":99999"}}}}`)}, exitMisuse, "config: network.protocol.tcp.listen_address: "},
		{"bad type", []string{"--config", file("network:\n  upnp: maybe\n")}, exitMisuse, "config: network.upnp: "},
		{"no YAML", []string{"--config", file("a: b: c")}, exitMisuse, "config: "},
		{"log level", []string{"--log-level", "loud"}, exitMisuse, "--log-level"},
		{"unknown flag", []string{"--nonsense"}, exitMisuse, "--nonsense"},
		{"argument", []string{"now"}, exitMisuse, "now"},
		{"no identity", []string{"--identity", file("nothing")}, exitMisuse, "not a key pair"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"serve", "--data", t.TempDir(), "--detached"}, tt.args...)
			code, out, errs := call(t, args...)
			if code != tt.code || out != "" || !strings.Contains(errs, tt.says) {
				t.Errorf("exit code %d, want %d; stdout %q; stderr %s", code, tt.code, out, errs)
			}
		})
	}
}

// Stores that do not open say which one, and what can be done.
func TestServeBadStores(t *testing.T) {
	dir := t.TempDir()
	args := []string{"serve", "--detached", "--api", "", "--data", dir}
	p := start(t, nil, args...)
	p.ready(t)
	p.cmd.Process.Kill()
	p.exit(t)
	t.Setenv("DEK_PASSWORD", "another")
	if code, _, errs := call(t, args...); code != exitFailed || !strings.Contains(errs, "set DEK_PASSWORD") {
		t.Errorf("another password: exit code %d: %s", code, errs)
	}
	os.Unsetenv("DEK_PASSWORD")
	store := filepath.Join(dir, "table_store", "voile")
	if err := os.WriteFile(store, []byte(strings.Repeat("nonsense", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := call(t, args...); code != exitFailed || !strings.Contains(errs, store) || !strings.Contains(errs, "restore it") {
		t.Errorf("corrupt store: exit code %d: %s", code, errs)
	}
}

func TestServeWarnsOfUnknownKeys(t *testing.T) {
	config := filepath.Join(t.TempDir(), "c")
	if err := os.WriteFile(config, []byte("colour: red\ncore: {network: {shape: round}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "serve", "--config", config, "--detached", "--api", "", "--data", t.TempDir(), "--log-json")
	p.ready(t)
	for _, key := range []string{`"key":"colour"`, `"key":"network.shape"`} {
		eventually(t, "a warning of "+key, func() bool { return strings.Contains(p.log(), key) })
	}
}

// A port of the network that is in use is told, and tried again: the node
// itself does not end.
func TestServeNetworkPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	args := private(t)
	args[len(args)-1] = fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
	p := start(t, nil, args...)
	address := p.ready(t)
	for end := time.Now().Add(20 * time.Second); !strings.Contains(p.log(), "--listen-port"); {
		if time.Now().After(end) {
			t.Fatal("nothing in the log")
		}
		ask(t, "tcp", address, `{"op":"WaitForAttachmentCondition","timeout_ms":50}`)
	}
}
