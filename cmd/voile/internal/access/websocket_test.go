package access

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func (w *watched) open(t testing.TB, scheme string, client *http.Client, header http.Header, host string, protocols ...string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ws, answer, err := websocket.Dial(ctx, scheme+"://"+w.address+"/", &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: header, Host: host, Subprotocols: protocols,
	})
	if err == nil {
		ws.SetReadLimit(4 << 20)
		t.Cleanup(func() { ws.CloseNow() })
	}
	return ws, answer, err
}

func say(t testing.TB, ws *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t testing.TB, ws *websocket.Conn) (v map[string]any, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	kind, text, err := ws.Read(ctx)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &v); err != nil || kind != websocket.MessageText {
		t.Fatalf("message of kind %v: %.200q: %v", kind, text, err)
	}
	return v, nil
}

func mustHear(t testing.TB, ws *websocket.Conn) map[string]any {
	t.Helper()
	v, err := hear(t, ws)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWebSocket(t *testing.T) {
	w := serveFront(t, Options{WebSocket: true}, false)
	ws, _, err := w.open(t, "ws", nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	say(t, ws, nowRequest)
	if v := mustHear(t, ws); !isAnswer(v, 7) {
		t.Errorf("answer %v", v)
	}
	say(t, ws, "{\"id\":8,\r\n \"op\" :\n\"DefaultVeilidConfig\"}\n") // as people write it
	if v := mustHear(t, ws); !isAnswer(v, 8) || len(v["value"].(string)) < 1000 {
		t.Errorf("answer %v", v)
	}
	long := `{"id":9,"op":"IsShutdown","x":"` + strings.Repeat("x", 800<<10) + `"}`
	say(t, ws, long)
	if v := mustHear(t, ws); !isAnswer(v, 9) {
		t.Errorf("answer %v", v)
	}
	if err := w.node.Attach(); err != nil {
		t.Fatal(err)
	}
	if v := mustHear(t, ws); v["type"] != "Update" || v["kind"] != "Attachment" {
		t.Errorf("update %v", v)
	}
}

// A WebSocket ends as a connection of lines does: at the first message that is no
// request. None can hide a second request.
func TestWebSocketRefuses(t *testing.T) {
	w := serveFront(t, Options{WebSocket: true, MaxLine: 1 << 20}, false)
	for _, tt := range []struct {
		name, text string
		kind       websocket.MessageType
	}{
		{"no request", "hello", websocket.MessageText},
		{"two lines", lines(`{"op":"Nonsense"`, mischief), websocket.MessageText},
		{"a request and another", lines(nowRequest, mischief), websocket.MessageText},
		{"binary", mischief, websocket.MessageBinary},
		{"too long", `{"op":"Now","x":"` + strings.Repeat("x", 1<<20+1) + `"}`, websocket.MessageText},
	} {
		ws, _, err := w.open(t, "ws", nil, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		ws.Write(ctx, tt.kind, []byte(tt.text)) // may end in the middle
		if v, err := hear(t, ws); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, %v; want the end", tt.name, v, err)
		}
		cancel()
	}
	w.nothingDone(t)
}

// Who may open a WebSocket: nobody by a stranger's name, no page that was not
// allowed.
func TestWebSocketDoor(t *testing.T) {
	w := serveFront(t, Options{WebSocket: true, Origins: []string{"https://good.example"}, Hosts: []string{"node.example"}}, false)
	for _, tt := range []struct {
		name, host, origin string
		code               int // 0: it opens
	}{
		{"no page", "", "", 0},
		{"allowed page", "", "https://good.example", 0},
		{"allowed page, other letters", "", "HTTPS://good.example", 0},
		{"other page", "", "https://evil.example", 403},
		{"page with the same name as the host", "localhost", "http://localhost", 403},
		{"page without a name", "", "null", 403},
		{"origin without scheme", "", "good.example", 403},
		{"localhost", "localhost:5959", "", 0},
		{"IPv6", "[::1]:5959", "", 0},
		{"allowed name", "node.example", "", 0},
		{"allowed name with port", "Node.Example:5959", "", 0},
		{"rebound name", "evil.example:5959", "", 403},
		{"rebound name like an address", "127.0.0.1.evil.example", "", 403},
		{"rebound name, allowed page", "evil.example", "https://good.example", 403},
		{"end with a dot", "localhost.", "", 0},
	} {
		header := http.Header{}
		if tt.origin != "" {
			header.Set("Origin", tt.origin)
		}
		ws, answer, err := w.open(t, "ws", nil, header, tt.host)
		switch {
		case tt.code == 0 && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.code == 0:
			say(t, ws, nowRequest)
			if v := mustHear(t, ws); !isAnswer(v, 7) {
				t.Errorf("%s: %v", tt.name, v)
			}
		case err == nil:
			t.Errorf("%s: it opened", tt.name)
		case answer == nil || answer.StatusCode != tt.code:
			t.Errorf("%s: %v, want status %d", tt.name, err, tt.code)
		}
	}
}

func TestHostAllowed(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:5959": true, "[::1]:5959": true, "::1": true, "192.168.1.5:80": true, "localhost": true,
		"LOCALHOST:1": true, "good": true, "good:5": true, "": false, "evil": false, "evil:5959": false, "127.0.0.1.evil": false,
		"localhost.evil": false, "evil.localhost": false, ":5959": false, "0x7f.1": false,
	} {
		if got := HostAllowed(host, []string{"good"}); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

// What was answered arrives when the server ends.
func TestWebSocketGetsLastAnswers(t *testing.T) {
	w := serveFront(t, Options{WebSocket: true}, false)
	ws, _, err := w.open(t, "ws", nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() { // as Control Shutdown does
		defer close(closed)
		<-w.asked
		w.front.Close()
	}()
	say(t, ws, mischief)
	if v := mustHear(t, ws); !isAnswer(v, 1) {
		t.Errorf("answer %v", v)
	}
	if v, err := hear(t, ws); err == nil {
		t.Errorf("%v after the end", v)
	}
	<-closed
}
