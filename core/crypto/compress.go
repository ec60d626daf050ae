package crypto

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// Compressed data is u32 LE size of the plain data || one LZ4 block (spec 01 §6).

const (
	compressedHeader = 4

	// literalsBelow: shorter data goes out as literals, without trying to compress: RPC
	// messages of that size are keys and numbers and do not shrink. Above it the
	// compressor costs about 1 ns a byte, little beside the 15 µs of a signature.
	literalsBelow = 128
)

// Compressor compresses and keeps the memory it needs for that, 136 KiB for each
// goroutine that is in it at the same time. The zero value is ready; it must not
// be copied after the first use.
type Compressor struct{ pool sync.Pool }

// Compress appends the compressed form of src to dst. It never fails: data that
// does not get smaller becomes a block of literals.
func (c *Compressor) Compress(dst, src []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(src)))
	if len(src) < literalsBelow {
		return appendLiterals(dst, src)
	}
	state, _ := c.pool.Get().(*lz4.Compressor)
	if state == nil {
		state = new(lz4.Compressor)
	}
	start := len(dst)
	// One byte less room than the literals need, so that the compressor gives up on
	// what would not shrink.
	room := literalsSize(len(src)) - 1
	dst = slices.Grow(dst, room+1)
	n, err := state.CompressBlock(src, dst[start:start+room])
	c.pool.Put(state)
	if err != nil || n == 0 {
		return appendLiterals(dst, src)
	}
	return dst[:start+n]
}

// literalsSize is the size of a block of n literals alone.
func literalsSize(n int) int {
	if n < 15 {
		return 1 + n
	}
	return 1 + (n-15)/255 + 1 + n
}

// appendLiterals appends a block of one literals-only sequence.
func appendLiterals(dst, src []byte) []byte {
	n := len(src)
	if n < 15 {
		return append(append(dst, byte(n<<4)), src...)
	}
	dst = append(dst, 0xf0)
	for n -= 15; n >= 255; n -= 255 {
		dst = append(dst, 0xff)
	}
	return append(append(dst, byte(n)), src...)
}

// Decompress appends the plain form of src to dst, at most limit bytes. Errors:
// [ErrCompressed], [ErrTooLarge]. An output shorter than declared is the shorter
// output, since peers accept it too (spec 01 §6).
func Decompress(dst, src []byte, limit int) ([]byte, error) {
	if len(src) <= compressedHeader {
		return nil, fmt.Errorf("%w: %d bytes", ErrCompressed, len(src))
	}
	declared := uint64(binary.LittleEndian.Uint32(src))
	if declared > uint64(max(0, limit)) {
		return nil, fmt.Errorf("%w: %d, limit %d", ErrTooLarge, declared, limit)
	}
	block := src[compressedHeader:]
	// A block cannot give more than 255 bytes for one of its own and a few for each
	// end, so that a small message does not make us reserve what it declares.
	size := int(min(declared, 255*uint64(len(block))+64))
	start := len(dst)
	// One byte more than needed: lz4 v4.1.33 on amd64 writes through an output that is
	// nil, as it would be for size 0 without dst.
	dst = slices.Grow(dst, size+1)
	n, err := lz4.UncompressBlock(block, dst[start:start+size])
	if err != nil {
		return nil, ErrCompressed
	}
	return dst[:start+n], nil
}
