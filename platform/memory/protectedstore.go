package memory

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"sync"

	"github.com/voile-net/voile/platform"
)

// maxSecret keeps a memory store from being a place for bulk data, which would
// then not fit the store of a real device.
const maxSecret = 64 << 10

// ProtectedStore keeps secrets in memory. Locks: one, held only for the copy.
type ProtectedStore struct {
	mu      sync.Mutex
	secrets map[string][]byte // nil: closed
}

var _ platform.ProtectedStore = (*ProtectedStore)(nil)

// NewProtectedStore makes an empty store.
func NewProtectedStore() *ProtectedStore {
	return &ProtectedStore{secrets: make(map[string][]byte)}
}

// Load implements [platform.ProtectedStore].
func (s *ProtectedStore) Load(ctx context.Context, key string) ([]byte, error) {
	unlock, err := s.enter(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("load secret: %w", err)
	}
	defer unlock()
	secret, ok := s.secrets[key]
	if !ok {
		return nil, fmt.Errorf("load secret %q: %w", key, fs.ErrNotExist)
	}
	return append([]byte{}, secret...), nil
}

// Save implements [platform.ProtectedStore]; the limit is 64 KiB.
func (s *ProtectedStore) Save(ctx context.Context, key string, secret []byte) error {
	if len(secret) > maxSecret {
		return fmt.Errorf("save secret %q: %w: %d bytes", key, platform.ErrTooLarge, len(secret))
	}
	unlock, err := s.enter(ctx, key)
	if err != nil {
		return fmt.Errorf("save secret: %w", err)
	}
	defer unlock()
	clear(s.secrets[key])
	s.secrets[key] = bytes.Clone(secret)
	return nil
}

// Remove implements [platform.ProtectedStore].
func (s *ProtectedStore) Remove(ctx context.Context, key string) error {
	unlock, err := s.enter(ctx, key)
	if err != nil {
		return fmt.Errorf("remove secret: %w", err)
	}
	defer unlock()
	secret, ok := s.secrets[key]
	if !ok {
		return fmt.Errorf("remove secret %q: %w", key, fs.ErrNotExist)
	}
	clear(secret)
	delete(s.secrets, key)
	return nil
}

// Close zeroes and forgets the secrets. It may be called twice.
func (s *ProtectedStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.secrets {
		clear(secret)
	}
	s.secrets = nil
	return nil
}

func (s *ProtectedStore) enter(ctx context.Context, key string) (unlock func(), err error) {
	if err := platform.CheckSecretKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.secrets == nil {
		s.mu.Unlock()
		return nil, platform.ErrClosed
	}
	return s.mu.Unlock, nil
}
