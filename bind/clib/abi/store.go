package abi

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/platform"
)

// StoreFuncs are a store of secrets in another language, with the codes of voile.h.
// The functions may block and are called from several goroutines at once; slices are
// lent to Save, and given by Load.
type StoreFuncs struct {
	Load   func(key string) ([]byte, instance.Code)
	Save   func(key string, secret []byte) instance.Code
	Remove func(key string) instance.Code
}

// Store is a platform.ProtectedStore of such functions. A call under way is not
// interrupted by its context, since nothing can interrupt the other language.
type Store struct {
	call   sync.RWMutex // held for a call; for writing: to close
	closed bool
	funcs  StoreFuncs
}

// NewStore makes the store. All three functions must be there.
func NewStore(funcs StoreFuncs) *Store { return &Store{funcs: funcs} }

// enter begins a call, which leave ends.
func (s *Store) enter(ctx context.Context, key string) (leave func(), err error) {
	if err := platform.CheckSecretKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.call.RLock()
	if s.closed {
		s.call.RUnlock()
		return nil, platform.ErrClosed
	}
	return s.call.RUnlock, nil
}

// Load gives the secret of a key.
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	leave, err := s.enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	secret, code := s.funcs.Load(key)
	return loaded(secret, code, key)
}

func loaded(secret []byte, code instance.Code, key string) ([]byte, error) {
	if err := storeError("load", key, code); err != nil {
		return nil, err
	}
	if len(secret) > MaxSecret {
		return nil, fmt.Errorf("load %q: %w", key, platform.ErrTooLarge)
	}
	if secret == nil {
		secret = []byte{}
	}
	return secret, nil
}

// Save keeps a secret.
func (s *Store) Save(ctx context.Context, key string, secret []byte) error {
	leave, err := s.enter(ctx, key)
	if err != nil {
		return err
	}
	defer leave()
	if len(secret) > MaxSecret {
		return fmt.Errorf("save %q: %w", key, platform.ErrTooLarge)
	}
	return storeError("save", key, s.funcs.Save(key, secret))
}

// Remove removes one.
func (s *Store) Remove(ctx context.Context, key string) error {
	leave, err := s.enter(ctx, key)
	if err != nil {
		return err
	}
	defer leave()
	return storeError("remove", key, s.funcs.Remove(key))
}

// Close waits for calls under way. It may be called twice.
func (s *Store) Close() error {
	s.call.Lock()
	defer s.call.Unlock()
	s.closed = true
	return nil
}

// storeError is what a code of a store means.
func storeError(op, key string, code instance.Code) error {
	switch code {
	case instance.OK:
		return nil
	case instance.KeyNotFound:
		return fmt.Errorf("%s %q: %w", op, key, fs.ErrNotExist)
	case instance.TryAgain:
		return fmt.Errorf("%s %q: %w", op, key, platform.ErrLocked)
	case instance.TooLarge:
		return fmt.Errorf("%s %q: %w", op, key, platform.ErrTooLarge)
	case instance.Closed:
		return fmt.Errorf("%s %q: %w", op, key, platform.ErrClosed)
	}
	return fmt.Errorf("%s %q: the host's store failed with %d (%s)", op, key, int32(code), code)
}

// Asker sends a question about a secret to somebody who answers later with
// [Library.Reply]. op is load, save or remove; secret belongs to it. It must not
// block. false: there is nobody.
type Asker func(ask Handle, op, key string, secret []byte) bool

// AskStore is a platform.ProtectedStore whose host answers questions, for languages
// that take messages and no calls.
type AskStore struct {
	library *Library
	over    chan struct{} // closed by release: nobody is waited for any more
	once    sync.Once

	mu     sync.Mutex
	ask    Asker
	open   map[*request]struct{}
	closed bool
}

// request is one question under way.
type request struct {
	handle  Handle
	op, key string
	secret  []byte
	reply   chan reply // takes one
}

type reply struct {
	code   instance.Code
	secret []byte
}

// NewAskStore makes the store.
func NewAskStore(l *Library, ask Asker) *AskStore {
	return &AskStore{library: l, ask: ask, over: make(chan struct{}), open: map[*request]struct{}{}}
}

// Use asks somebody else from now on, also what was not answered yet.
func (s *AskStore) Use(ask Asker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ask = ask
	for r := range s.open {
		ask(r.handle, r.op, r.key, bytes.Clone(r.secret))
	}
}

func (s *AskStore) do(ctx context.Context, op, key string, secret []byte) ([]byte, instance.Code, error) {
	if err := platform.CheckSecretKey(key); err != nil {
		return nil, 0, err
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	r := &request{op: op, key: key, secret: secret, reply: make(chan reply, 1)}
	s.mu.Lock()
	var err error
	switch {
	case s.closed:
		err = platform.ErrClosed
	default:
		if r.handle, err = s.library.requests.add(r); err == nil {
			s.open[r] = struct{}{}
			if !s.ask(r.handle, op, key, bytes.Clone(secret)) {
				err = fmt.Errorf("%s %q: nobody answers: %w", op, key, platform.ErrLocked)
			}
		}
	}
	s.mu.Unlock()
	defer func() {
		s.library.requests.remove(r.handle)
		s.mu.Lock()
		delete(s.open, r)
		s.mu.Unlock()
	}()
	if err != nil {
		return nil, 0, err
	}
	select {
	case a := <-r.reply:
		return a.secret, a.code, nil
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	case <-s.over:
		return nil, 0, platform.ErrClosed
	}
}

// Load gives the secret of a key.
func (s *AskStore) Load(ctx context.Context, key string) ([]byte, error) {
	secret, code, err := s.do(ctx, "load", key, nil)
	if err != nil {
		return nil, err
	}
	return loaded(secret, code, key)
}

// Save keeps a secret.
func (s *AskStore) Save(ctx context.Context, key string, secret []byte) error {
	if len(secret) > MaxSecret {
		return fmt.Errorf("save %q: %w", key, platform.ErrTooLarge)
	}
	_, code, err := s.do(ctx, "save", key, secret)
	if err != nil {
		return err
	}
	return storeError("save", key, code)
}

// Remove removes one.
func (s *AskStore) Remove(ctx context.Context, key string) error {
	_, code, err := s.do(ctx, "remove", key, nil)
	if err != nil {
		return err
	}
	return storeError("remove", key, code)
}

// release gives up the questions under way: the node is closing, and whom it asks
// may be what closes it.
func (s *AskStore) release() { s.once.Do(func() { close(s.over) }) }

// Close ends the store. It may be called twice.
func (s *AskStore) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.release()
	return nil
}

// Reply answers a question of an AskStore; secret is kept. A question is answered
// once.
func (l *Library) Reply(ask Handle, code instance.Code, secret []byte) error {
	if len(secret) > MaxSecret {
		return TooLarge("size", uint64(len(secret)), MaxSecret)
	}
	r, err := l.requests.remove(ask)
	if err != nil {
		return err
	}
	r.reply <- reply{code, secret}
	return nil
}
