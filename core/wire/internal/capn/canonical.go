package capn

import "errors"

// errOrder: objects were not set in the order that the canonical form has.
var errOrder = errors.New("fields not set in the order of their slots")

// canonicalize leaves out trailing zero words of data and trailing null
// pointers of every struct. The builder's order is already the canonical one
// (depth first, each object before its children), so objects only move towards
// the front, in place.
func (b *Builder) canonicalize() error {
	c := canonical{b: b, end: 16}
	if err := c.move(8, b.word(8), 8); err != nil {
		return err
	}
	b.buf = b.buf[:c.end]
	return nil
}

type canonical struct {
	b   *Builder
	end int // end of what has been moved
}

// move brings the object of a pointer, and all below it, to its new place.
// The pointer had the value word at the place was, and is to be at pointer.
func (c *canonical) move(pointer int, word uint64, was int) error {
	if word == 0 {
		c.b.put(pointer, 0)
		return nil
	}
	from := was + 8 + int(offset(word))
	if from < c.end && word>>32 != 0 {
		return errOrder
	}
	if word&3 == pointerStruct {
		data, slots := int(uint16(word>>32)), int(word>>48)
		keepData, keepSlots := c.trimmed(from, data, slots)
		to := c.end
		c.end += (keepData + keepSlots) * 8
		c.b.put(pointer, structPointer(pointer, to, keepData, keepSlots))
		c.shift(to, from, data, keepData, keepSlots)
		return c.children(to+keepData*8, from+data*8, keepSlots)
	}
	element, n := int(word>>32)&7, int(word>>35)
	to := c.end
	if element != elementComposite {
		size := n * 4 // the builder has lists of bytes and of numbers of four
		if element == elementByte {
			size = n
		}
		size = (size + 7) &^ 7
		c.end += size
		c.b.put(pointer, listPointer(pointer, to, element, n))
		if to != from {
			copy(c.b.buf[to:], c.b.buf[from:from+size])
		}
		return nil
	}
	tag := c.b.word(from)
	count, data, slots := int(uint32(tag)>>2), int(uint16(tag>>32)), int(tag>>48)
	// All elements have one size, that of the largest.
	keepData, keepSlots := 0, 0
	for i := range count {
		d, p := c.trimmed(from+8+i*(data+slots)*8, data, slots)
		keepData, keepSlots = max(keepData, d), max(keepSlots, p)
	}
	words := count * (keepData + keepSlots)
	c.end += 8 + words*8
	c.b.put(pointer, listPointer(pointer, to, elementComposite, words))
	c.b.put(to, listTag(count, keepData, keepSlots))
	step, wasStep := (keepData+keepSlots)*8, (data+slots)*8
	for i := range count {
		c.shift(to+8+i*step, from+8+i*wasStep, data, keepData, keepSlots)
	}
	for i := range count {
		if err := c.children(to+8+i*step+keepData*8, from+8+i*wasStep+data*8, keepSlots); err != nil {
			return err
		}
	}
	return nil
}

// trimmed returns how much of a struct is left.
func (c *canonical) trimmed(at, data, slots int) (keepData, keepSlots int) {
	pointers := at + data*8
	for data > 0 && c.b.word(at+(data-1)*8) == 0 {
		data--
	}
	for slots > 0 && c.b.word(pointers+(slots-1)*8) == 0 {
		slots--
	}
	return data, slots
}

// shift moves data and pointers of a struct; the pointers keep their old values.
func (c *canonical) shift(to, from, data, keepData, keepSlots int) {
	if to != from {
		copy(c.b.buf[to:], c.b.buf[from:from+keepData*8])
	}
	if keepData != data || to != from {
		to, from = to+keepData*8, from+data*8
		copy(c.b.buf[to:], c.b.buf[from:from+keepSlots*8])
	}
}

// children moves what the pointers of a struct lead to. The pointers lie at
// now, with the values they had at was.
func (c *canonical) children(now, was, slots int) error {
	for i := range slots {
		if err := c.move(now+i*8, c.b.word(now+i*8), was+i*8); err != nil {
			return err
		}
	}
	return nil
}
