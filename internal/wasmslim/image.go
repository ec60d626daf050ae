package main

import (
	"encoding/binary"
	"fmt"
)

const maxImage = 256 << 20 // bytes of memory that data may fill: more is no module of ours

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

// dataSection is the data section that puts b at an address.
func dataSection(at int, b []byte) []byte {
	s := appendSigned([]byte{1, 0, opI32Const}, int64(at))
	s = binary.AppendUvarint(append(s, opEnd), uint64(len(b)))
	return append(s, b...)
}
