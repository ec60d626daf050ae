package websocket

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

type exchange struct {
	From, Kind, Event, Hex string
	Length                 int
}

func connections(t testing.TB) (all [][]exchange) {
	t.Helper()
	raw, err := os.ReadFile("testdata/ws-connections.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Connections []struct{ Exchange []exchange }
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Connections) == 0 {
		t.Fatal("no connections")
	}
	for _, c := range file.Connections {
		all = append(all, c.Exchange)
	}
	return all
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAgainstRealNode replays what a probe sent to a 0.5.8 node, and compares
// what we would answer with what the node answered.
func TestAgainstRealNode(t *testing.T) {
	for i, c := range connections(t) {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			var ours []byte // since the last packet of the probe
			d := Decoder{}
			reset := false
			for _, e := range c {
				b := unhex(t, e.Hex)
				switch {
				case e.From == "probe" && e.Kind == "http":
					if !IsRequest(b, "ws") {
						reset = true
						continue
					}
					key, _, err := ParseRequest(b)
					switch {
					case errors.Is(err, ErrTooMany):
						ours = []byte(NotFound)
					case err != nil:
						t.Fatal(err)
					default:
						ours = AppendResponse(nil, key)
					}
				case e.From == "probe" && e.Event == "":
					msg, whole, used, need, err := d.Next(bytes.Clone(b))
					if err != nil {
						reset = true
						ours = AppendEnd(nil, Server, nil, err)
					} else if need != 0 || used != len(b) {
						t.Fatalf("frame %s: used %d, need %d", e.Hex, used, need)
					} else if whole && len(msg) > 0 && string(msg) != "BOOT" && string(msg) != "B01T" {
						t.Errorf("message %q", msg)
					}
				case e.Event == "rst":
					if !reset || len(ours) != 0 {
						t.Errorf("the node resets; reset %v, left to say %x", reset, ours)
					}
				case e.From == "node" && e.Length == 0:
					if !bytes.HasPrefix(ours, b) {
						t.Errorf("we answer %x, the node %x", ours, b)
					}
					ours = ours[min(len(b), len(ours)):]
				case e.From == "node" && e.Kind == "ws":
					msg := make([]byte, e.Length-4) // Length counts the header
					if got := AppendFrame(nil, Binary, nil, msg); !bytes.HasPrefix(b, got[:len(got)-len(msg)]) {
						t.Errorf("header %x, the node sends %x", got[:4], b[:4])
					}
				}
			}
		})
	}
}

var testMask = [4]byte{0x12, 0x34, 0x56, 0x78}

func masked(op Opcode, payload string) []byte {
	return AppendFrame(nil, op, &testMask, []byte(payload))
}

