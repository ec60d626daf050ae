package lzma

import (
	"encoding/binary"
	"math/bits"
)

// match says that at a distance, which is one less than what to go back, as many
// bytes are the same.
type match struct{ length, back int32 }

// finder finds matches with binary trees of all places so far, one for each value of
// a place's first four bytes, in the order of what stands there; the root of a tree is
// its latest place.
type finder struct {
	image      []byte
	of2, of3   []int32 // the last place of two and three bytes; 0: none
	of4        []int32
	tree       []int32 // of each place: those below and above it
	nice, most int     // a length that is enough, and steps down a tree that are
}

const hashBits = 18

func newFinder(image []byte) *finder {
	return &finder{image: image, of2: make([]int32, 1<<16), of3: make([]int32, 1<<hashBits), of4: make([]int32, 1<<hashBits), tree: make([]int32, 2*len(image)), nice: maxLength, most: 2000}
}

// find appends the matches of a place, each longer and farther than the one before,
// and takes the place up. It wants places in their order.
func (f *finder) find(at, end int, found []match) []match {
	limit := min(end-at, maxLength)
	if limit < MinLength {
		return found
	}
	b := f.image[at:end]
	length := 1
	try := func(of *int32, n int) {
		place := int(*of)
		*of = int32(at)
		if place == 0 || length >= limit || n <= length {
			return
		}
		if l := same(f.image, place, at, limit); l > length {
			length = l
			found = append(found, match{int32(l), int32(at - place - 1)})
		}
	}
	try(&f.of2[binary.LittleEndian.Uint16(b)], 2)
	if limit < 4 {
		return found
	}
	v := binary.LittleEndian.Uint32(b)
	try(&f.of3[v<<8*0x9e3779b1>>(32-hashBits)], 3)

	root := &f.of4[v*0x9e3779b1>>(32-hashBits)]
	place := int(*root)
	*root = int32(at)
	// What is below and above the new place, and how long these are the same.
	below, above := &f.tree[2*at], &f.tree[2*at+1]
	sameBelow, sameAbove := 0, 0
	for steps := 0; place != 0 && steps < f.most; steps++ {
		l := min(sameBelow, sameAbove)
		l += same(f.image, place+l, at+l, limit-l)
		if l > length {
			length = l
			found = append(found, match{int32(l), int32(at - place - 1)})
		}
		if l == limit {
			*below, *above = f.tree[2*place], f.tree[2*place+1]
			return found
		}
		if f.image[place+l] < f.image[at+l] {
			*below, below, sameBelow = int32(place), &f.tree[2*place+1], l
			place = int(*below)
		} else {
			*above, above, sameAbove = int32(place), &f.tree[2*place], l
			place = int(*above)
		}
	}
	*below, *above = 0, 0
	return found
}

// same is how many bytes are the same from two places on, at most limit.
func same(image []byte, a, b, limit int) int {
	x, y := image[a:a+limit], image[b:b+limit]
	n := 0
	for ; n+8 <= limit; n += 8 {
		if d := binary.LittleEndian.Uint64(x[n:]) ^ binary.LittleEndian.Uint64(y[n:]); d != 0 {
			return n + bits.TrailingZeros64(d)/8
		}
	}
	for n < limit && x[n] == y[n] {
		n++
	}
	return n
}
