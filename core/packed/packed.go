package packed

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrForm is what [Read] returns, wrapped, for bytes that are not the form of the
// value asked for.
var ErrForm = errors.New("malformed stored data")

// Codec carries values in one direction: into its buffer, or out of it. After the
// first error nothing more is read.
type Codec struct {
	b       []byte
	reading bool
	err     error
}

// Append appends the form of what fields describes to b.
func Append(b []byte, fields func(*Codec)) []byte {
	c := Codec{b: b}
	fields(&c)
	return c.b
}

// Read fills what fields describes from b, all of it. What it fills is a copy. After
// an error the values are of no use.
func Read(b []byte, fields func(*Codec)) error {
	c := Codec{b: b, reading: true}
	fields(&c)
	if c.err == nil && len(c.b) > 0 {
		c.fail("%d bytes too many", len(c.b))
	}
	return c.err
}

func (c *Codec) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrForm, fmt.Sprintf(format, args...))
	}
	c.b = nil
}

// number carries one varint.
func (c *Codec) number(v uint64) uint64 {
	if !c.reading {
		c.b = binary.AppendUvarint(c.b, v)
		return v
	}
	v, n := binary.Uvarint(c.b)
	if n <= 0 || n > 1 && c.b[n-1] == 0 {
		c.fail("a number ends early or is too long")
		return 0
	}
	c.b = c.b[n:]
	return v
}

// Uint carries an unsigned number. One that T does not hold is an error of reading.
func Uint[T ~uint8 | ~uint16 | ~uint32 | ~uint64](c *Codec, p *T) {
	v := c.number(uint64(*p))
	if *p = T(v); uint64(*p) != v {
		c.fail("the number %d is too large", v)
	}
}

// Int carries a signed number. One that T does not hold is an error of reading.
func Int[T ~int | ~int64](c *Codec, p *T) {
	n := int64(*p)
	u := c.number(uint64(n)<<1 ^ uint64(n>>63))
	n = int64(u>>1) ^ -int64(u&1)
	if *p = T(n); int64(*p) != n {
		c.fail("the number %d is too large", n)
	}
}

// Bool carries a truth value.
func Bool(c *Codec, p *bool) {
	v := uint8(0)
	if *p {
		v = 1
	}
	Uint(c, &v)
	if *p = v == 1; v > 1 {
		c.fail("%d is no truth value", v)
	}
}

// Bytes carries at most limit bytes, 0 of them as nil.
func Bytes(c *Codec, p *[]byte, limit int) {
	if n := c.length(len(*p), limit, "bytes"); c.reading {
		*p = append([]byte(nil), c.b[:n]...)
		c.b = c.b[n:]
	} else {
		c.b = append(c.b, *p...)
	}
}

// String carries a text of at most limit bytes.
func String(c *Codec, p *string, limit int) {
	if n := c.length(len(*p), limit, "bytes"); c.reading {
		*p = string(c.b[:n])
		c.b = c.b[n:]
	} else {
		c.b = append(c.b, *p...)
	}
}

// List carries a list of at most limit items, each by item; none as nil.
func List[T any](c *Codec, p *[]T, limit int, item func(*Codec, *T)) {
	n := c.length(len(*p), limit, "items")
	if c.reading {
		*p = nil
		if n > 0 {
			*p = make([]T, n)
		}
	}
	for i := range *p {
		if c.err != nil {
			return
		}
		item(c, &(*p)[i])
	}
}

// length carries a length. What it returns when reading is not above limit, nor
// above the number of bytes that are left: every item takes one at least.
func (c *Codec) length(n, limit int, of string) int {
	v := c.number(uint64(n))
	switch {
	case !c.reading:
	case v > uint64(limit):
		c.fail("%d %s, limit %d", v, of, limit)
		return 0
	case v > uint64(len(c.b)):
		c.fail("%d %s of %d bytes", v, of, len(c.b))
		return 0
	}
	return int(v)
}