func TestNext(t *testing.T) {
	noFin := func(b []byte) []byte { b[0] &^= 0x80; return b }
	for _, tt := range []struct {
		name   string
		frames [][]byte
		want   []string // messages
		err    error    // of the last frame
		answer string   // to err, in hex
	}{
		{"message", [][]byte{masked(Binary, "BOOT")}, []string{"BOOT"}, nil, ""},
		{"empty", [][]byte{masked(Binary, "")}, []string{""}, nil, ""},
		{"126 bytes", [][]byte{masked(Binary, strings.Repeat("x", 126))}, []string{strings.Repeat("x", 126)}, nil, ""},
		{"largest", [][]byte{masked(Binary, strings.Repeat("x", MaxMessage))}, []string{strings.Repeat("x", MaxMessage)}, nil, ""},
		{"too large", [][]byte{masked(Binary, strings.Repeat("x", MaxMessage+1))}, nil, ErrProtocol, "8800"},
		{"much too large", [][]byte{unhex(t, "82ff7fffffffffffffff")}, nil, ErrProtocol, "8800"},
		{"parts", [][]byte{noFin(masked(Binary, "BO")), noFin(masked(Continuation, "O")), masked(Continuation, "T")}, []string{"BOOT"}, nil, ""},
		{"two in parts", [][]byte{noFin(masked(Binary, "BO")), masked(Continuation, "OT"), noFin(masked(Binary, "a")), masked(Continuation, "b")}, []string{"BOOT", "ab"}, nil, ""},
		{"parts too large", [][]byte{noFin(masked(Binary, strings.Repeat("x", MaxMessage))), masked(Continuation, "x")}, nil, ErrProtocol, "8800"},
		{"continuation of nothing", [][]byte{masked(Continuation, "x")}, nil, ErrProtocol, "8800"},
		{"message inside a message", [][]byte{noFin(masked(Binary, "a")), masked(Binary, "b")}, nil, ErrProtocol, "8800"},
		{"unmasked", [][]byte{AppendFrame(nil, Binary, nil, []byte("BOOT"))}, nil, ErrProtocol, "8800"},
		{"reserved bit", [][]byte{{0xc2, 0x80, 0, 0, 0, 0}}, nil, ErrProtocol, "8800"},
		{"opcode 3", [][]byte{{0x83, 0x80, 0, 0, 0, 0}}, nil, ErrProtocol, "8800"},
		{"opcode 11", [][]byte{{0x8b, 0x80, 0, 0, 0, 0}}, nil, ErrProtocol, "8800"},
		{"ping in parts", [][]byte{noFin(masked(Ping, ""))}, nil, ErrProtocol, "8800"},
		{"long ping", [][]byte{masked(Ping, strings.Repeat("x", 126))}, nil, ErrProtocol, "8800"},
		{"ping", [][]byte{masked(Ping, "hi")}, nil, &EndError{}, "88008a026869"},
		{"pong", [][]byte{masked(Pong, "hi")}, nil, &EndError{}, "8800"},
		{"text", [][]byte{masked(Text, "héllo")}, nil, &EndError{}, "8800"},
		{"text that is not UTF-8", [][]byte{masked(Text, "\xff")}, nil, ErrProtocol, "8800"},
		{"close", [][]byte{masked(Close, "")}, nil, &EndError{}, "8800"},
		{"close 1000", [][]byte{masked(Close, "\x03\xe8")}, nil, &EndError{}, "880203e8"},
		{"close 1000 with reason", [][]byte{masked(Close, "\x03\xe8bye")}, nil, &EndError{}, "880203e8"},
		{"half a close code", [][]byte{masked(Close, "\x03")}, nil, ErrProtocol, "8800"},
		{"close code 1005", [][]byte{masked(Close, "\x03\xed")}, nil, ErrProtocol, "8800"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := Decoder{Role: Server}
			var got []string
			for i, frame := range tt.frames {
				last := i == len(tt.frames)-1
				if !last || tt.err == nil { // cut
					for n := range min(len(frame), 20) {
						c := d
						if _, whole, used, need, err := c.Next(bytes.Clone(frame[:n])); whole || used != 0 || need <= n || need > len(frame) || err != nil {
							t.Fatalf("%d of %d bytes: used %d, need %d, %v", n, len(frame), used, need, err)
						}
					}
				}
				msg, whole, used, _, err := d.Next(bytes.Clone(frame))
				if last && tt.err != nil {
					var end *EndError
					if _, wantEnd := tt.err.(*EndError); wantEnd != errors.As(err, &end) || !wantEnd && !errors.Is(err, tt.err) {
						t.Fatalf("error %v, want %v", err, tt.err)
					}
					if answer := hex.EncodeToString(AppendEnd(nil, Server, nil, err)); answer != tt.answer {
						t.Errorf("answer %s, want %s", answer, tt.answer)
					}
					return
				}
				if err != nil || used != len(frame) {
					t.Fatalf("used %d of %d, %v", used, len(frame), err)
				}
				if whole {
					got = append(got, string(msg))
				}
			}
			if strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("got %d messages, want %d", len(got), len(tt.want))
			}
		})
	}
}

func TestClientSide(t *testing.T) {
	d := Decoder{Role: Client}
	if msg, whole, _, _, err := d.Next(AppendFrame(nil, Binary, nil, []byte("hello"))); !whole || err != nil || string(msg) != "hello" {
		t.Errorf("from server: %q, %v, %v", msg, whole, err)
	}
	if _, _, _, _, err := d.Next(masked(Binary, "hello")); !errors.Is(err, ErrProtocol) {
		t.Errorf("masked frame from server: %v", err)
	}
	mask := func() [4]byte { return testMask }
	got := AppendEnd(nil, Client, mask, &EndError{Op: Ping, pong: []byte("hi")})
	s := Decoder{Role: Server}
	if _, _, _, _, err := s.Next(got); err == nil || AppendEnd(nil, Server, nil, err) == nil {
		t.Errorf("the client's end is not a close: %v", err)
	}
	if want := append(AppendFrame(nil, Close, &testMask, nil), AppendFrame(nil, Pong, &testMask, []byte("hi"))...); len(got) != len(want) {
		t.Errorf("client answers %x", got)
	}
}

