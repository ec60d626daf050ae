package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/voile-net/voile/internal/loopback"
)

// shortDir is a directory whose path leaves room for a socket's.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "voile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// eventually waits until another process has done something.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for end := time.After(20 * time.Second); !done(); {
		select {
		case <-again.C:
		case <-end:
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

// waitLog waits for a text in the log.
func (p *process) waitLog(t *testing.T, text string) {
	t.Helper()
	eventually(t, text+" in the log", func() bool { return strings.Contains(p.log(), text) })
}

func fileHas(path, text string) func() bool {
	return func() bool {
		b, _ := os.ReadFile(path)
		return strings.Contains(string(b), text)
	}
}

func mustWrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Without --api there are both: TCP, and the socket where the original has it.
func TestServeBothSockets(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no socket files")
	}
	dir := shortDir(t)
	p := start(t, nil, "serve", "--detached", "--data", dir, "-s", "client_api.listen_address=localhost:0", "-n", "0")
	address := p.ready(t)
	if v := ask(t, "tcp", address, `{"id":1,"op":"Now"}`); v["value"] == nil {
		t.Errorf("over tcp: %v", v)
	}
	if v := ask(t, "unix", filepath.Join(dir, "ipc", "0"), `{"id":1,"op":"Now"}`); v["value"] == nil {
		t.Errorf("over the socket: %v", v)
	}
	if _, port, _ := net.SplitHostPort(address); runtime.GOOS == "linux" {
		if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
			l.Close()
			if v := ask(t, "tcp", net.JoinHostPort("::1", port), `{"id":1,"op":"Now"}`); v["value"] == nil {
				t.Errorf("over IPv6: %v", v)
			}
		}
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "ipc", "0")); err == nil {
		t.Error("the socket is left")
	}
}

// Other machines get in with TLS and the token only, unless the operator says
// otherwise.
func TestServeRemote(t *testing.T) {
	dir := shortDir(t)
	code, out, errs := call(t, "serve", "--detached", "--data", dir, "--api", "0.0.0.0:0")
	if code != exitMisuse || out != "" || !strings.Contains(errs, "--api-token-file") {
		t.Errorf("without a token: exit code %d: %s", code, errs)
	}
	token := filepath.Join(dir, "token")
	p := start(t, nil, "serve", "--detached", "--data", dir, "--api", "0.0.0.0:0", "--api", "localhost:0", "--api-token-file", token)
	_, port, err := net.SplitHostPort(p.ready(t))
	if err != nil {
		t.Fatal(err)
	}
	p.waitLog(t, "api certificate")
	text, err := os.ReadFile(token)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, `{"id":1,"op":"Auth","token":%q}`+"\n"+`{"id":2,"op":"Now"}`+"\n", strings.TrimSpace(string(text)))
	lines := bufio.NewScanner(conn)
	for _, want := range []string{`"op":"Auth"`, `"op":"Now"`} {
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Errorf("got %q, %v; want %s", lines.Text(), lines.Err(), want)
		}
	}
	if strings.Contains(p.log(), strings.TrimSpace(string(text))) {
		t.Error("the token is in the log")
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.exit(t)

	open := start(t, nil, "serve", "--detached", "--data", dir, "--api", "0.0.0.0:0", "--insecure")
	_, port, _ = net.SplitHostPort(open.ready(t))
	if v := ask(t, "tcp", "127.0.0.1:"+port, `{"id":1,"op":"Now"}`); v["value"] == nil {
		t.Errorf("with --insecure: %v", v)
	}
	open.waitLog(t, "without tls")
}

func TestServeWebSocket(t *testing.T) {
	p := start(t, nil, private(t, "--api-websocket", "--api-origin", "https://good.example")...)
	address := p.ready(t)
	ws, _, err := websocket.Dial(t.Context(), "ws://"+address, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://good.example"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(`{"id":4,"op":"Now"}`)); err != nil {
		t.Fatal(err)
	}
	for {
		_, text, err := ws.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `"id":4`) {
			break
		}
	}
	if _, answer, err := websocket.Dial(t.Context(), "ws://"+address, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}); err == nil || answer == nil || answer.StatusCode != 403 {
		t.Errorf("another page: %v", err)
	}
	if v := ask(t, "tcp", address, `{"id":1,"op":"Now"}`); v["value"] == nil {
		t.Errorf("lines on the same port: %v", v)
	}
}

