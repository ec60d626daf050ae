// Package lru is a map of bounded size that forgets what was not used for longest.
// It imports nothing.
package lru

// Cache maps keys to values and holds at most the number given to [New]. It grows
// with its use, not ahead of it. It is not safe for concurrent use.
type Cache[K comparable, V any] struct {
	index   map[K]int32
	entries []entry[K, V] // entries[0] is the ring's anchor: next is newest, prev is oldest
	free    int32         // first unused entry, linked by next; 0: none
	limit   int
	evicted func(K, *V) // may be nil
}

type entry[K comparable, V any] struct {
	prev, next int32
	key        K
	value      V
}

// New makes a cache of at most limit entries, which must be at least 1. evicted, if
// not nil, is told of each value that leaves, by whatever way, and may wipe it; it
// must not use the cache.
func New[K comparable, V any](limit int, evicted func(K, *V)) *Cache[K, V] {
	return &Cache[K, V]{
		index:   make(map[K]int32),
		entries: make([]entry[K, V], 1),
		limit:   max(1, limit),
		evicted: evicted,
	}
}

// Len is the number of entries.
func (c *Cache[K, V]) Len() int { return len(c.index) }

// Get finds a value and makes it the newest. The pointer is good until the next
// call of a method; it is nil if there is none.
func (c *Cache[K, V]) Get(key K) *V {
	i, ok := c.index[key]
	if !ok {
		return nil
	}
	c.unlink(i)
	c.link(i)
	return &c.entries[i].value
}

// Peek finds a value without making it the newest; see [Cache.Get].
func (c *Cache[K, V]) Peek(key K) *V {
	i, ok := c.index[key]
	if !ok {
		return nil
	}
	return &c.entries[i].value
}

// Put stores a value as the newest, in place of the key's old one or, if the cache
// is full, of the oldest. The pointer is as of [Cache.Get].
func (c *Cache[K, V]) Put(key K, value V) *V {
	if i, ok := c.index[key]; ok {
		e := &c.entries[i]
		if c.evicted != nil {
			c.evicted(key, &e.value)
		}
		e.value = value
		c.unlink(i)
		c.link(i)
		return &e.value
	}
	if len(c.index) >= c.limit {
		c.RemoveOldest()
	}
	i := c.free
	if i != 0 {
		c.free = c.entries[i].next
	} else {
		c.entries = append(c.entries, entry[K, V]{})
		i = int32(len(c.entries) - 1)
	}
	e := &c.entries[i]
	e.key, e.value = key, value
	c.index[key] = i
	c.link(i)
	return &e.value
}

// Remove forgets a key and reports whether it was there.
func (c *Cache[K, V]) Remove(key K) bool {
	i, ok := c.index[key]
	if ok {
		c.remove(i)
	}
	return ok
}

// RemoveOldest forgets the oldest entry and reports whether there was one.
func (c *Cache[K, V]) RemoveOldest() bool {
	i := c.entries[0].prev
	if i != 0 {
		c.remove(i)
	}
	return i != 0
}

// RemoveFunc visits all entries, oldest first, and forgets those that drop says.
// drop may change the values and must not use the cache.
func (c *Cache[K, V]) RemoveFunc(drop func(K, *V) bool) {
	for i := c.entries[0].prev; i != 0; {
		e := &c.entries[i]
		older := i
		i = e.prev
		if drop(e.key, &e.value) {
			c.remove(older)
		}
	}
}

// Clear forgets everything and gives its memory back.
func (c *Cache[K, V]) Clear() {
	c.RemoveFunc(func(K, *V) bool { return true })
	clear(c.entries)
	c.entries = make([]entry[K, V], 1)
	c.index = make(map[K]int32)
	c.free = 0
}

func (c *Cache[K, V]) remove(i int32) {
	e := &c.entries[i]
	c.unlink(i)
	delete(c.index, e.key)
	if c.evicted != nil {
		c.evicted(e.key, &e.value)
	}
	*e = entry[K, V]{next: c.free}
	c.free = i
}

func (c *Cache[K, V]) unlink(i int32) {
	e := &c.entries[i]
	c.entries[e.prev].next = e.next
	c.entries[e.next].prev = e.prev
}

func (c *Cache[K, V]) link(i int32) {
	first := c.entries[0].next
	c.entries[i].prev, c.entries[i].next = 0, first
	c.entries[first].prev = i
	c.entries[0].next = i
}