const request = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   string
		is   bool
		err  error
	}{
		{"good", request, true, nil},
		{"slash", strings.Replace(request, "/ws ", "/ws/ ", 1), true, nil},
		{"other path", strings.Replace(request, "/ws ", "/wss ", 1), false, nil},
		{"query", strings.Replace(request, "/ws ", "/ws?x=1 ", 1), false, nil},
		{"post", "POST" + request[3:], false, nil},
		{"lower case", "get" + request[3:], false, nil},
		{"absolute", strings.Replace(request, "/ws ", "http://x/ws ", 1), false, nil},
		{"HTTP/1.0", strings.Replace(request, "1.1", "1.0", 1), true, ErrNotUpgrade},
		{"version 12", strings.Replace(request, ": 13", ": 12", 1), true, ErrNotUpgrade},
		{"no key", strings.Replace(request, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", 1), true, ErrNotUpgrade},
		{"no upgrade", strings.Replace(request, "Upgrade: websocket\r\n", "", 1), true, ErrNotUpgrade},
		{"no connection", strings.Replace(request, "Connection: keep-alive, Upgrade\r\n", "", 1), true, ErrNotUpgrade},
		{"24 headers", strings.Replace(request, "\r\n", "\r\n"+strings.Repeat("A: b\r\n", 19), 1), true, nil},
		{"25 headers", strings.Replace(request, "\r\n", "\r\n"+strings.Repeat("A: b\r\n", 20), 1), true, ErrTooMany},
		{"header of 512", strings.Replace(request, "\r\n", "\r\nA: "+strings.Repeat("b", 511)+"\r\n", 1), true, nil},
		{"header of 513", strings.Replace(request, "\r\n", "\r\nA: "+strings.Repeat("b", 512)+"\r\n", 1), true, ErrTooMany},
		{"no colon", strings.Replace(request, "Host: x", "Host", 1), true, ErrNotUpgrade},
	} {
		if got := IsRequest([]byte(tt.in), "ws"); got != tt.is {
			t.Errorf("%s: IsRequest %v, want %v", tt.name, got, tt.is)
		}
		if !tt.is {
			continue
		}
		key, rest, err := ParseRequest([]byte(tt.in + "tail"))
		if !errors.Is(err, tt.err) || err == nil && (key != "dGhlIHNhbXBsZSBub25jZQ==" || string(rest) != "tail") {
			t.Errorf("%s: %q, %q, %v; want %v", tt.name, key, rest, err, tt.err)
		}
	}
	for n := range request {
		if IsRequest([]byte(request[:n]), "ws") {
			t.Fatalf("%d of %d bytes pass", n, len(request))
		}
	}
	long := strings.Replace(request, "\r\n", "\r\n"+strings.Repeat("A: "+strings.Repeat("b", 500)+"\r\n", 4), 1)
	if len(long) <= MaxRequest || IsRequest([]byte(long), "ws") {
		t.Errorf("head of %d bytes passes", len(long))
	}
}

func TestUpgrade(t *testing.T) {
	key := NewKey([16]byte{1, 2, 3})
	req, err := AppendRequest(nil, "44.81.0.11:5150/ws", key)
	if err != nil || !IsRequest(req, "ws") {
		t.Fatalf("request %q, %v", req, err)
	}
	got, rest, err := ParseRequest(req)
	if err != nil || got != key || len(rest) != 0 {
		t.Fatalf("key %q, rest %q, %v", got, rest, err)
	}
	if !bytes.Contains(req, []byte("\r\nHost: 44.81.0.11:5150\r\n")) {
		t.Errorf("no host in %q", req)
	}
	resp := AppendResponse(nil, key)
	for n := range resp {
		if _, more, err := ParseResponse(resp[:n], key); !more || err != nil {
			t.Fatalf("%d of %d bytes: more %v, %v", n, len(resp), more, err)
		}
	}
	if rest, more, err := ParseResponse(append(bytes.Clone(resp), "tail"...), key); more || err != nil || string(rest) != "tail" {
		t.Errorf("rest %q, more %v, %v", rest, more, err)
	}
	for name, bad := range map[string]string{
		"404":       NotFound,
		"other key": string(AppendResponse(nil, "other")),
		"200":       strings.Replace(string(resp), "101", "200", 1),
		"extension": strings.Replace(string(resp), "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1),
		"protocol":  strings.Replace(string(resp), "\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n", 1),
		"endless":   strings.Repeat("x", MaxResponse),
		"malformed": strings.Replace(string(resp), "upgrade: websocket", "upgrade websocket", 1),
	} {
		if _, more, err := ParseResponse([]byte(bad), key); more || !errors.Is(err, ErrResponse) {
			t.Errorf("%s: more %v, %v", name, more, err)
		}
	}
	for _, bad := range []string{"", "/ws", "host/a b", "host\r\nX: y/ws", "hö/ws", "host/" + strings.Repeat("x", 2048)} {
		if b, err := AppendRequest(nil, bad, key); err == nil || len(b) != 0 {
			t.Errorf("request %.20q was made: %.60q", bad, b)
		}
	}
}

func FuzzDecoder(f *testing.F) {
	for _, c := range connections(f) {
		for _, e := range c {
			if strings.HasPrefix(e.Kind, "ws") && e.From == "probe" {
				f.Add(unhex(f, e.Hex), true)
			}
		}
	}
	f.Add(AppendFrame(nil, Binary, nil, make([]byte, 70000)), false)
	f.Fuzz(func(t *testing.T, in []byte, server bool) {
		role := Client
		if server {
			role = Server
		}
		d, total := Decoder{Role: role}, len(in)
		for {
			msg, whole, used, need, err := d.Next(in)
			if err != nil {
				if used != 0 || len(AppendEnd(nil, role, func() [4]byte { return testMask }, err)) < 2 {
					t.Fatal("error with progress, or without an answer")
				}
				return
			}
			if need != 0 {
				if need <= len(in) || used != 0 || need > MaxMessage+MaxHeader {
					t.Fatalf("need %d, have %d, used %d", need, len(in), used)
				}
				return
			}
			if used == 0 || used > len(in) || len(msg) > MaxMessage || len(msg) > total || !whole && msg != nil {
				t.Fatalf("used %d of %d, message of %d", used, len(in), len(msg))
			}
			in = in[used:]
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(request))
	for _, c := range connections(f) {
		f.Add(unhex(f, c[0].Hex))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		is := IsRequest(in, "ws")
		key, rest, err := ParseRequest(in)
		if !bytes.Equal(in, before) {
			t.Fatal("the input was changed")
		}
		if err == nil && (key == "" || len(rest) >= len(in)) {
			t.Fatalf("key %q, rest of %d", key, len(rest))
		}
		if is && errors.Is(err, ErrNotUpgrade) && !bytes.Contains(in, []byte("\r\n\r\n")) {
			t.Fatal("passes without an end of the head")
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	f.Add(AppendResponse(nil, "dGhlIHNhbXBsZSBub25jZQ=="))
	f.Add([]byte(NotFound))
	f.Fuzz(func(t *testing.T, in []byte) {
		rest, more, err := ParseResponse(in, "dGhlIHNhbXBsZSBub25jZQ==")
		if more && (err != nil || rest != nil || len(in) >= MaxResponse) || err == nil && !more && !bytes.HasSuffix(in, rest) {
			t.Fatalf("rest of %d, more %v, %v", len(rest), more, err)
		}
	})
}

func BenchmarkFrames(b *testing.B) {
	msg := make([]byte, 16<<10)
	var buf []byte
	d := Decoder{Role: Server}
	b.SetBytes(int64(len(msg)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendFrame(buf[:0], Binary, &testMask, msg)
		if _, whole, _, _, err := d.Next(buf); !whole || err != nil {
			b.Fatal(err)
		}
	}
}
