//go:build !js

package browsertest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/internal/loopback"
)

// A page served by https is in a network of nodes that listen on plain ws, which it
// reaches through a gateway only: a server with TLS, and a worker under workerd.
func TestThroughGateway(t *testing.T) {
	ip := outsideAddress(t)
	for name, open := range map[string]func(*testing.T, string) *gateway{"server": serverGateway, "worker": workerGateway} {
		for _, place := range places(t) {
			t.Run(name+"/"+place, func(t *testing.T) {
				need(t, place)
				if _, err := exec.LookPath("certutil"); place == "firefox" && err != nil {
					t.Skip("SKIP: certutil is not installed, with which Firefox is given a certificate: install libnss3-tools")
				}
				throughGateway(t, place, ip, open(t, ip))
			})
		}
	}
}

func throughGateway(t *testing.T, place, ip string, g *gateway) {
	record := ""
	at := func(name string) *core.Node {
		port := loopback.FreePort(t)
		cfg := loopback.Config(name, port, record)
		listen := fmt.Sprintf("%s:%d", ip, port)
		p := &cfg.Network.Protocol
		p.UDP.ListenAddress, p.TCP.ListenAddress, p.WS.ListenAddress = listen, listen, listen
		node := started(t, cfg)
		if record == "" {
			record = fmt.Sprintf("0|0|%s|%s|U%d,T%[3]d,W%[3]d/ws", node.ID(), ip, port)
		}
		return node
	}
	for i := range 3 {
		at(fmt.Sprintf("relay%d", i))
	}
	node := at("friend")
	waiting, cancelWait := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancelWait()
	if err := node.WaitReady(waiting); err != nil {
		t.Fatal(err)
	}
	route, err := node.NewPrivateRoute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	updates := node.Subscribe(0)
	served := make(chan []string)
	go func() { served <- serve(ctx, node, updates) }()
	var results []struct {
		ReadyMS  int `json:"readyMs"`
		Answer   string
		Calls    []string
		Messages []string
		Value    string
		Error    string
	}
	j := job{Place: place, Steps: []step{{
		Scenario: "network", Config: browserConfig(record),
		Data: map[string]any{"friend": base64.RawURLEncoding.EncodeToString(route.Blob)},
		Host: map[string]any{"secure": true, "gateways": []string{g.url}},
	}}}
	if place == "node" {
		t.Setenv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
	} else {
		j.TLS = map[string]string{"cert": g.certificate, "key": g.key, "authority": g.authority}
	}
	playJob(t, j, &results)
	got := results[0]
	cancel()
	updates.Close()
	said := <-served
	if got.Error != "" {
		t.Fatal(got.Error)
	}
	messages := g.carried(t)
	t.Logf("ready after %d ms; the gateway carried %d messages", got.ReadyMS, messages)
	if messages < 50 {
		t.Errorf("the gateway carried %d messages", messages)
	}
	check(t, "the friend's answer", got.Answer, "you said hello")
	check(t, "calls of the friend", fmt.Sprint(got.Calls), fmt.Sprint([]string{"are you there?"}))
	check(t, "messages of the friend", fmt.Sprint(got.Messages), fmt.Sprint([]string{"a message"}))
	check(t, "what the friend was told", fmt.Sprint(said), fmt.Sprint([]string{"yes: are you there?", "by message"}))
	check(t, "record", got.Value, "written in the browser")
}

func started(t *testing.T, cfg config.Config) *core.Node {
	t.Helper()
	node, err := core.Start(t.Context(), cfg, core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	if err := node.Attach(); err != nil {
		t.Fatal(err)
	}
	return node
}

// outsideAddress is an IPv4 address of this machine that is not its loopback: browsers
// let pages open ws:// there without a gateway.
func outsideAddress(t *testing.T) string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			return n.IP.String()
		}
	}
	t.Skip("SKIP: this machine has no address besides its loopback")
	return ""
}

// gateway is a gateway that runs.
type gateway struct {
	url              string
	authority        string // PEM, of the certificate
	certificate, key string // PEM; of the page too
	carried          func(t *testing.T) (messages int)
}

// certified makes a certificate of an authority that no browser knows.
func certified(t *testing.T, dir string) (g gateway) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "test authority"}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	}
	site := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed := func(c *x509.Certificate) string {
		der, err := x509.CreateCertificate(rand.Reader, c, authority, private.Public(), private)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	g.authority, g.certificate = signed(authority), signed(site)
	g.key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	for name, text := range map[string]string{"gw.crt": g.certificate, "gw.key": g.key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// serverGateway is "voile gateway" with TLS.
func serverGateway(t *testing.T, ip string) *gateway {
	dir := t.TempDir()
	g := certified(t, dir)
	program := filepath.Join(dir, "voile")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/voile")
	build.Dir = root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	metrics := fmt.Sprintf("127.0.0.1:%d", loopback.FreePort(t))
	at := firstLine(t, dir, program, "gateway", "--listen", "127.0.0.1:0", "--tls-cert", filepath.Join(dir, "gw.crt"), "--tls-key", filepath.Join(dir, "gw.key"),
		"--origin", "*", "--node", ip, "--metrics", metrics)
	g.url = "wss://" + strings.TrimPrefix(at, "ready ")
	g.carried = func(t *testing.T) (messages int) {
		return carried(t, "http://"+metrics+"/metrics", `(?m)^voile_gateway_messages_total\{direction="(?:up|down)"\} (\d+)`)
	}
	return &g
}

// carried adds up the numbers that a pattern finds.
func carried(t *testing.T, url, pattern string) (sum int) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// workerGateway is the worker under workerd, with TLS.
func workerGateway(t *testing.T, ip string) *gateway {
	edge := filepath.Join(root(t), "wasm/edge")
	for path, how := range map[string]string{"test/node_modules/miniflare": "web/tools/install.sh wasm/edge/test", "worker/gateway.wasm": "make edge"} {
		if _, err := os.Stat(filepath.Join(edge, path)); err != nil {
			t.Skipf("SKIP: wasm/edge/%s is not there: run %s", path, how)
		}
	}
	dir := t.TempDir()
	g := certified(t, dir)
	settings, err := json.Marshal(map[string]any{"origins": []string{"*"}, "nodes": []string{ip}})
	if err != nil {
		t.Fatal(err)
	}
	g.url = firstLine(t, edge, "node", "test/run.mjs", string(settings), filepath.Join(dir, "gw.crt"), filepath.Join(dir, "gw.key"))
	g.carried = func(t *testing.T) int {
		return carried(t, strings.Replace(g.url, "wss:", "https:", 1)+"/stats", `"messages(?:Up|Down)":(\d+)`)
	}
	return &g
}

// firstLine starts a program that says on its first line where it is, and ends it with
// the test.
func firstLine(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, log.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s says nothing: %v", program, err)
	}
	return strings.TrimSpace(line)
}
