package abi

import (
	"slices"
	"sync"

	"github.com/voile-net/voile/bind/instance"
)

// Handle names an object towards other languages. Layout, from the highest bit: 0;
// the sort (3 bits); the generation of the slot (28 bits); the slot (32 bits), as
// twice its index above a large odd number, so that a handle is never mistaken for
// a small integer, an index, a descriptor or a pointer.
type Handle int64

const (
	slotBase       = 0x2A000001
	slotBits       = 32
	generationBits = 28
	sortShift      = slotBits + generationBits
)

// sort is what a handle names.
type sort uint8

const (
	sortNode sort = iota + 1
	sortSession
	sortCall
	sortRequest
)

func (s sort) String() string {
	return [...]string{"nothing", "node", "session", "call", "request"}[s]
}

// handles are the open objects of one sort. A slot that becomes free is used again
// with the next generation, so that an old handle finds nothing. T's zero value
// means a free slot.
type handles[T comparable] struct {
	sort  sort
	limit int // open at once

	mu    sync.Mutex
	slots []handleSlot[T]
	free  []uint32 // indexes
}

type handleSlot[T comparable] struct {
	value      T
	generation uint32
}

func newHandles[T comparable](of sort, limit int) *handles[T] {
	return &handles[T]{sort: of, limit: limit}
}

// add gives an object its handle.
func (h *handles[T]) add(value T) (Handle, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var index uint32
	if n := len(h.free); n > 0 {
		index = h.free[n-1]
		h.free = h.free[:n-1]
	} else {
		if len(h.slots) >= h.limit {
			return 0, TooLarge("the number of open "+h.sort.String()+"s", uint64(len(h.slots)+1), uint64(h.limit))
		}
		index = uint32(len(h.slots))
		h.slots = append(h.slots, handleSlot[T]{})
	}
	s := &h.slots[index]
	s.value = value
	s.generation = (s.generation + 1) & (1<<generationBits - 1)
	return Handle(h.sort)<<sortShift | Handle(s.generation)<<slotBits | Handle(slotBase+2*index), nil
}

// slotLocked finds the slot of a handle that is open.
func (h *handles[T]) slotLocked(handle Handle) (index uint32, ok bool) {
	low := uint32(handle)
	if handle <= 0 || sort(handle>>sortShift) != h.sort || low < slotBase || (low-slotBase)%2 != 0 {
		return 0, false
	}
	index = (low - slotBase) / 2
	if uint64(index) >= uint64(len(h.slots)) {
		return 0, false
	}
	s := &h.slots[index]
	var none T
	return index, s.value != none && s.generation == uint32(handle>>slotBits)&(1<<generationBits-1)
}

// get finds an open object.
func (h *handles[T]) get(handle Handle) (T, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if index, ok := h.slotLocked(handle); ok {
		return h.slots[index].value, nil
	}
	var none T
	return none, h.invalid(handle)
}

// remove takes an object out: the handle is invalid from then on. One caller gets it.
func (h *handles[T]) remove(handle Handle) (T, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var none T
	index, ok := h.slotLocked(handle)
	if !ok {
		return none, h.invalid(handle)
	}
	value := h.slots[index].value
	h.slots[index].value = none
	h.free = append(h.free, index)
	return value, nil
}

func (h *handles[T]) invalid(handle Handle) error {
	return border(instance.InvalidHandle, "%#x is no open %s", uint64(handle), h.sort)
}

func (h *handles[T]) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.slots) - len(h.free)
}

// all are the open objects in no order.
func (h *handles[T]) all() (list []T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var none T
	for i := range h.slots {
		if v := h.slots[i].value; v != none {
			list = append(list, v)
		}
	}
	return slices.Clip(list)
}
