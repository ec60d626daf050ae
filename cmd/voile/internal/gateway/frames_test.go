package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	node "github.com/voile-net/voile/core/transport/websocket"
	"github.com/voile-net/voile/wasm/edge/policy"
)

// raw opens a WebSocket whose frames the test writes itself.
func raw(t testing.TB, at, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(deadline))
	c.(*net.TCPConn).SetReadBuffer(32 << 10) // so that who does not read is noticed soon
	key := node.NewKey([16]byte{1})
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: gw.example\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, origin, key)
	head := make([]byte, 0, 1024)
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("%v after %q", err, head)
		}
		head = append(head, b[0])
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		t.Fatalf("%q", head)
	}
	return c
}

// ending reads frames until a Close frame or the end of the connection; 0: none came.
func ending(t testing.TB, c net.Conn) (code int, at time.Time) {
	t.Helper()
	d := node.Decoder{Role: node.Client}
	var buf []byte
	for chunk := make([]byte, 64<<10); ; {
		n, err := c.Read(chunk)
		buf = append(buf, chunk[:n]...)
		for len(buf) > 0 {
			_, _, used, need, err := d.Next(buf)
			var end *node.EndError
			if errors.As(err, &end) && end.Op == node.Close {
				return int(end.Code), time.Now()
			}
			if errors.As(err, &end) && end.Op == node.Pong {
				size := 2 + int(buf[1]&0x7f)
				d, buf = node.Decoder{Role: node.Client}, buf[size:]
				continue
			}
			if err != nil {
				t.Fatalf("the gateway sends a bad frame: %v", err)
			}
			if need > 0 {
				break
			}
			buf = buf[used:]
		}
		if err != nil {
			return 0, time.Now()
		}
	}
}

func frame(op node.Opcode, payload string) []byte {
	mask := [4]byte{1, 2, 3, 4}
	return node.AppendFrame(nil, op, &mask, []byte(payload))
}

func part(op node.Opcode, payload string) []byte {
	b := frame(op, payload)
	b[0] &^= 0x80
	return b
}

func TestBadFrames(t *testing.T) {
	n := startNode(t)
	s, at := start(t, nil)
	repeat := func(first, again []byte) func(net.Conn) {
		return func(c net.Conn) {
			_, err := c.Write(first)
			for many := bytes.Repeat(again, 500); err == nil; {
				_, err = c.Write(many)
			}
		}
	}
	once := func(b ...[]byte) func(net.Conn) { return func(c net.Conn) { c.Write(bytes.Join(b, nil)) } }
	big := strings.Repeat("x", policy.MaxMessage+1)
	for _, tt := range []struct {
		name string
		send func(net.Conn)
		want policy.Code
	}{
		{"text", once(frame(node.Text, "hello")), policy.Unsupported},
		{"empty", once(frame(node.Binary, "")), policy.Breach},
		{"empty in parts", once(part(node.Binary, ""), frame(node.Continuation, "")), policy.Breach},
		{"too large", once(frame(node.Binary, big)), policy.TooLarge},
		{"too large in parts", once(part(node.Binary, big[1:]), frame(node.Continuation, "x")), policy.TooLarge},
		{"claims to be huge", once([]byte{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, []byte(big), []byte(big)), policy.TooLarge},
		{"negative length", once([]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}), policy.Broken},
		{"not masked", once(node.AppendFrame(nil, node.Binary, nil, []byte("x"))), policy.Broken},
		{"reserved bits", once([]byte{0xf2, 0x81, 1, 2, 3, 4, 0}), policy.Broken},
		{"unknown kind", once([]byte{0x83, 0x81, 1, 2, 3, 4, 0}), policy.Broken},
		{"continuation of nothing", once(frame(node.Continuation, "x")), policy.Broken},
		{"message inside a message", once(part(node.Binary, "x"), frame(node.Binary, "y")), policy.Broken},
		{"long ping", once(frame(node.Ping, big[:126])), policy.Broken},
		{"ping in parts", once(part(node.Ping, "")), policy.Broken},
		{"bad close", once(frame(node.Close, "\x03\xed")), policy.Broken},
		{"close", once(frame(node.Close, "\x03\xe8bye")), policy.Ended},
		{"endless empty parts", repeat(part(node.Binary, ""), part(node.Continuation, "")), policy.Breach},
		{"endless small parts", repeat(part(node.Binary, ""), part(node.Continuation, "x")), policy.Breach},
		{"endless pings", repeat(nil, frame(node.Ping, "hello")), policy.Breach},
		{"endless pongs", repeat(nil, frame(node.Pong, "")), policy.Breach},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := raw(t, at, n.path())
			var sending sync.WaitGroup
			sending.Go(func() { tt.send(c) })
			code, _ := ending(t, c)
			c.Close()
			sending.Wait()
			if code != int(tt.want) {
				t.Errorf("closed with %d, want %d", code, tt.want)
			}
		})
	}
	eventually(t, "all have left", func() bool { return s.Gate().Stats().Open == 0 && n.connections() == 0 })
	if st := s.Gate().Stats(); st.MessagesUp != 0 {
		t.Errorf("%d messages went to the node", st.MessagesUp)
	}
	// The control: what is in order goes through, also in parts and among pings.
	c := raw(t, at, n.path())
	c.Write(bytes.Join([][]byte{part(node.Binary, "he"), frame(node.Ping, ""), part(node.Continuation, ""), frame(node.Continuation, "llo")}, nil))
	want := append([]byte{0x8a, 0}, node.AppendFrame(nil, node.Binary, nil, []byte("hello"))...)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v, want %x", got, err, want)
	}
}
