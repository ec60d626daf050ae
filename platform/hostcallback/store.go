package hostcallback

import (
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/voile-net/voile/platform"
)

// Secrets is what an app implements: a few named values in the device's own
// custody. One call comes at a time, from any thread; it may block.
type Secrets interface {
	// Load gives a value, or nothing (nil or empty) for a name that has none.
	Load(name string) ([]byte, error)
	// Save replaces what was there; the value is never empty. When it returned, a
	// crash does not lose it.
	Save(name string, value []byte) error
	// Remove forgets a name. One that has no value is no error.
	Remove(name string) error
}

// MaxSecret is the largest secret, in bytes. Keychains take more, but nothing in a
// node needs it.
const MaxSecret = 64 << 10

// form is the first byte of each stored value, so that none is empty: callbacks
// cannot tell an empty value from none.
const form = 1

// Store is a [platform.ProtectedStore] that an app provides.
//
// Goroutines: one for each call that runs, joined by Close. Locks: turn, held while
// the app is asked; mu, held to count.
type Store struct {
	host Secrets
	turn chan struct{} // one at a time

	mu     sync.Mutex
	closed bool
	calls  sync.WaitGroup
}

var _ platform.ProtectedStore = (*Store)(nil)

// NewStore makes a store of what an app implements.
func NewStore(host Secrets) *Store { return &Store{host: host, turn: make(chan struct{}, 1)} }

// Load implements [platform.ProtectedStore].
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	var secret []byte
	err := s.do(ctx, key, func() error {
		value, err := s.host.Load(key)
		switch {
		case err != nil:
			return fault("load from the app's store", err)
		case len(value) == 0:
			return fs.ErrNotExist
		case value[0] != form:
			return &platform.CorruptError{Name: "the app's store", Err: fmt.Errorf("%q is of form %d", key, value[0])}
		case len(value) > MaxSecret+1:
			return fmt.Errorf("%q has %d bytes: %w", key, len(value)-1, platform.ErrTooLarge)
		}
		secret = append([]byte{}, value[1:]...)
		clear(value)
		return nil
	})
	if err != nil {
		return nil, err // not secret: the call may still be writing it
	}
	return secret, nil
}

// Save implements [platform.ProtectedStore]; the limit is [MaxSecret].
func (s *Store) Save(ctx context.Context, key string, secret []byte) error {
	if err := platform.CheckSecretKey(key); err != nil {
		return err
	}
	if len(secret) > MaxSecret {
		return fmt.Errorf("secret of %d bytes, at most %d: %w", len(secret), MaxSecret, platform.ErrTooLarge)
	}
	value := append([]byte{form}, secret...)
	return s.do(ctx, key, func() error {
		defer clear(value)
		if err := s.host.Save(key, value); err != nil {
			return fault("save to the app's store", err)
		}
		return nil
	})
}

// Remove implements [platform.ProtectedStore].
func (s *Store) Remove(ctx context.Context, key string) error {
	return s.do(ctx, key, func() error {
		value, err := s.host.Load(key)
		switch {
		case err != nil:
			return fault("load from the app's store", err)
		case len(value) == 0:
			return fs.ErrNotExist
		}
		clear(value)
		if err := s.host.Remove(key); err != nil {
			return fault("remove from the app's store", err)
		}
		return nil
	})
}

// do asks the app in its turn, until ctx is done; the app then goes on alone.
func (s *Store) do(ctx context.Context, key string, f func() error) error {
	if err := platform.CheckSecretKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("the app's store: %w", platform.ErrClosed)
	}
	s.calls.Add(1)
	s.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		defer s.calls.Done()
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			done <- ctx.Err()
			return
		}
		defer func() { <-s.turn }()
		done <- guarded(f)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close lets no further call start and waits for those that run. It may be called
// twice.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.calls.Wait()
	return nil
}
