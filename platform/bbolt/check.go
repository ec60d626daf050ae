//go:build !js

package bbolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
)

// bbolt's file format, version 2. Numbers have the byte order of the machine.
//
//	page     id u64, flags u16, count u16, overflow u32 (pages that follow), data
//	meta     after a page's head: magic u32, version u32, page size u32, flags u32,
//	         root page u64, sequence u64, freelist page u64, pages in use u64,
//	         transaction u64, FNV-1a of the 56 bytes before u64
//	branch   count times: position of key u32 (from this element), key size u32, page u64; keys
//	leaf     count times: flags u32, position of key u32, key size u32, value size u32; keys and values
//	freelist count page ids u64; count 0xffff: the first u64 is the count
//	bucket   (value of a leaf element with flag 1) root page u64, sequence u64; root page 0: a leaf page follows
const (
	pageHead    = 16
	elementSize = 16
	metaSize    = 64
	bucketHead  = 16

	boltMagic   = 0xED0CDAED
	boltVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	flagBucket   = 0x01 // of a leaf element

	noFreelist = math.MaxUint64
)

// Limits.
const (
	minPageSize = 1 << 10
	maxPageSize = 1 << 24 // the range in which bbolt itself looks for its second meta page
	maxDepth    = 64      // of pages and buckets; an honest tree of 2^48 bytes has less than 30

	// A file up to here is read as a whole at each start, which takes about
	// 0.1 s on a phone. Of a larger one only heads and freelist are read.
	fullCheckLimit = 64 << 20
)

// checker reads a file of bbolt and believes nothing in it.
type checker struct {
	file     io.ReaderAt
	size     int64
	pageSize int64
	root     uint64
	freelist uint64
	pages    uint64   // in use: every id is smaller
	seen     []uint64 // one bit per page: reached or free
}

// checkFile returns nil if bbolt can open the file and walk every page without
// leaving the file, meeting a page twice, or meeting one that it would hand
// out as free. full is false for a file over the limit.
func checkFile(file io.ReaderAt, size int64) (full bool, err error) {
	c := &checker{file: file, size: size}
	if err := c.readMeta(); err != nil {
		return false, err
	}
	if c.pages > uint64(size)/uint64(c.pageSize) {
		return false, fmt.Errorf("cut short: %d bytes, want %d pages of %d", size, c.pages, c.pageSize)
	}
	c.seen = make([]uint64, c.pages/64+1)
	for id := range uint64(2) {
		if err := c.mark(id, 0); err != nil {
			return false, err
		}
	}
	if c.freelist != noFreelist {
		if err := c.checkFreelist(); err != nil {
			return false, fmt.Errorf("freelist: %w", err)
		}
	}
	if c.pages*uint64(c.pageSize) > fullCheckLimit {
		_, _, err := c.read(c.root)
		return false, err
	}
	return true, c.checkPage(c.root, nil, nil, 0)
}

// readMeta takes the newest of the two meta pages that is whole, like bbolt:
// the other one may be torn by a crash.
func (c *checker) readMeta() error {
	best, err := c.metaAt(0)
	if err == nil {
		if size := best.pageSize; size < minPageSize || size > maxPageSize || size&(size-1) != 0 {
			return fmt.Errorf("page size %d", size)
		}
		if second, err := c.metaAt(best.pageSize); err == nil {
			if second.pageSize != best.pageSize {
				return errors.New("meta pages with different page sizes")
			}
			if second.tx > best.tx {
				best = second
			}
		}
	} else if best, err = c.findSecond(err); err != nil {
		return err
	}
	c.pageSize, c.root, c.freelist, c.pages = best.pageSize, best.root, best.freelist, best.pages
	return nil
}

