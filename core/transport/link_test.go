package transport

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/core/transport/vlframe"
	"github.com/voile-net/voile/core/transport/websocket"
)

// script is a stream that gives its bytes in reads of the sizes of cuts, again
// and again, and then ends.
type script struct {
	net.Conn // nil: nothing else is called
	data     []byte
	cuts     []byte
	reads    int
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := len(s.data)
	if len(s.cuts) > 0 {
		n = int(s.cuts[s.reads%len(s.cuts)]) + 1
		s.reads++
	}
	n = copy(b, s.data[:min(n, len(s.data))])
	s.data = s.data[n:]
	return n, nil
}

func (s *script) SetReadDeadline(time.Time) error { return nil }
func (s *script) CloseWrite() error               { return nil }

func noIdle() (time.Duration, error) { return time.Minute, nil }

func readAll(r *messageReader) (msgs []string, err error) {
	for {
		msg, err := r.read(noIdle)
		if err != nil {
			return msgs, err
		}
		msgs = append(msgs, string(msg))
	}
}

// FuzzMessageReader: however a stream is cut into reads, the same messages and
// the same error come out.
func FuzzMessageReader(f *testing.F) {
	f.Add([]byte("VL\x04\x00BOOTVL\x00\x00VL\x01\x00x"), []byte{0, 3}, false)
	mask := [4]byte{1, 2, 3, 4}
	ws := websocket.AppendFrame(nil, websocket.Binary, &mask, []byte("BOOT"))
	ws = websocket.AppendFrame(ws, websocket.Binary, &mask, bytes.Repeat([]byte("x"), 300))
	f.Add(websocket.AppendFrame(ws, websocket.Ping, &mask, nil), []byte{0}, true)
	f.Fuzz(func(t *testing.T, data, cuts []byte, isWS bool) {
		read := func(cuts []byte, head int) ([]string, error) {
			fr := &framing{}
			if isWS {
				fr.ws = &websocket.Decoder{}
			}
			in := bytes.Clone(data)
			head = min(head, len(in))
			return readAll(newMessageReader(&script{data: in[head:], cuts: cuts}, fr, bytes.Clone(in[:head])))
		}
		want, wantErr := read(nil, 0)
		for _, head := range []int{0, 1, 5} {
			got, err := read(cuts, head)
			if strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
				t.Fatalf("%d messages, %d when read at once", len(got), len(want))
			}
			if err.Error() != wantErr.Error() {
				t.Fatalf("%v, %v when read at once", err, wantErr)
			}
		}
	})
}

func TestReadBufferGrows(t *testing.T) {
	var in []byte
	var want []string
	for _, n := range []int{1, vlframe.MaxMessage, 0, 5000, 65000, 3} {
		msg := bytes.Repeat([]byte{byte(n)}, n)
		in = vlframe.Append(in, msg)
		want = append(want, string(msg))
	}
	r := newMessageReader(&script{data: in}, &framing{}, nil)
	got, err := readAll(r)
	if !errors.Is(err, io.EOF) || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%d messages, %v", len(got), err)
	}
	if len(r.buf) > 2*readBufferMax {
		t.Errorf("buffer of %d bytes", len(r.buf))
	}
}

// TestIdleWhileReading: only the idle callback decides how long a read may last.
func TestIdleWhileReading(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	calls := 0
	idle := func() (time.Duration, error) {
		if calls++; calls > 3 {
			return 0, errIdle
		}
		return time.Millisecond, nil
	}
	r := newMessageReader(pipeStream{a}, &framing{}, nil)
	if _, err := r.read(idle); !errors.Is(err, errIdle) || calls != 4 {
		t.Errorf("%v after %d calls", err, calls)
	}
	a.SetReadDeadline(time.Now())
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline of the stream: %v", err)
	}
}

type pipeStream struct{ net.Conn }

func (pipeStream) CloseWrite() error { return nil }
