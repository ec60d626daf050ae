package bind

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

func readAll(r *lineReader) (lines []string, err error) {
	for {
		line, err := r.next()
		if err != nil {
			return append(lines, string(line)), err
		}
		lines = append(lines, string(line))
	}
}

func TestLineReader(t *testing.T) {
	medium, long := strings.Repeat("m", smallLine+5), strings.Repeat("l", 3*longLine)
	text := "a\n\n" + medium + "\nb\r\n" + long + "\nc\n" + long + "\n" + medium + "\nlast"
	want := strings.Split(text, "\n")
	for _, tt := range []struct {
		name string
		src  io.Reader
	}{
		{"at once", strings.NewReader(text)},
		{"byte by byte", iotest.OneByteReader(strings.NewReader(text))},
		{"in halves", iotest.HalfReader(strings.NewReader(text))},
		{"end with the last bytes", iotest.DataErrReader(strings.NewReader(text))},
	} {
		shared := newLineBuffers(1 << 20)
		stalls := 0
		r := newLineReader(tt.src, 1<<20, shared, func(on bool) {
			if on {
				stalls++
			}
		})
		lines, err := readAll(r)
		if !errors.Is(err, io.EOF) || strings.Join(lines, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %d lines, want %d; %v", tt.name, len(lines), len(want), err)
		}
		if stalls == 0 {
			t.Errorf("%s: nobody was told of a long line under way", tt.name)
		}
		r.close()
		if used := shared.used.Load(); used != 0 {
			t.Errorf("%s: %d bytes are counted at the end", tt.name, used)
		}
	}
}

func TestLineReaderLimits(t *testing.T) {
	line := func(n int) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", n)), strings.NewReader("\n"))
	}
	for _, tt := range []struct {
		name           string
		bytes, max     int
		sharedByOthers int64
		want           error
	}{
		{"exactly the limit", 200 << 10, 200 << 10, 0, nil},
		{"one more", 200<<10 + 1, 200 << 10, 0, errLineTooLong},
		{"much more", 2 << 20, 200 << 10, 0, errLineTooLong},
		{"short, one more", 101, 100, 0, errLineTooLong},
		{"no room beside others", 100 << 10, 200 << 10, 950 << 10, errLinesTooBig},
		{"short ones need none", longLine - 1, 200 << 10, 1 << 20, nil},
	} {
		shared := newLineBuffers(1 << 20)
		shared.used.Store(tt.sharedByOthers)
		r := newLineReader(line(tt.bytes), tt.max, shared, func(bool) {})
		got, err := r.next()
		if !errors.Is(err, tt.want) || tt.want == nil && len(got) != tt.bytes {
			t.Errorf("%s: %d bytes, %v; want %v", tt.name, len(got), err, tt.want)
		}
		r.close()
		if used := shared.used.Load(); used != tt.sharedByOthers {
			t.Errorf("%s: %d bytes are counted at the end, want %d", tt.name, used, tt.sharedByOthers)
		}
	}
}

// While nothing comes, a connection keeps its small buffer only.
func TestLineReaderIsSmallWhenIdle(t *testing.T) {
	src, feed := io.Pipe()
	defer feed.Close()
	shared := newLineBuffers(1 << 20)
	r := newLineReader(src, 1<<20, shared, func(bool) {})
	for _, n := range []int{10, smallLine + 1, longLine + 1, 4 * longLine} {
		go feed.Write(append(bytes.Repeat([]byte("x"), n), '\n'))
		if line, err := r.next(); err != nil || len(line) != n {
			t.Fatalf("%d bytes, %v; want %d", len(line), err, n)
		}
		r.shrink() // what next does before it waits
		if len(r.buf) != smallLine || r.borrowed != nil || shared.used.Load() != 0 {
			t.Errorf("after a line of %d bytes: buffer of %d, %d counted", n, len(r.buf), shared.used.Load())
		}
	}
}

// However a stream comes, its lines are those of bytes.Split.
func FuzzLineReader(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), uint64(1), uint16(2000))
	f.Add(bytes.Repeat([]byte("0123456789\n"), 500), uint64(2), uint16(60000))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64, stretch uint16) {
		if bytes.Count(text, []byte{0})*int(stretch) > 1<<20 {
			return
		}
		text = bytes.ReplaceAll(text, []byte{0}, bytes.Repeat([]byte("0"), int(stretch))) // long lines from short input
		random := rand.New(rand.NewPCG(seed, 1))
		rest := text
		src := readerFunc(func(p []byte) (int, error) {
			if len(rest) == 0 {
				return 0, io.EOF
			}
			n := copy(p[:min(len(p), 1+random.IntN(3000))], rest)
			rest = rest[n:]
			return n, nil
		})
		shared := newLineBuffers(64 << 20)
		r := newLineReader(src, 32<<20, shared, func(bool) {})
		lines, err := readAll(r)
		if want := strings.Split(string(text), "\n"); err != io.EOF || strings.Join(lines, "\n") != string(text) || len(lines) != len(want) {
			t.Fatalf("%d lines of %d bytes, want %d: %v", len(lines), len(text), len(want), err)
		}
		r.close()
		if shared.used.Load() != 0 {
			t.Fatalf("%d bytes are counted at the end", shared.used.Load())
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
