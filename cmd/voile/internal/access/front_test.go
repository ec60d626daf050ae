package access

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func selfSigned(t testing.TB) *tls.Config {
	t.Helper()
	cfg, err := LoadTLS("", "", t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// trusting is a client that knows the server by its fingerprint.
func trusting(t testing.TB, server *tls.Config) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		if got := Fingerprint(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{s.PeerCertificates[0].Raw}}}}); got != Fingerprint(server) {
			return fmt.Errorf("fingerprint %s", got)
		}
		return nil
	}}
}

// Remote clients speak TLS and show the token first; then they are clients as all
// others.
func TestRemoteClients(t *testing.T) {
	cfg := selfSigned(t)
	w := serveFront(t, Options{TLS: cfg, Token: testToken, WebSocket: true, Origins: []string{"https://good.example"}}, true)
	dial := func() net.Conn {
		t.Helper()
		conn, err := tls.Dial("tcp", w.address, trusting(t, cfg))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	conn := dial()
	if v := askLine(t, conn, auth(testToken)); !isAnswer(v, 3) || v["op"] != "Auth" {
		t.Fatalf("answer to the token: %v", v)
	}
	if v := askLine(t, conn, nowRequest); !isAnswer(v, 7) {
		t.Errorf("answer %v", v)
	}
	conn = dial() // both at once
	io.WriteString(conn, lines(auth(testToken), nowRequest))
	first, second := readLine(t, conn), readLine(t, conn)
	if !isAnswer(first, 3) || !isAnswer(second, 7) {
		t.Errorf("answers %v and %v", first, second)
	}
	for _, tt := range []struct{ name, text string }{
		{"no token", lines(mischief)},
		{"wrong token", lines(auth(testToken+"x"), mischief)},
		{"empty token", lines(auth(""), mischief)},
		{"another operation", lines(`{"id":1,"op":"Now","token":"`+testToken+`"}`, mischief)},
		{"no JSON", lines("Auth "+testToken, mischief)},
		{"very long", `{"op":"Auth","token":"` + strings.Repeat("x", 1<<20)},
		{"HTTP", "POST / HTTP/1.1\r\n\r\n" + lines(auth(testToken), mischief)},
	} {
		conn := dial()
		io.WriteString(conn, tt.text)
		if text := ended(t, conn); text != "" {
			t.Errorf("%s: answered with %q", tt.name, text)
		}
	}
	plain := w.dial(t)
	io.WriteString(plain, lines(auth(testToken), mischief))
	if text := ended(t, plain); strings.Contains(text, "Response") {
		t.Errorf("without TLS: answered with %q", text)
	}
	w.nothingDone(t)
}

// A WebSocket shows its token in a header, as a subprotocol or in its first
// message.
func TestRemoteWebSockets(t *testing.T) {
	cfg := selfSigned(t)
	w := serveFront(t, Options{TLS: cfg, Token: testToken, WebSocket: true, Origins: []string{"https://good.example"}}, true)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(t, cfg)}}
	t.Cleanup(client.CloseIdleConnections)
	page := http.Header{"Origin": {"https://good.example"}}
	for _, tt := range []struct {
		name      string
		header    http.Header
		protocols []string
		first     string
		code      int  // of a refusal; 0: it opens
		serves    bool // after it has opened
	}{
		{"header", http.Header{"Authorization": {"Bearer " + testToken}}, nil, "", 0, true},
		{"subprotocol of a page", page, []string{subprotocol, bearerSubprotocol + "c3Vic2NyaWJlcg"}, "", 401, false},
		{"first message", page, nil, auth(testToken), 0, true},
		{"no token", nil, nil, mischief, 0, false},
		{"wrong first message", nil, nil, auth("wrong"), 0, false},
		{"wrong header", http.Header{"Authorization": {"Bearer wrong"}}, nil, "", 401, false},
		{"other page with the token", http.Header{"Authorization": {"Bearer " + testToken}, "Origin": {"https://evil.example"}}, nil, "", 403, false},
	} {
		ws, answer, err := w.open(t, "wss", client, tt.header, "", tt.protocols...)
		if tt.code != 0 {
			if err == nil || answer == nil || answer.StatusCode != tt.code {
				t.Errorf("%s: %v, want status %d", tt.name, err, tt.code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if tt.first != "" {
			say(t, ws, tt.first)
			v, err := hear(t, ws)
			if !tt.serves {
				if err == nil {
					t.Errorf("%s: answered with %v", tt.name, v)
				}
				continue
			}
			if !isAnswer(v, 3) {
				t.Errorf("%s: %v, %v", tt.name, v, err)
				continue
			}
		}
		say(t, ws, nowRequest)
		if v := mustHear(t, ws); !isAnswer(v, 7) {
			t.Errorf("%s: %v", tt.name, v)
		}
	}
	w.nothingDone(t)
	token := "c3Vic2NyaWJlcl90b2tlbg"
	other := serveFront(t, Options{TLS: cfg, Token: token, WebSocket: true, Origins: []string{"https://good.example"}}, true)
	ws, _, err := other.open(t, "wss", client, page, "", subprotocol, bearerSubprotocol+token)
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != subprotocol {
		t.Errorf("subprotocol %q, want %q", ws.Subprotocol(), subprotocol)
	}
	say(t, ws, nowRequest)
	if v := mustHear(t, ws); !isAnswer(v, 7) {
		t.Errorf("token as a subprotocol: %v", v)
	}
}

// Strangers from one place are bounded, and those who say nothing do not stop a
// client that is known.
func TestStrangersAreBounded(t *testing.T) {
	w := serveFront(t, Options{Token: testToken}, true)
	known := w.dial(t)
	askLine(t, known, auth(testToken))
	var silent []net.Conn
	for range maxOfOneIP {
		silent = append(silent, w.dial(t))
	}
	refused := w.dial(t)
	if text := ended(t, refused); text != "" {
		t.Errorf("one too many was told %q", text)
	}
	if v := askLine(t, known, nowRequest); !isAnswer(v, 7) {
		t.Errorf("answer %v", v)
	}
	if v := askLine(t, silent[0], auth(testToken)); !isAnswer(v, 3) {
		t.Errorf("answer to the token: %v", v)
	}
}

// With neither token nor TLS a remote address is as open as the local one.
func TestInsecure(t *testing.T) {
	w := serveFront(t, Options{}, true)
	if v := askLine(t, w.dial(t), nowRequest); !isAnswer(v, 7) {
		t.Errorf("answer %v", v)
	}
}

func TestListenTCP(t *testing.T) {
	log := New(nil, Options{}).log
	both, err := ListenTCP(t.Context(), "localhost:0", log)
	if err != nil {
		t.Fatal(err)
	}
	ports := map[int]bool{}
	for _, l := range both {
		defer l.Close()
		ports[l.Addr().(*net.TCPAddr).Port] = true
		if Remote(l) {
			t.Errorf("%v counts as remote", l.Addr())
		}
	}
	if len(ports) != 1 || both[0].Addr().(*net.TCPAddr).IP.String() != "127.0.0.1" {
		t.Errorf("listens on %v", both)
	}
	if _, err := net.Listen("tcp", "[::1]:0"); err == nil && len(both) != 2 {
		t.Errorf("%d listeners, want IPv4 and IPv6", len(both))
	}
	if _, err := ListenTCP(t.Context(), both[0].Addr().String(), log); err == nil {
		t.Error("a port in use was opened")
	}
	all, err := ListenTCP(t.Context(), ":0", log)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		if !Remote(l) {
			t.Errorf("%v counts as local", l.Addr())
		}
		l.Close()
	}
	for _, bad := range []string{"", "localhost", "localhost:x y", "localhost:99999", "a:b:c"} {
		if _, err := ListenTCP(t.Context(), bad, log); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestLoadToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	token, made, open, err := LoadToken(path)
	if err != nil || !made || open || len(token) < 40 {
		t.Fatalf("%q %v %v %v", token, made, open, err)
	}
	again, made, open, err := LoadToken(path)
	if err != nil || made || open || again != token {
		t.Errorf("read again as %q %v %v %v", again, made, open, err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		if _, _, open, _ := LoadToken(path); !open {
			t.Error("that others can read the file is not told")
		}
	}
	for _, bad := range []string{"", "short", "two words that are long", strings.Repeat("x", maxTokenFile+1)} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if token, _, _, err := LoadToken(path); err == nil {
			t.Errorf("%.20q is taken as %.20q", bad, token)
		}
	}
}

func TestLoadTLS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tls")
	cfg, err := LoadTLS("", "", dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadTLS("", "", dir, time.Now())
	if err != nil || Fingerprint(again) != Fingerprint(cfg) {
		t.Errorf("made anew: %v", err)
	}
	if n := len(Fingerprint(cfg)); n != 95 {
		t.Errorf("fingerprint of %d characters: %s", n, Fingerprint(cfg))
	}
	if info, err := os.Stat(filepath.Join(dir, "api.key")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info, err)
	}
	if _, err := LoadTLS(filepath.Join(dir, "none.crt"), filepath.Join(dir, "api.key"), dir, time.Now()); err == nil {
		t.Error("a certificate that is not there was read")
	}
}

// FuzzFront sends arbitrary bytes to a port that wants a token and takes
// WebSockets. Nothing is done, and who knows the token is served.
func FuzzFront(f *testing.F) {
	f.Add([]byte(lines(auth("x"), mischief)))
	f.Add([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\x05hello"))
	f.Add([]byte("GET /"))
	f.Add([]byte(mischief))
	w := serveFront(f, Options{Token: testToken, WebSocket: true}, true)
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), testToken) {
			return
		}
		conn := w.dial(t)
		conn.Write(text)
		conn.(*net.TCPConn).CloseWrite()
		if got := ended(t, conn); strings.Contains(got, `"Response"`) {
			t.Fatalf("%q answered with %q", text, got)
		}
		w.nothingDone(t)
	})
}
