package webdemo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
	"github.com/voile-net/voile/core/crypto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const pageText = `<!doctype html><script type="importmap">{"imports":{}}</script><script type="module" src="main.js"></script>`

// folder is a folder web with everything that a site needs.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"demo/index.html": pageText, "demo/main.js": "export {}", "demo/test/secret.js": "no", "demo/notes.txt": "no", "demo/.hidden.js": "no",
		"dist/browser.js": "export {}", "dist/voile.wasm": strings.Repeat("\x00asm", 1000),
		"package.json": "{}",
	} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), []byte(text))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, strings.Repeat("\x00asm", 1000))
	z.Close()
	write(t, filepath.Join(dir, "dist", "voile.wasm.gz"), packed.Bytes())
	write(t, filepath.Join(dir, "dist", "voile.wasm.br"), []byte("brotli"))
	return dir
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func newTestSite(t *testing.T, dir string) *site {
	t.Helper()
	f, err := openFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.close() })
	s, err := newSite(f, description{Network: "n", Nodes: []nodeFacts{{"Carol", "VLD0:x", "127.0.0.1:10001"}, {"Dave", "VLD0:y", "127.0.0.1:10002"}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(s http.Handler, path string, header ...string) *http.Response {
	return request(s, http.MethodGet, "127.0.0.1:8080", path, header...)
}

func request(s http.Handler, method, host, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, "http://"+host+"/", nil)
	r.URL.Path = path
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Result()
}

func TestFilesHaveTheirTypes(t *testing.T) {
	s := newTestSite(t, folder(t))
	for path, want := range map[string]string{
		"/":                               "text/html; charset=utf-8",
		"/index.html":                     "text/html; charset=utf-8",
		"/main.js":                        "text/javascript; charset=utf-8",
		"/@voile/node/browser.js":         "text/javascript; charset=utf-8",
		"/@voile/node/voile.wasm":         "application/wasm",
		"/network.json":                   "application/json",
		"/absent.js":                      "",
		"/notes.txt":                      "", // a kind that is not served
		"/.hidden.js":                     "",
		"/test/secret.js":                 "",
		"/demo/index.html":                "",
		"/../package.json":                "",
		"/@voile/node/../../package.json": "",
		"/@voile/node/voile.wasm.br":      "", // only as an encoding
		"//main.js":                       "",
		"/@voile/node/":                   "",
	} {
		got := get(s, path)
		if want == "" {
			if got.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, got.Status)
			}
			continue
		}
		if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != want {
			t.Errorf("%s: %s, %s, want %s", path, got.Status, got.Header.Get("Content-Type"), want)
		}
		if got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: headers %v", path, got.Header)
		}
	}
}

func TestCompressedCopies(t *testing.T) {
	dir := folder(t)
	s := newTestSite(t, dir)
	for _, tt := range []struct{ accept, want string }{
		{"gzip, deflate, br", "br"}, {"gzip", "gzip"}, {"", ""}, {"br;q=0, gzip", "gzip"}, {"identity", ""}, {"BR", "br"},
	} {
		got := get(s, "/@voile/node/voile.wasm", "Accept-Encoding", tt.accept)
		if e := got.Header.Get("Content-Encoding"); e != tt.want || got.Header.Get("Content-Type") != "application/wasm" || got.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: encoding %q, want %q; %v", tt.accept, e, tt.want, got.Header)
		}
	}
	// A copy that is older than its file is of another build.
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"voile.wasm.br", "voile.wasm.gz"} {
		if err := os.Chtimes(filepath.Join(dir, "dist", name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if e := get(s, "/@voile/node/voile.wasm", "Accept-Encoding", "br, gzip").Header.Get("Content-Encoding"); e != "" {
		t.Errorf("an old copy was sent: %q", e)
	}
}

func TestTagsAndChanges(t *testing.T) {
	dir := folder(t)
	s := newTestSite(t, dir)
	first := get(s, "/main.js")
	tag := first.Header.Get("ETag")
	if tag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("headers %v", first.Header)
	}
	if again := get(s, "/main.js", "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
		t.Errorf("asked again: %s", again.Status)
	}
	if br, plain := get(s, "/@voile/node/voile.wasm", "Accept-Encoding", "br"), get(s, "/@voile/node/voile.wasm"); br.Header.Get("ETag") == plain.Header.Get("ETag") {
		t.Error("one tag for two encodings")
	}
	write(t, filepath.Join(dir, "demo", "main.js"), []byte("export const changed = 1"))
	if changed := get(s, "/main.js", "If-None-Match", tag); changed.StatusCode != http.StatusOK || changed.Header.Get("ETag") == tag {
		t.Errorf("after a change: %s, %s", changed.Status, changed.Header.Get("ETag"))
	}
}

func TestPolicy(t *testing.T) {
	s := newTestSite(t, folder(t))
	policy := get(s, "/").Header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "connect-src 'self' ws://127.0.0.1:10001 ws://127.0.0.1:10002;", "'wasm-unsafe-eval'",
		"'sha256-", "worker-src 'self'", "frame-ancestors 'none'", "style-src 'self'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %s in %s", want, policy)
		}
	}
	for _, never := range []string{"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} {
		if strings.Contains(policy, never) {
			t.Errorf("%s in %s", never, policy)
		}
	}
	if strings.Count(policy, "'sha256-") != 1 {
		t.Errorf("not one hash for one script: %s", policy)
	}
	if worker := get(s, "/@voile/node/browser.js").Header.Get("Content-Security-Policy"); !strings.Contains(worker, "ws://127.0.0.1:10001") || strings.Contains(worker, "sha256") {
		t.Errorf("policy of a worker: %s", worker)
	}
}

