package main

import (
	"encoding/binary"
	"fmt"
)

const (
	maxImage    = 256 << 20 // bytes of memory that data may fill: more is no module of ours
	maxSegments = 90_000    // engines refuse more than 100,000
	// minZeros is the shortest run of zeros that divides segments. A header of a segment
	// takes less room than 10 zeros, but unlike zeros it cannot be compressed.
	minZeros = 48
)

// readImage returns the memory as the data section fills it.
func readImage(data []byte) ([]byte, error) {
	var image []byte
	r := &reader{b: data}
	for range r.u32() {
		if r.byte() != 0 || r.byte() != opI32Const {
			return nil, fmt.Errorf("%w: a data segment of another kind", errModule)
		}
		offset := r.signed()
		if r.byte() != opEnd {
			return nil, fmt.Errorf("%w: a data segment of another kind", errModule)
		}
		b := r.bytes(int(r.u32()))
		if r.err != nil {
			return nil, r.err
		}
		if offset < 0 || offset+int64(len(b)) > maxImage {
			return nil, fmt.Errorf("%w: data at %d, above the limit of %d", errModule, offset, maxImage)
		}
		if end := int(offset) + len(b); end > len(image) {
			image = append(image, make([]byte, end-len(image))...)
		}
		copy(image[offset:], b)
	}
	return image, r.err
}

// writeImage is the data section that fills a memory of zeros with image.
func writeImage(image []byte) []byte {
	var segments []byte
	n := 0
	for at := 0; ; {
		for at < len(image) && image[at] == 0 {
			at++
		}
		if at == len(image) {
			break
		}
		start, end, zeros := at, at, 0
		for ; at < len(image) && (zeros < minZeros || n == maxSegments-1); at++ {
			if image[at] == 0 {
				zeros++
			} else {
				zeros, end = 0, at+1
			}
		}
		segments = append(segments, 0, opI32Const)
		segments = appendSigned(segments, int64(start))
		segments = append(segments, opEnd)
		segments = binary.AppendUvarint(segments, uint64(end-start))
		segments = append(segments, image[start:end]...)
		n++
	}
	return append(binary.AppendUvarint(nil, uint64(n)), segments...)
}