// Everything that clients can ask of the program (spec 07 §5.7).
func TestServeControl(t *testing.T) {
	p := start(t, []string{"DEK_PASSWORD=dek-secret"}, private(t, "--detached")...)
	address := p.ready(t)
	control := func(args ...string) map[string]any {
		t.Helper()
		text, err := json.Marshal(args)
		if err != nil {
			t.Fatal(err)
		}
		return ask(t, "tcp", address, fmt.Sprintf(`{"id":1,"op":"Control","args":%s}`, text))
	}
	for _, tt := range []struct {
		args       []string
		kind, says string // "": it succeeds with an empty text
	}{
		{[]string{}, "Generic", "no control request specified"},
		{[]string{"Nonsense"}, "Generic", "unknown control message"},
		{[]string{"Shutdown", "now"}, "Generic", "wrong number of arguments"},
		{[]string{"ChangeLogLevel", "api"}, "Generic", "wrong number of arguments"},
		{[]string{"ChangeLogLevel", "nowhere", "debug"}, "InvalidArgument", "change_log_level"},
		{[]string{"ChangeLogLevel", "api", "loud"}, "InvalidArgument", "change_log_level"},
		{[]string{"ChangeLogIgnore", "nowhere", "net"}, "InvalidArgument", "change_log_ignore"},
		{[]string{"EmitSchema", "Nonsense"}, "InvalidArgument", "invalid schema"},
		{[]string{"EmitSchema"}, "Generic", "wrong number of arguments"},
		{[]string{"ChangeLogLevel", "", "info"}, "", ""},
		{[]string{"ChangeLogLevel", "all", "debug,net=error"}, "", ""},
		{[]string{"ChangeLogLevel", "system", "trace"}, "", ""},
		{[]string{"ChangeLogIgnore", "terminal", "rtab,hyper,-hyper"}, "", ""},
		{[]string{"ChangeLogIgnore", "", "none"}, "", ""},
	} {
		v := control(tt.args...)
		e, _ := v["error"].(map[string]any)
		switch {
		case tt.kind == "" && (e != nil || v["value"] != ""):
			t.Errorf("%q: %v", tt.args, v)
		case tt.kind != "" && (e["kind"] != tt.kind || !strings.HasPrefix(fmt.Sprint(e["message"], e["context"]), tt.says) && !strings.Contains(fmt.Sprint(e), tt.says)):
			t.Errorf("%q: %v, want %s %s", tt.args, v, tt.kind, tt.says)
		}
	}
	p.waitLog(t, "api client connected") // which is of level debug
	if v := control("EmitSchema", "Request"); !strings.Contains(fmt.Sprint(v["value"]), "NewRoutingContext") {
		t.Errorf("schema: %.200v", v)
	}
	text, _ := control("GetServerSettings")["value"].(string)
	var tree map[string]any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if tree["core"].(map[string]any)["network"] == nil || tree["client_api"].(map[string]any)["listen_address"] != "127.0.0.1:0" || tree["auto_attach"] != false {
		t.Errorf("settings %s", text)
	}
	for _, secret := range []string{"hush", "dek-secret"} {
		if strings.Contains(text, secret) || strings.Contains(p.log(), secret) {
			t.Errorf("the secret %s is told", secret)
		}
	}

	// Log lines come to clients as updates, by the level of the layer.
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, `{"id":1,"op":"Now"}`+"\n"+`{"id":2,"op":"Control","args":["ChangeLogLevel","api","debug"]}`+"\n"+`{"id":3,"op":"Attach"}`+"\n")
	for lines := bufio.NewScanner(conn); ; {
		if !lines.Scan() {
			t.Fatalf("no log line: %v", lines.Err())
		}
		if strings.Contains(lines.Text(), `"kind":"Log"`) {
			break
		}
	}
	if v := control("Shutdown"); v["value"] != "" {
		t.Errorf("shutdown: %v", v)
	}
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// The log file follows SIGHUP; the terminal layer can be off.
func TestServeLogFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no SIGHUP")
	}
	dir := shortDir(t)
	file, settings := filepath.Join(dir, "log"), filepath.Join(dir, "settings")
	mustWrite(t, settings, fmt.Sprintf("logging: {terminal: {enabled: false}, file: {enabled: true, path: %q, level: debug}}\n", file))
	p := start(t, nil, "serve", "-c", settings, "--detached", "--data", dir, "--api", "127.0.0.1:0")
	address := p.ready(t)
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	p.cmd.Process.Signal(syscall.SIGHUP)
	eventually(t, "the log opened anew", fileHas(file, "opened anew"))
	if v := ask(t, "tcp", address, `{"id":1,"op":"Now"}`); v["value"] == nil {
		t.Errorf("after SIGHUP: %v", v)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	before, _ := os.ReadFile(file + ".1")
	after, _ := os.ReadFile(file)
	if !strings.Contains(string(before), "node started") || !strings.Contains(string(after), "stopped") || p.log() != "" {
		t.Errorf("before:\n%s\nafter:\n%s\nterminal:\n%s", before, after, p.log())
	}
}