// findSecond looks for the second meta page when the first one, which tells how
// long a page is, has the fault given.
func (c *checker) findSecond(fault error) (meta, error) {
	for size := int64(minPageSize); size <= maxPageSize; size *= 2 {
		second, err := c.metaAt(size)
		switch {
		case err != nil:
		case second.pageSize != size:
			return meta{}, errors.New("meta page at the wrong place")
		default:
			return second, nil
		}
	}
	return meta{}, fmt.Errorf("no valid meta page: %w", fault)
}

// meta is a meta page with the right checksum; its values are still unchecked.
type meta struct {
	pageSize                  int64
	root, freelist, pages, tx uint64
}

func (c *checker) metaAt(at int64) (meta, error) {
	var b [pageHead + metaSize]byte
	if _, err := c.file.ReadAt(b[:], at); err != nil {
		return meta{}, err
	}
	m := b[pageHead:]
	sum := fnv.New64a()
	sum.Write(m[:56])
	order := binary.NativeEndian
	switch {
	case order.Uint32(m) != boltMagic:
		return meta{}, errors.New("not a store")
	case order.Uint32(m[4:]) != boltVersion:
		return meta{}, fmt.Errorf("version %d", order.Uint32(m[4:]))
	case order.Uint64(m[56:]) != sum.Sum64():
		return meta{}, errors.New("checksum does not match")
	}
	return meta{int64(order.Uint32(m[8:])), order.Uint64(m[16:]), order.Uint64(m[32:]), order.Uint64(m[40:]), order.Uint64(m[48:])}, nil
}

// page is the content of a page and of those that overflow from it.
type page struct {
	flags uint16
	count int
	data  []byte // with the head
}

// read reads a page and marks it as reached.
func (c *checker) read(id uint64) (p page, overflow uint64, err error) {
	if id >= c.pages {
		return page{}, 0, fmt.Errorf("page %d of %d", id, c.pages)
	}
	var head [pageHead]byte
	if _, err := c.file.ReadAt(head[:], int64(id)*c.pageSize); err != nil {
		return page{}, 0, fmt.Errorf("page %d: %w", id, err)
	}
	order := binary.NativeEndian
	if self := order.Uint64(head[:]); self != id {
		return page{}, 0, fmt.Errorf("page %d calls itself %d", id, self)
	}
	overflow = uint64(order.Uint32(head[12:]))
	if err := c.mark(id, overflow); err != nil {
		return page{}, 0, err
	}
	p = page{order.Uint16(head[8:]), int(order.Uint16(head[10:])), make([]byte, (1+int64(overflow))*c.pageSize)}
	if _, err := c.file.ReadAt(p.data, int64(id)*c.pageSize); err != nil {
		return page{}, 0, fmt.Errorf("page %d: %w", id, err)
	}
	return p, overflow, nil
}

// mark notes that a page and those after it have a use. None has two.
func (c *checker) mark(id, overflow uint64) error {
	if id >= c.pages || overflow >= c.pages-id {
		return fmt.Errorf("page %d with %d after it, of %d", id, overflow, c.pages)
	}
	for last := id + overflow; id <= last; id++ {
		if c.seen[id/64]&(1<<(id%64)) != 0 {
			return fmt.Errorf("page %d has two uses", id)
		}
		c.seen[id/64] |= 1 << (id % 64)
	}
	return nil
}

func (c *checker) checkFreelist() error {
	p, _, err := c.read(c.freelist)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return fmt.Errorf("page %d is of another kind: %#x", c.freelist, p.flags)
	}
	ids, count := p.data[pageHead:], uint64(p.count)
	if count == 0xffff {
		count, ids = binary.NativeEndian.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return fmt.Errorf("%d free pages in %d bytes", count, len(ids))
	}
	for i := range count {
		if err := c.mark(binary.NativeEndian.Uint64(ids[8*i:]), 0); err != nil {
			return err
		}
	}
	return nil
}

