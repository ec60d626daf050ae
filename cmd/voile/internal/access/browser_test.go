package access

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What web pages can make a browser send to the API does nothing, with and without
// WebSockets, whatever the body is (spec 07 §5.2).
func TestBrowsersDoNothing(t *testing.T) {
	for _, webSocket := range []bool{false, true} {
		w := serveFront(t, Options{WebSocket: webSocket, Origins: []string{"https://good.example"}}, false)
		client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		body := lines(mischief, "", mischief)
		for _, tt := range []struct{ method, path, kind string }{
			{"POST", "/", "text/plain"},
			{"POST", "/", "application/x-www-form-urlencoded"},
			{"POST", "/\n" + mischief, "multipart/form-data"},
			{"PUT", "/", "application/json"},
			{"GET", "/?" + mischief, ""},
			{"OPTIONS", "/", ""},
			{"DELETE", "/", ""},
			{"X", "/", "text/plain"},
			{"HEAD", "/", ""},
		} {
			req, err := http.NewRequest(tt.method, "http://"+w.address+"/", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.URL.Opaque = strings.ReplaceAll(strings.ReplaceAll(tt.path, "\n", "%0a"), `"`, "%22")
			req.Header.Set("Content-Type", tt.kind)
			req.Header.Set("Origin", "https://evil.example")
			answer, err := client.Do(req)
			if err != nil { // the connection ended without an answer
				continue
			}
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode < 400 || strings.Contains(string(text), "Response") {
				t.Errorf("websocket %v: %s %s: status %d: %s", webSocket, tt.method, tt.path, answer.StatusCode, text)
			}
		}
		// Pipelined: the lines follow a request that is complete.
		for _, head := range []string{
			"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
			"GET\r\n", "GET \n", "\r\n\r\nGET / HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			"\x16\x03\x01\x00\x05hello\n",
			"{\r\n", "{} \n", "Content-Type: text/plain\r\n",
		} {
			conn := w.dial(t)
			io.WriteString(conn, head+lines(mischief, mischief))
			if text := ended(t, conn); strings.Contains(text, `"Response"`) {
				t.Errorf("websocket %v: %q\nanswered with %q", webSocket, head, text)
			}
		}
		// The control: the line itself, alone, is done.
		w.nothingDone(t)
		if v := askLine(t, w.dial(t), mischief); !isAnswer(v, 1) || <-w.asked != "Mischief" {
			t.Errorf("websocket %v: the request itself: %v", webSocket, v)
		}
	}
}

// Clients of the original's protocol do not notice that a port takes WebSockets:
// neither those that ask nor those that only listen.
func TestPlainClientsBesideWebSockets(t *testing.T) {
	w := serveFront(t, Options{WebSocket: true}, false)
	silent := w.dial(t)
	slow := w.dial(t)
	io.WriteString(slow, `{"`)
	if v := askLine(t, w.dial(t), nowRequest); !isAnswer(v, 7) {
		t.Errorf("answer %v", v)
	}
	short := w.dial(t)
	io.WriteString(short, "{}")
	short.(*net.TCPConn).CloseWrite()
	if text := ended(t, short); text != "" {
		t.Errorf("a line that is no request was answered with %q", text)
	}
	if v := askLine(t, slow, nowRequest[2:]); !isAnswer(v, 7) {
		t.Errorf("answer to a line in two parts %v", v)
	}
	// The silent one is served after a second: then it is told what happens.
	for end := time.Now().Add(20 * time.Second); w.front.server.Clients() < 3; {
		if time.Now().After(end) {
			t.Fatal("the silent client is not served")
		}
		askLine(t, w.dial(t), nowRequest)
	}
	if err := w.node.Attach(); err != nil {
		t.Fatal(err)
	}
	if v := readLine(t, silent); v["type"] != "Update" {
		t.Errorf("the silent client was told %v", v)
	}
}
