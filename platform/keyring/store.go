//go:build (linux && !android) || (darwin && !ios) || windows

package keyring

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	gokeyring "github.com/zalando/go-keyring"

	"github.com/voile-net/voile/platform"
)

const (
	probeKey = "_test_key" // spec 01 §8.1: a known key that applications may not touch

	// binarySuffix ends a value that holds bytes (spec 01 §8.1).
	binarySuffix = "!"

	// closeWait bounds Close when the keyring does not answer, which may be a
	// question on the user's screen.
	closeWait = 2 * time.Second
)

// ring is what go-keyring does; its calls block and know no context.
type ring interface {
	Set(service, user, password string) error
	Get(service, user string) (string, error)
	Delete(service, user string) error
}

// Store is a [platform.ProtectedStore] in the keyring. Calls go one after the
// other. A call whose ctx ends returns at once; what it asked for goes on in
// the keyring, before the next call, and may still happen.
//
// Goroutines: one, started by Open, ended by Close; it runs the calls to the
// keyring. Locks: none.
type Store struct {
	service string
	ring    ring
	calls   chan func()
	closing chan struct{}
	once    sync.Once
	ended   chan struct{}
}

var _ platform.ProtectedStore = (*Store)(nil)

// Open finds the keyring and reads from it once, so that a machine without one
// is told at the start. Errors: ErrNoKeyring; platform.ErrLocked, also if the
// user did not answer its question; ctx's error, while it was waiting for that.
func Open(ctx context.Context, o Options) (*Store, error) {
	service, err := o.service()
	if err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	if err := findKeyring(); err != nil {
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	return open(ctx, service, systemRing{})
}

func open(ctx context.Context, service string, r ring) (*Store, error) {
	s := &Store{service: service, ring: r, calls: make(chan func()), closing: make(chan struct{}), ended: make(chan struct{})}
	go s.callLoop()
	if _, err := s.Load(ctx, probeKey); err != nil && !errors.Is(err, fs.ErrNotExist) {
		_ = s.Close() // if it says that a call hangs, err is why
		return nil, fmt.Errorf("open keyring: %w", err)
	}
	return s, nil
}

// Load implements [platform.ProtectedStore].
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	secret, err := s.call(ctx, key, func() ([]byte, error) { return s.get(key) })
	if err != nil {
		return nil, fmt.Errorf("load secret %.20q from keyring: %w", key, err)
	}
	return secret, nil
}

// Save implements [platform.ProtectedStore]. It reads back what it wrote: on
// macOS a refused write can look like a good one.
func (s *Store) Save(ctx context.Context, key string, secret []byte) error {
	if len(secret) > platform.MinMaxSecret {
		return fmt.Errorf("save secret %.20q in keyring: %w: %d bytes", key, platform.ErrTooLarge, len(secret))
	}
	text := base64.RawURLEncoding.EncodeToString(secret) + binarySuffix
	_, err := s.call(ctx, key, func() ([]byte, error) {
		if err := s.ring.Set(s.service, key, text); err != nil {
			return nil, err
		}
		switch got, err := s.ring.Get(s.service, key); {
		case errors.Is(err, gokeyring.ErrNotFound) || err == nil && got != text:
			return nil, errors.New("the keyring did not keep it")
		case err != nil:
			return nil, fmt.Errorf("read it back: %w", err)
		}
		return nil, nil
	})
	if err != nil {
		return fmt.Errorf("save secret %.20q in keyring: %w", key, err)
	}
	return nil
}

// Remove implements [platform.ProtectedStore].
func (s *Store) Remove(ctx context.Context, key string) error {
	_, err := s.call(ctx, key, func() ([]byte, error) { return nil, s.ring.Delete(s.service, key) })
	if err != nil {
		return fmt.Errorf("remove secret %.20q from keyring: %w", key, err)
	}
	return nil
}

// Close waits for a running call, but not for a user's answer: after 2 s it
// gives an error, and the goroutine ends when the keyring answers. It may be
// called twice.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.closing) })
	wait := time.NewTimer(closeWait)
	defer wait.Stop()
	select {
	case <-s.ended:
		return nil
	case <-wait.C:
		return errors.New("close keyring: it still works on a call")
	}
}

func (s *Store) get(key string) ([]byte, error) {
	text, err := s.ring.Get(s.service, key)
	if err != nil {
		return nil, err
	}
	coded, ok := strings.CutSuffix(text, binarySuffix)
	if !ok {
		return nil, &platform.CorruptError{Name: "secret " + key + " of " + s.service + " in the keyring", Err: errors.New("not in the form of binary secrets")}
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(coded)
	if err != nil {
		return nil, &platform.CorruptError{Name: "secret " + key + " of " + s.service + " in the keyring", Err: err}
	}
	return secret, nil
}

// call runs f in the goroutine of the store and waits for its result.
func (s *Store) call(ctx context.Context, key string, f func() ([]byte, error)) ([]byte, error) {
	if err := platform.CheckSecretKey(key); err != nil {
		return nil, err
	}
	select {
	case <-s.closing:
		return nil, platform.ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		secret []byte
		err    error
	}
	done := make(chan result, 1) // so that nobody has to wait for it
	run := func() {
		var r result
		defer func() { done <- r }()
		defer func() {
			// go-keyring trusts what the bus sends and panics on surprises.
			if p := recover(); p != nil {
				r = result{err: fmt.Errorf("the keyring library panicked: %v", p)}
			}
		}()
		r.secret, r.err = f()
		r.err = nameError(r.err)
	}
	select {
	case s.calls <- run:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.closing:
		return nil, platform.ErrClosed
	}
	select {
	case r := <-done:
		return r.secret, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) callLoop() {
	defer close(s.ended)
	for {
		select {
		case run := <-s.calls:
			run()
		case <-s.closing:
			return
		}
	}
}

// nameError turns an error of go-keyring into one that callers decide by.
func nameError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, gokeyring.ErrNotFound):
		return fs.ErrNotExist
	case errors.Is(err, gokeyring.ErrSetDataTooBig):
		return fmt.Errorf("%w: %w", platform.ErrTooLarge, err)
	}
	if corrupt := (*platform.CorruptError)(nil); errors.As(err, &corrupt) {
		return err
	}
	if named := nameSystemError(err); named != nil {
		return fmt.Errorf("%w: %v", named, err)
	}
	// As text: a socket or a program that is not there is fs.ErrNotExist too,
	// and would look like a secret that is not there.
	return errors.New(err.Error())
}

type systemRing struct{}

func (systemRing) Set(service, user, password string) error {
	return gokeyring.Set(service, user, password)
}
func (systemRing) Get(service, user string) (string, error) { return gokeyring.Get(service, user) }
func (systemRing) Delete(service, user string) error        { return gokeyring.Delete(service, user) }
