package abi

import "sync"

// window bounds the updates that were delivered and not acknowledged.
type window struct {
	limit int
	room  chan struct{} // has a value when there may be room

	mu   sync.Mutex
	open int
}

func newWindow(limit int) *window { return &window{limit: limit, room: make(chan struct{}, 1)} }

// wait takes a place, and waits for one until released.
func (w *window) wait(released <-chan struct{}) {
	for !w.enter() {
		select {
		case <-w.room:
		case <-released:
			return
		}
	}
}

func (w *window) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open >= w.limit {
		return false
	}
	w.open++
	return true
}

// acknowledge gives places back; more than are taken count as all.
func (w *window) acknowledge(n int) {
	w.mu.Lock()
	w.open = max(w.open-max(n, 0), 0)
	w.mu.Unlock()
	signal(w.room)
}
