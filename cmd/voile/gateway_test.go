package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/spf13/pflag"
	"github.com/voile-net/voile/cmd/voile/internal/access"
	"github.com/voile-net/voile/internal/loopback"
)

// A page exchanges a message with a node through the program, over TLS.
func TestGateway(t *testing.T) {
	port := loopback.FreePort(t)
	node := start(t, nil, private(t, "--listen-port", fmt.Sprint(port))...)
	node.ready(t) // its API; it listens a moment later
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	if _, err := access.LoadTLS("", "", dir, time.Now()); err != nil { // makes a certificate
		t.Fatal(err)
	}
	metrics := fmt.Sprintf("127.0.0.1:%d", loopback.FreePort(t))
	file := filepath.Join(dir, "gateway.yaml")
	mustWrite(t, file, fmt.Sprintf("listen: [127.0.0.1:0]\ntls_cert: %s/api.crt\ntls_key: %[1]s/api.key\norigins: [https://app.example]\nnodes: [10.0.0.0/8]\n", dir))
	gw := start(t, nil, "gateway", "-c", file, "--set", "idle_timeout=1m", "--node", fmt.Sprintf("127.0.0.1:%d", port), "--metrics", metrics, "--prefix", "/p", "--log-level", "debug")
	address := gw.ready(t)

	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	open := func(path string) (*websocket.Conn, error) {
		ws, _, err := websocket.Dial(t.Context(), "wss://"+address+path, &websocket.DialOptions{
			HTTPClient: client, HTTPHeader: http.Header{"Origin": {"https://app.example"}},
		})
		if err == nil {
			t.Cleanup(func() { ws.CloseNow() })
			ws.SetReadLimit(-1)
		}
		return ws, err
	}
	path := fmt.Sprintf("/p/ws/127.0.0.1/%d/ws", port)
	ws, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := ws.Write(t.Context(), websocket.MessageBinary, []byte("BOOT")); err != nil { // a node of a private network answers it
		t.Fatal(err)
	}
	kind, answer, err := ws.Read(t.Context())
	if err != nil || kind != websocket.MessageBinary || !strings.HasPrefix(string(answer), "[") {
		t.Errorf("the node answers %.80q, %v", answer, err)
	}
	if _, err := open("/p/ws/127.0.0.1/1/ws"); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a port that is not allowed: %v", err)
	}
	if runtime.GOOS != "windows" {
		gw.cmd.Process.Signal(syscall.SIGHUP)
		for end := time.Now().Add(20 * time.Second); !strings.Contains(gw.log(), "certificate read anew"); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the certificate was not read anew")
			}
		}
	}
	for path, want := range map[string]string{"/healthz": `"status":"ok"`, "/readyz": `"status":"ok"`, "/metrics": "\nvoile_gateway_connections 1\n"} {
		got, err := client.Get("http://" + metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(got.Body)
		got.Body.Close()
		if got.StatusCode != 200 || !strings.Contains(string(text), want) {
			t.Errorf("%s: %d: %s", path, got.StatusCode, text)
		}
	}
	gw.cmd.Process.Signal(os.Interrupt)
	_, _, err = ws.Read(t.Context())
	if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
		t.Errorf("at the end: %v", err)
	}
	gw.exit(t)
	for line := range strings.Lines(gw.log()) {
		if strings.Contains(line, fmt.Sprint(port)) || strings.Contains(line, "127.0.0.1") && !strings.Contains(line, "gateway started") {
			t.Errorf("the log has an address: %s", line)
		}
	}
}

func TestGatewayMisuse(t *testing.T) {
	for _, tt := range []struct {
		args string
		want string
	}{
		{"", "--plain"},
		{"--tls-cert x", "belong together"},
		{"--tls-cert none.crt --tls-key none.key", "none.crt"},
		{"--tls-cert a --tls-key b --plain", "exclude"},
		{"--plain --listen x", "host:port"},
		{"--plain --metrics x", "host:port"},
		{"--plain --origin app.example", "origins"},
		{"--plain --node 10.0.0.1/8", "10.0.0.0/8"},
		{"--plain --max-connections 0", "max_connections"},
		{"--plain --idle-timeout 1ms", "idle_timeout"},
		{"--plain --trusted-proxy x", "trusted_proxies"},
		{"--plain --prefix voile", "prefix"},
		{"--plain --log-level loud", "log_level"},
		{"--plain --set origins=x", "origins"},
		{"--plain --set nonsense=1", "nonsense"},
		{"--plain --set listen=5", "listen"},
		{"--plain --config none.yaml", "dump-config"},
	} {
		code, out, errs := call(t, append([]string{"gateway"}, strings.Fields(tt.args)...)...)
		if code != exitMisuse || out != "" || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: exit code %d: %s%s, want %s", tt.args, code, out, errs, tt.want)
		}
	}
}

// What is printed can be read again, and flags go before --set before the file.
func TestGatewaySettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gateway.yaml")
	mustWrite(t, file, `{"max_connections": 5, "max_per_node": 6, "idle_timeout": "2m", "nodes": []}`)
	args := []string{"gateway", "-c", file, "-s", "max_per_node=7", "-s", "opens_per_node=8", "--opens-per-node", "9", "--origin", "https://a.example", "--origin", "*", "--dump-config"}
	code, out, errs := call(t, args...)
	if code != exitOK {
		t.Fatalf("%d: %s", code, errs)
	}
	for _, want := range []string{"\nmax_connections: 5\n", "\nmax_per_node: 7\n", "\nopens_per_node: 9\n", "\nidle_timeout: 2m0s\n", "\nnodes: []\n", "\n    - https://a.example\n    - '*'\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	mustWrite(t, file, out)
	if _, again, _ := call(t, "gateway", "-c", file, "--dump-config"); again != out {
		t.Errorf("read again it is\n%s", again)
	}
}

// The page for operators names every key and flag.
func TestGatewayPageIsWhole(t *testing.T) {
	page, err := os.ReadFile("../../docs/gateway.md")
	if err != nil {
		t.Fatal(err)
	}
	s := gatewayDefaults()
	for _, e := range s.entries() {
		for _, name := range []string{"`" + e.Key + "`", "`--" + gatewayFlagName(e.Key) + "`"} {
			if !strings.Contains(string(page), name) {
				t.Errorf("%s is not on the page", name)
			}
		}
	}
	newGatewayCommand(streams{}).Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(string(page), "--"+f.Name) {
			t.Errorf("flag --%s is not on the page", f.Name)
		}
	})
}

func TestGatewayUnit(t *testing.T) {
	unit := readPackaging(t, "voile-gateway.service")
	begin := after(unit, "ExecStart=")
	if len(begin) != 1 {
		t.Fatalf("%d ExecStart", len(begin))
	}
	file := filepath.Join(packaging, "gateway.yaml")
	args := strings.Fields(strings.Replace(begin[0], "/etc/voile/gateway.yaml", file, 1))
	if code, out, errs := call(t, append(args[1:], "--dump-config")...); code != exitOK || !strings.Contains(out, "https://app.example") {
		t.Errorf("%v: exit code %d: %s", args, code, errs)
	}
	for _, line := range []string{"Type=notify", "WatchdogSec=60", "RestartPreventExitStatus=2", "DynamicUser=yes", "NoNewPrivileges=yes"} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("no systemd-analyze")
	}
	copied := filepath.Join(t.TempDir(), "voile-gateway.service")
	mustWrite(t, copied, strings.ReplaceAll(unit, "/usr/bin/voile", "/bin/true"))
	if text, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", copied).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze: %v: %s", err, text)
	}
}
