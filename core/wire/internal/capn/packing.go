package capn

import (
	"encoding/binary"
	"math/bits"
)

// maxRun is the most words that follow the first of a run.
const maxRun = 255

// unpack fills dst, whose length is a multiple of 8, from packed bytes and
// returns what is left of them. A run that is longer than dst is an error.
func unpack(dst, src []byte) (rest []byte, err error) {
	for len(dst) > 0 {
		if len(src) == 0 {
			return nil, errPacked
		}
		tag := src[0]
		src = src[1:]
		switch tag {
		case 0x00:
			if len(src) == 0 {
				return nil, errPacked
			}
			n := (int(src[0]) + 1) * 8
			if n > len(dst) {
				return nil, errPacked
			}
			clear(dst[:n])
			dst, src = dst[n:], src[1:]
		case 0xff:
			if len(src) < 9 {
				return nil, errPacked
			}
			n := (int(src[8]) + 1) * 8
			if n > len(dst) || n > len(src)-1 {
				return nil, errPacked
			}
			copy(dst, src[:8])
			copy(dst[8:n], src[9:])
			dst, src = dst[n:], src[n+1:]
		default:
			if len(src) < bits.OnesCount8(tag) {
				return nil, errPacked
			}
			var w uint64
			for tag != 0 {
				i := bits.TrailingZeros8(tag)
				w |= uint64(src[0]) << (8 * i)
				src = src[1:]
				tag &= tag - 1
			}
			binary.LittleEndian.PutUint64(dst, w)
			dst = dst[8:]
		}
	}
	return src, nil
}

// Packer packs one segment that is given in pieces (spec 03 §2.4).
type Packer struct {
	out  []byte
	mode byte // 0x00 or 0xff while the last tag of out can still grow a run, else 1
	at   int  // index of the run's count in out
}

// NewPacker appends to dst.
func NewPacker(dst []byte) Packer { return Packer{out: dst, mode: 1} }

// Bytes is dst with all that was packed.
func (p *Packer) Bytes() []byte { return p.out }

// Pack packs words, whose length is a multiple of 8. A run goes on over the
// border of pieces.
func (p *Packer) Pack(words []byte) {
	for len(words) >= 8 {
		switch p.mode {
		case 0x00:
			n, room := 0, maxRun-int(p.out[p.at])
			for n < room && len(words) >= 8 && binary.LittleEndian.Uint64(words) == 0 {
				words = words[8:]
				n++
			}
			p.out[p.at] += byte(n)
			p.mode = 1
			if len(words) < 8 && n < room {
				p.mode = 0x00
			}
		case 0xff:
			n, room := 0, maxRun-int(p.out[p.at])
			for n < room && len(words) >= (n+1)*8 && dense(binary.LittleEndian.Uint64(words[n*8:])) {
				n++
			}
			p.out = append(p.out, words[:n*8]...)
			p.out[p.at] += byte(n)
			words = words[n*8:]
			p.mode = 1
			if len(words) < 8 && n < room {
				p.mode = 0xff
			}
		default:
			p.word(words)
			words = words[8:]
		}
	}
}

func (p *Packer) word(b []byte) {
	w := binary.LittleEndian.Uint64(b)
	// The lowest bits of the non-zero bytes, gathered into the tag by a product
	// whose partial sums do not meet.
	tag := byte((nonZero(w) >> 7) * 0x0102040810204080 >> 56)
	switch tag {
	case 0x00:
		p.out = append(p.out, 0, 0)
		p.mode, p.at = 0x00, len(p.out)-1
	case 0xff:
		p.out = append(p.out, 0xff, b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], 0)
		p.mode, p.at = 0xff, len(p.out)-1
	default:
		p.out = append(p.out, tag)
		for t := tag; t != 0; t &= t - 1 {
			p.out = append(p.out, b[bits.TrailingZeros8(t)])
		}
	}
}

// nonZero has the top bit of each byte of w that is not zero.
func nonZero(w uint64) uint64 {
	const low = 0x7f7f7f7f7f7f7f7f
	return ((w&low + low) | w) &^ low
}

// dense reports whether a run of verbatim words goes on with w: fewer than two
// zero bytes.
func dense(w uint64) bool { return bits.OnesCount64(nonZero(w)) >= 7 }

// AppendPacked packs a whole message of one segment with its segment table.
// The table never joins a run: its only word has zero and non-zero bytes.
func AppendPacked(dst, message []byte) []byte {
	p := NewPacker(dst)
	p.Pack(message)
	return p.out
}