func TestServeMetricsAndHealth(t *testing.T) {
	metrics := fmt.Sprintf("127.0.0.1:%d", loopback.FreePort(t))
	p := start(t, nil, private(t, "--metrics", metrics)...)
	address := p.ready(t)
	for path, want := range map[string]string{"/healthz": `"status":"ok"`, "/metrics": "\nvoile_up 1\n"} {
		answer, err := http.Get("http://" + metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != 200 || !strings.Contains(string(text), want) {
			t.Errorf("%s: %d: %s", path, answer.StatusCode, text)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if code, out, errs := call(t, "health", "--api", address); code != exitOK || !strings.Contains(out, "ready: false") {
		t.Errorf("health: exit code %d: %s%s", code, out, errs)
	}
	if code, out, errs := call(t, "health", "--api", address, "--ready", "--json"); code != exitFailed || !strings.Contains(errs, "not ready") || !json.Valid([]byte(out)) {
		t.Errorf("readiness of a node that is alone: exit code %d: %s%s", code, out, errs)
	}
	p.cmd.Process.Kill()
	p.exit(t)
	if code, _, errs := call(t, "health", "--api", address); code != exitFailed || errs == "" {
		t.Errorf("health of nobody: exit code %d: %s", code, errs)
	}
	if code, _, _ := call(t, "health", "--api", "unix:"+filepath.Join(t.TempDir(), "none")); code != exitFailed {
		t.Errorf("health of nobody: exit code %d", code)
	}
}

func TestServeWatchdog(t *testing.T) {
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
	}{{"", "", 0}, {"x", "", 0}, {"0", "", 0}, {"3000000", "", time.Second}, {"3000000", "5", time.Second}, {"3000000", "6", 0}} {
		env := map[string]string{"WATCHDOG_USEC": tt.usec, "WATCHDOG_PID": tt.pid}
		if got := watchdogInterval(func(k string) string { return env[k] }, 5); got != tt.want {
			t.Errorf("%v: %v, want %v", env, got, tt.want)
		}
	}
	if runtime.GOOS != "linux" {
		t.Skip("no systemd")
	}
	dir := shortDir(t)
	at := filepath.Join(dir, "notify")
	l, err := net.ListenPacket("unixgram", at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start(t, []string{"NOTIFY_SOCKET=" + at, "WATCHDOG_USEC=60000"}, "serve", "--detached", "--api", "", "--data", dir)
	l.SetReadDeadline(time.Now().Add(20 * time.Second))
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		b := make([]byte, 64)
		n, _, err := l.ReadFrom(b)
		if err != nil || string(b[:n]) != want {
			t.Errorf("told %q (%v), want %q", b[:n], err, want)
		}
	}
}

// The keys of a daemon that are acted on.
func TestServeDaemonKeys(t *testing.T) {
	dir := shortDir(t)
	settings := filepath.Join(dir, "settings")
	mustWrite(t, settings, fmt.Sprintf(`daemon: {enabled: true, pid_file: pid, working_directory: %q, stdout_file: out, stderr_file: err, user: voile}
client_api: {listen_address: "127.0.0.1:0"}
testing: {subnode_count: 2}
`, dir))
	p := start(t, nil, "serve", "-c", settings, "--detached", "--data", filepath.Join(dir, "data"), "--api", "127.0.0.1:0")
	eventually(t, "ready in the stdout file", fileHas(filepath.Join(dir, "out"), "ready 127.0.0.1:"))
	pid, _ := os.ReadFile(filepath.Join(dir, "pid"))
	if strings.TrimSpace(string(pid)) != fmt.Sprint(p.cmd.Process.Pid) {
		t.Errorf("pid file %q, want %d", pid, p.cmd.Process.Pid)
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	if code := p.exit(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	log, _ := os.ReadFile(filepath.Join(dir, "err"))
	for _, key := range []string{"daemon.enabled: ", "daemon.user: ", "testing.subnode_count: "} {
		if !strings.Contains(string(log), key) {
			t.Errorf("%s is not named as without effect:\n%s", key, log)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "pid")); err == nil {
		t.Error("the pid file is left")
	}
}
