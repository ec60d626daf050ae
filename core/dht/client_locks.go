package dht

import (
	"context"
	"sync"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// lockTable orders the operations on each record (spec 06 §14, 7): whole records,
// or single subkeys. An operation of the application waits its turn; background work
// takes what is free, and has to make way.
// Locks: mu. Goroutines: none.
type lockTable struct {
	mu      sync.Mutex
	records map[crypto.OpaqueRecordKey]*recordLock
}

type recordLock struct {
	claims  []*claim // that hold, in any order
	waiting []*claim // in order
}

// wholeRecord is the subkey of a claim on all of a record.
const wholeRecord = wire.SubkeyAbsent

type claim struct {
	subkey  uint32
	granted chan struct{}      // closed when it holds
	yield   context.CancelFunc // of background work; nil: the application's
}

func (a *claim) excludes(b *claim) bool {
	return a.subkey == b.subkey || a.subkey == wholeRecord || b.subkey == wholeRecord
}

func (l *recordLock) free(c *claim, before []*claim) bool {
	for _, list := range [...][]*claim{l.claims, before} {
		for _, other := range list {
			if other.excludes(c) {
				return false
			}
		}
	}
	return true
}

func (t *lockTable) of(key crypto.OpaqueRecordKey) *recordLock {
	if t.records == nil {
		t.records = make(map[crypto.OpaqueRecordKey]*recordLock)
	}
	l := t.records[key]
	if l == nil {
		l = new(recordLock)
		t.records[key] = l
	}
	return l
}

// lock waits for its turn. Background work in the way is told to end.
func (t *lockTable) lock(ctx context.Context, key crypto.OpaqueRecordKey, subkey uint32) (unlock func(), err error) {
	c := &claim{subkey: subkey, granted: make(chan struct{})}
	t.mu.Lock()
	l := t.of(key)
	for _, other := range l.claims {
		if other.yield != nil && other.excludes(c) {
			other.yield()
		}
	}
	l.waiting = append(l.waiting, c)
	t.grant(key, l)
	t.mu.Unlock()
	unlock = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.drop(key, c)
	}
	select {
	case <-c.granted:
		return unlock, nil
	case <-ctx.Done():
		unlock()
		return nil, failed(context.Cause(ctx))
	}
}

// try takes a lock for background work if nobody has it or waits for it. The context
// ends when an application wants it.
func (t *lockTable) try(ctx context.Context, key crypto.OpaqueRecordKey, subkey uint32) (_ context.Context, unlock func(), ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	c := &claim{subkey: subkey, granted: make(chan struct{}), yield: cancel}
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.of(key)
	if !l.free(c, l.waiting) {
		cancel()
		t.drop(key, c)
		return nil, nil, false
	}
	l.claims = append(l.claims, c)
	return ctx, func() {
		cancel()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.drop(key, c)
	}, true
}

// grant lets those in, in order, who need not wait any more.
func (t *lockTable) grant(key crypto.OpaqueRecordKey, l *recordLock) {
	kept := l.waiting[:0]
	for _, c := range l.waiting {
		if !l.free(c, kept) {
			kept = append(kept, c)
			continue
		}
		l.claims = append(l.claims, c)
		close(c.granted)
	}
	clear(l.waiting[len(kept):])
	l.waiting = kept
	if len(l.claims) == 0 && len(l.waiting) == 0 {
		delete(t.records, key)
	}
}

func (t *lockTable) drop(key crypto.OpaqueRecordKey, c *claim) {
	l := t.records[key]
	if l == nil {
		return
	}
	without := func(list []*claim) []*claim {
		for i, other := range list {
			if other == c {
				return append(list[:i], list[i+1:]...)
			}
		}
		return list
	}
	l.claims, l.waiting = without(l.claims), without(l.waiting)
	t.grant(key, l)
}
