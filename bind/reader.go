package bind

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// Sizes of what a connection reads into.
const (
	smallLine = 1 << 10  // kept by every connection
	longLine  = 64 << 10 // borrowed while a longer line comes; above, lines count
)

// Reasons to end a connection.
var (
	errRefused     = errors.New("not a request")
	errLineTooLong = errors.New("request line too long")
	errLinesTooBig = errors.New("too many long requests at once")
)

// lineBuffers is what the readers of all connections of a server share.
type lineBuffers struct {
	pool  sync.Pool // of *[longLine]byte
	limit int64     // bytes of lines longer than longLine
	used  atomic.Int64
}

func newLineBuffers(limit int) *lineBuffers {
	b := &lineBuffers{limit: int64(limit)}
	b.pool.New = func() any { return new([longLine]byte) }
	return b
}

// lineReader cuts a stream into lines. While it waits for the next one it keeps
// no more than a small buffer.
type lineReader struct {
	src     io.Reader
	maxLine int
	shared  *lineBuffers
	// stalling is called before a read in the middle of a line that does not fit
	// into the small buffer (true), and when no such line is under way (false).
	stalling func(bool)

	small    []byte
	borrowed *[longLine]byte // nil: not in use
	counted  int64           // bytes of buf that count in shared.used
	buf      []byte          // one of the two, or longer
	from, to int             // what was read and not returned
	err      error
}

func newLineReader(src io.Reader, maxLine int, shared *lineBuffers, stalling func(bool)) *lineReader {
	r := &lineReader{src: src, maxLine: maxLine, shared: shared, stalling: stalling, small: make([]byte, smallLine)}
	r.buf = r.small
	return r
}

// next returns the next line without its end; it is good until the call after it.
// With the error comes what was read of the last one. A line that is too long is
// errLineTooLong or errLinesTooBig.
func (r *lineReader) next() ([]byte, error) {
	if r.from == r.to {
		r.shrink()
	}
	searched := r.from
	for {
		if i := bytes.IndexByte(r.buf[searched:r.to], '\n'); i >= 0 {
			line := r.buf[r.from : searched+i]
			r.from = searched + i + 1
			if len(line) > r.maxLine {
				return line, errLineTooLong
			}
			return line, nil
		}
		searched = r.to
		if r.err != nil {
			line := r.buf[r.from:r.to]
			r.from = r.to
			return line, r.err
		}
		if r.from > 0 && r.to == len(r.buf) {
			searched -= r.from
			r.to = copy(r.buf, r.buf[r.from:r.to])
			r.from = 0
		}
		if r.to == len(r.buf) {
			if err := r.grow(); err != nil {
				return r.buf[r.from:r.to], err
			}
		}
		if r.borrowed != nil || r.counted > 0 {
			r.stalling(true)
		}
		n, err := r.src.Read(r.buf[r.to:])
		r.to += n
		r.err = err
	}
}

// grow makes room in a buffer that is full from its beginning.
func (r *lineReader) grow() error {
	if r.to > r.maxLine {
		return errLineTooLong
	}
	if r.borrowed == nil && r.counted == 0 {
		r.borrowed = r.shared.pool.Get().(*[longLine]byte)
		copy(r.borrowed[:], r.buf[:r.to])
		r.buf = r.borrowed[:]
		return nil
	}
	size := int64(min(2*len(r.buf), r.maxLine+1))
	if r.shared.used.Add(size) > r.shared.limit {
		r.shared.used.Add(-size)
		return errLinesTooBig
	}
	buf := make([]byte, size)
	copy(buf, r.buf[:r.to])
	r.giveBack()
	r.buf, r.counted = buf, size
	return nil
}

// shrink gives back the long buffer, if there is one.
func (r *lineReader) shrink() {
	r.from, r.to = 0, 0
	if r.borrowed != nil || r.counted > 0 {
		r.stalling(false)
	}
	r.giveBack()
	r.buf = r.small
}

func (r *lineReader) giveBack() {
	if r.borrowed != nil {
		r.shared.pool.Put(r.borrowed)
		r.borrowed = nil
	}
	r.shared.used.Add(-r.counted)
	r.counted = 0
}

// close gives back what the reader holds.
func (r *lineReader) close() {
	r.giveBack()
	r.buf, r.small = nil, nil
	r.from, r.to = 0, 0
}