func TestOnlyThisMachine(t *testing.T) {
	s := newTestSite(t, folder(t))
	for host, want := range map[string]int{
		"127.0.0.1:8080": 200, "localhost:8080": 200, "[::1]:8080": 200, "127.0.0.1": 200, "LOCALHOST": 200,
		"rebound.example:8080": 421, "192.0.2.1:8080": 421, "localhost.example": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/network.json", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
		if want != 200 && strings.Contains(w.Body.String(), "Carol") {
			t.Errorf("host %q was told of the network", host)
		}
	}
	for method, want := range map[string]int{http.MethodPost: 405, http.MethodPut: 405, http.MethodHead: 200} {
		for _, path := range []string{"/", networkPath} {
			if got := request(s, method, "localhost", path); got.StatusCode != want {
				t.Errorf("%s %s: %s", method, path, got.Status)
			}
		}
	}
}

// What is not built is named together with what builds it.
func TestMissingParts(t *testing.T) {
	for file, says := range map[string]string{
		"demo/index.html": "--dir", "dist/browser.js": "make web-package", "dist/voile.wasm": "make web-module",
	} {
		dir := folder(t)
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
			t.Fatal(err)
		}
		if err := Run(t.Context(), Options{Dir: dir}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), says) {
			t.Errorf("without %s: %v", file, err)
		}
	}
	t.Chdir(t.TempDir())
	if err := Run(t.Context(), Options{}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("no folder: %v", err)
	}
}

func TestListen(t *testing.T) {
	for _, asked := range []string{"8080", "0.0.0.0:8080", ":8080", "192.0.2.1:80", "example.org:80", "127.0.0.1:99999", "127.0.0.1:http"} {
		if _, err := listen(t.Context(), asked); !errors.Is(err, ErrListen) {
			t.Errorf("%q: %v, want ErrListen", asked, err)
		}
	}
	l, err := listen(t.Context(), "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := listen(t.Context(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "in use: choose another with --listen") {
		t.Errorf("a port in use: %v", err)
	}
}

// Without an address, a port that is taken is passed over.
func TestListenTakesTheNextPort(t *testing.T) {
	first, err := listen(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := listen(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	a, b := first.Addr().(*net.TCPAddr), second.Addr().(*net.TCPAddr)
	if a.Port == b.Port || b.Port < firstPort || b.Port >= firstPort+portCount || !b.IP.IsLoopback() {
		t.Errorf("%v, then %v", a, b)
	}
}

// A whole life: the network starts, the page is served, a description of it is
// enough to join, nodes answer WebSocket, and the end of the context ends all.
func TestRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Dir: folder(t), Listen: "127.0.0.1:0", Ready: func(url string, nodes []string) { ready <- url }})
	}()
	var url string
	select {
	case url = <-ready:
	case err := <-done:
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url + "network.json")
	if err != nil {
		t.Fatal(err)
	}
	var d description
	err = json.NewDecoder(answer.Body).Decode(&d)
	answer.Body.Close()
	if err != nil || len(d.Nodes) != len(names) || d.Network == "" || len(d.Bootstrap) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	cfg := privnet.Ticket{NetworkKey: d.NetworkKey, Bootstrap: d.Bootstrap[0]}.Config("page", netip.AddrPort{})
	if err := cfg.Validate(); err != nil {
		t.Errorf("a node cannot join by it: %v", err)
	}
	for _, n := range d.Nodes {
		if _, err := crypto.Parse[crypto.NodeID](n.ID); err != nil {
			t.Errorf("%s: %v", n.ID, err)
		}
		if at, err := netip.ParseAddrPort(n.Address); err != nil || !at.Addr().IsLoopback() {
			t.Errorf("%s listens at %s: %v", n.Name, n.Address, err)
		}
		upgrade, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+n.Address+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Origin": strings.TrimSuffix(url, "/")} {
			upgrade.Header.Set(k, v)
		}
		got, err := client.Do(upgrade)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("%s: a page gets no WebSocket: %s", n.Name, got.Status)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("at the end: %v", err)
	}
	if l, err := net.Listen("tcp", strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")); err != nil {
		t.Errorf("the port is still taken: %v", err)
	} else {
		l.Close()
	}
}