// checkPage checks a page of a tree and all below it. Its keys must be at least
// low and less than high; nil: no such bound.
func (c *checker) checkPage(id uint64, low, high []byte, depth int) error {
	if depth > maxDepth {
		return errors.New("too deep")
	}
	p, _, err := c.read(id)
	if err != nil {
		return err
	}
	switch p.flags {
	case flagBranch:
		err = c.checkBranch(&p, low, high, depth)
	case flagLeaf:
		err = c.checkLeaf(&p, low, high, depth, true)
	default:
		err = fmt.Errorf("unknown kind %#x", p.flags)
	}
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

func (c *checker) checkBranch(p *page, low, high []byte, depth int) error {
	if p.count == 0 || p.count > (len(p.data)-pageHead)/elementSize {
		return fmt.Errorf("%d elements in %d bytes", p.count, len(p.data))
	}
	key := func(i int) ([]byte, error) {
		e := p.data[pageHead+i*elementSize:]
		return slice(e, binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]))
	}
	k, err := key(0)
	if err != nil {
		return err
	}
	if low != nil && bytes.Compare(k, low) < 0 {
		return errors.New("first key is out of order")
	}
	for i := range p.count {
		next := high
		if i+1 < p.count {
			if next, err = key(i + 1); err != nil {
				return err
			}
		}
		if next != nil && bytes.Compare(k, next) >= 0 {
			return fmt.Errorf("key %d is out of order", i)
		}
		child := binary.NativeEndian.Uint64(p.data[pageHead+i*elementSize+8:])
		if err := c.checkPage(child, k, next, depth+1); err != nil {
			return err
		}
		k = next
	}
	return nil
}

// checkLeaf checks a leaf page; buckets is false inside an inline bucket, which
// has none in it.
func (c *checker) checkLeaf(p *page, low, high []byte, depth int, buckets bool) error {
	if p.count > (len(p.data)-pageHead)/elementSize {
		return fmt.Errorf("%d elements in %d bytes", p.count, len(p.data))
	}
	order := binary.NativeEndian
	for i := range p.count {
		e := p.data[pageHead+i*elementSize:]
		flags, at, keySize, valueSize := order.Uint32(e), order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:])
		key, err := slice(e, at, keySize)
		if err != nil {
			return err
		}
		value, err := slice(e[int(at)+len(key):], 0, valueSize)
		if err != nil {
			return err
		}
		switch order := bytes.Compare(key, low); {
		case low != nil && (order < 0 || i > 0 && order == 0):
			return fmt.Errorf("key %d is out of order", i)
		case high != nil && bytes.Compare(key, high) >= 0:
			return fmt.Errorf("key %d is beyond its page", i)
		}
		low = key
		switch {
		case flags == 0:
		case flags != flagBucket || !buckets:
			return fmt.Errorf("element %d of unknown kind %#x", i, flags)
		default:
			if err := c.checkBucket(value, depth); err != nil {
				return fmt.Errorf("bucket in element %d: %w", i, err)
			}
		}
	}
	return nil
}

func (c *checker) checkBucket(value []byte, depth int) error {
	if len(value) < bucketHead {
		return fmt.Errorf("%d bytes", len(value))
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.checkPage(root, nil, nil, depth+1)
	}
	data := value[bucketHead:]
	if len(data) < pageHead {
		return fmt.Errorf("%d bytes with an inline page", len(value))
	}
	inline := page{binary.NativeEndian.Uint16(data[8:]), int(binary.NativeEndian.Uint16(data[10:])), data}
	if inline.flags != flagLeaf {
		return fmt.Errorf("inline page of unknown kind %#x", inline.flags)
	}
	return c.checkLeaf(&inline, nil, nil, depth, false)
}

// slice is b[at:at+size], not nil, or an error.
func slice(b []byte, at, size uint32) ([]byte, error) {
	end := uint64(at) + uint64(size)
	if end > uint64(len(b)) {
		return nil, fmt.Errorf("a key or value of %d bytes at %d, with %d bytes left", size, at, len(b))
	}
	return b[at:end:end], nil
}
