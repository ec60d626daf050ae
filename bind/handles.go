package bind

import "sync"

// handles are the objects of one client and one type by their ids: the lowest
// free number from 1 (spec 07 §5.4). The zero value is empty.
type handles[T any] struct {
	mu    sync.Mutex
	slots []slot[T] // id 1 is the first
	free  int       // no slot below it is free
	over  bool      // nothing is added any more
}

type slot[T any] struct {
	value T
	taken bool
}

// add returns the new id. 0: the client is closed, so the object was not taken
// and the caller must end it.
func (h *handles[T]) add(v T) uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return 0
	}
	for h.free < len(h.slots) && h.slots[h.free].taken {
		h.free++
	}
	if h.free == len(h.slots) {
		h.slots = append(h.slots, slot[T]{})
	}
	h.slots[h.free] = slot[T]{v, true}
	h.free++
	return uint32(h.free)
}

func (h *handles[T]) get(id uint32) (v T, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id == 0 || uint64(id) > uint64(len(h.slots)) {
		return v, false
	}
	s := h.slots[id-1]
	return s.value, s.taken
}

func (h *handles[T]) remove(id uint32) (v T, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id == 0 || uint64(id) > uint64(len(h.slots)) || !h.slots[id-1].taken {
		return v, false
	}
	v = h.slots[id-1].value
	h.slots[id-1] = slot[T]{}
	h.free = min(h.free, int(id-1))
	return v, true
}

// count is how many objects there are.
func (h *handles[T]) count() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.slots {
		if s.taken {
			n++
		}
	}
	return n
}

// removeSame removes an object, unless its id is free or another's by now.
func removeSame[T comparable](h *handles[T], id uint32, v T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if id > 0 && uint64(id) <= uint64(len(h.slots)) && h.slots[id-1] == (slot[T]{v, true}) {
		h.slots[id-1] = slot[T]{}
		h.free = min(h.free, int(id-1))
	}
}

// close removes all objects, for the caller to end. Nothing is added after it.
func (h *handles[T]) close() (objects []T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.slots {
		if s.taken {
			objects = append(objects, s.value)
		}
	}
	h.slots, h.free, h.over = nil, 0, true
	return objects
}
