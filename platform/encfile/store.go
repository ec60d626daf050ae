package encfile

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"time"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/diskfile"
)

// Options of Open. The zero value is a file with its key beside it.
type Options struct {
	// Password opens the file. Nil or empty: the key is in KeyFile. It is not kept.
	Password []byte
	// KeyFile is where the key is, without a password. Empty: the path of the
	// store with ".key" appended.
	KeyFile string
	// Cost is used when a file with a password is made; a file knows its own.
	Cost Argon2
	// LockWait is how long to wait for another process. Zero: 1 s.
	LockWait time.Duration
	// Rand gives keys, salts and nonces. Nil: crypto/rand.
	Rand io.Reader
}

const defaultLockWait = time.Second

// Store is a [platform.ProtectedStore] in a file. Secrets up to 64 KiB fit, all
// together up to 1 MiB. A call waits for other calls, until its ctx ends; a
// write to the disk that has begun is not interrupted.
//
// Locks: turn, held during a whole call. Goroutines: none.
type Store struct {
	path string
	rand io.Reader

	turn    chan struct{} // holds one value while a call runs
	lock    *diskfile.Lock
	head    head
	keys    keys
	secrets map[string][]byte // as in the file; nil: closed
}

var _ platform.ProtectedStore = (*Store)(nil)

// Open opens the store at path, or makes it. Errors: platform.ErrInUse;
// platform.ErrWrongPassword, also if there is a password for a file that has
// none or the reverse; *platform.CorruptError naming the file that is damaged.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	if o.Cost == (Argon2{}) {
		o.Cost = defaultArgon2
	}
	if err := o.Cost.check(); err != nil {
		return nil, fmt.Errorf("open secrets %s: %w", path, err)
	}
	if o.KeyFile == "" {
		o.KeyFile = path + ".key"
	}
	if o.LockWait == 0 {
		o.LockWait = defaultLockWait
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	lock, err := diskfile.Acquire(ctx, path+".lock", o.LockWait)
	if err != nil {
		return nil, fmt.Errorf("open secrets %s: %w", path, err)
	}
	s := &Store{path: path, rand: o.Rand, turn: make(chan struct{}, 1), lock: lock}
	file, err := readLimited(path, maxFile)
	switch {
	case err == nil:
		err = s.load(file, &o)
	case errors.Is(err, fs.ErrNotExist):
		err = s.create(&o)
	}
	if err != nil {
		return nil, fmt.Errorf("open secrets: %w", errors.Join(err, lock.Release()))
	}
	return s, nil
}

// load opens an existing file.
func (s *Store) load(file []byte, o *Options) (err error) {
	corrupt := func(err error) error { return &platform.CorruptError{Name: s.path, Err: err} }
	if s.head, err = parseHead(file); err != nil {
		return corrupt(err)
	}
	secret := o.Password
	switch {
	case s.head.source == fromPasswd && len(o.Password) == 0:
		return fmt.Errorf("%s needs a password: %w", s.path, platform.ErrWrongPassword)
	case s.head.source == fromFile && len(o.Password) > 0:
		return fmt.Errorf("%s has no password: %w", s.path, platform.ErrWrongPassword)
	case s.head.source == fromFile:
		if secret, err = loadKey(o.KeyFile, false, o.Rand); err != nil {
			return err
		}
		defer clear(secret)
	}
	s.keys = derive(&s.head, secret)
	if !s.keys.fits(&s.head) {
		if s.head.source == fromPasswd {
			return fmt.Errorf("%s: %w", s.path, platform.ErrWrongPassword)
		}
		return corrupt(fmt.Errorf("does not fit its key file %s", o.KeyFile))
	}
	if s.secrets, err = s.keys.openFile(file); err != nil {
		return corrupt(err)
	}
	return nil
}

// create writes an empty file, so that password and disk are tried at the start.
func (s *Store) create(o *Options) (err error) {
	secret := o.Password
	s.head = head{source: fromPasswd, cost: o.Cost}
	if len(secret) == 0 {
		s.head = head{source: fromFile}
		if secret, err = loadKey(o.KeyFile, true, o.Rand); err != nil {
			return err
		}
		defer clear(secret)
	}
	if _, err := io.ReadFull(o.Rand, s.head.salt[:]); err != nil {
		return fmt.Errorf("random salt: %w", err)
	}
	s.keys = derive(&s.head, secret)
	s.head.check = s.keys.expectedCheck(&s.head)
	s.secrets = make(map[string][]byte)
	return s.write(s.secrets)
}

// Load implements [platform.ProtectedStore].
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	leave, err := s.enter(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("load secret: %w", err)
	}
	defer leave()
	secret, ok := s.secrets[key]
	if !ok {
		return nil, fmt.Errorf("load secret %q: %w", key, fs.ErrNotExist)
	}
	return append([]byte{}, secret...), nil
}

// Save implements [platform.ProtectedStore].
func (s *Store) Save(ctx context.Context, key string, secret []byte) error {
	if len(secret) > maxSecret {
		return fmt.Errorf("save secret: %w: %d bytes", platform.ErrTooLarge, len(secret))
	}
	leave, err := s.enter(ctx, key)
	if err != nil {
		return fmt.Errorf("save secret: %w", err)
	}
	defer leave()
	old := s.secrets[key]
	next := maps.Clone(s.secrets)
	next[key] = bytes.Clone(secret)
	if err := s.write(next); err != nil {
		clear(next[key])
		return fmt.Errorf("save secret %q: %w", key, err)
	}
	s.secrets = next
	clear(old)
	return nil
}

// Remove implements [platform.ProtectedStore].
func (s *Store) Remove(ctx context.Context, key string) error {
	leave, err := s.enter(ctx, key)
	if err != nil {
		return fmt.Errorf("remove secret: %w", err)
	}
	defer leave()
	old, ok := s.secrets[key]
	if !ok {
		return fmt.Errorf("remove secret %q: %w", key, fs.ErrNotExist)
	}
	next := maps.Clone(s.secrets)
	delete(next, key)
	if err := s.write(next); err != nil {
		return fmt.Errorf("remove secret %q: %w", key, err)
	}
	s.secrets = next
	clear(old)
	return nil
}

// Close forgets keys and secrets and lets others open the file. It waits for
// running calls and may be called twice.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	for _, secret := range s.secrets {
		clear(secret)
	}
	s.secrets = nil
	s.keys = keys{}
	if err := s.lock.Release(); err != nil {
		return fmt.Errorf("close secrets %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) enter(ctx context.Context, key string) (leave func(), err error) {
	if err := platform.CheckSecretKey(key); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.secrets == nil {
		<-s.turn
		return nil, platform.ErrClosed
	}
	return func() { <-s.turn }, nil
}

func (s *Store) write(secrets map[string][]byte) error {
	file, err := s.keys.sealFile(&s.head, secrets, s.rand)
	if err != nil {
		return err
	}
	return diskfile.Write(s.path, file)
}
