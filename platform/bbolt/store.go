//go:build !js

package bbolt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/diskfile"
)

// Options of Open. The zero value is right for most uses.
type Options struct {
	// LockWait is how long to wait for another process. Zero: 1 s.
	LockWait time.Duration
	// MaxSize is the most the file may have, in bytes; beyond it writes give
	// platform.ErrNoSpace. The file grows in steps, so the last step may not fit.
	// Zero: no limit.
	MaxSize int
	// Logger is told when a compaction did not work. Nil: nobody is.
	Logger *slog.Logger
}

const (
	defaultLockWait = time.Second

	// The file grows by this much once it is this large. bbolt's own 16 MiB is
	// a lot on a phone.
	growStep = 1 << 20

	// At Open a file is written anew if more than half of it is free and that is
	// more than this: bbolt reuses free pages and never gives them back.
	compactOver = 4 << 20
	compactTx   = 1 << 20 // bytes copied per transaction: bounds the memory
)

// Store is a [platform.KeyValueStore] in a file.
//
// Locks: writer is held for a whole Update; mu for reading during every
// transaction and for writing by Close; begin while bbolt starts one.
// Goroutines: none.
type Store struct {
	path   string
	lock   *diskfile.Lock
	writer chan struct{} // holds one value while an Update runs
	broken error         // under writer: why there are no more Updates

	mu     sync.RWMutex
	closed bool
	db     *bolt.DB
	file   *os.File // the one db uses

	begin sync.Mutex
	stuck atomic.Pointer[platform.CorruptError] // bbolt panicked holding its locks: db is not to be touched
}

var _ platform.KeyValueStore = (*Store)(nil)

// Open opens the store at path, or makes it. It reads the whole file if that
// has at most 64 MiB. Errors: platform.ErrInUse, also when another program has
// the file open with bbolt; *platform.CorruptError, and the file stays as it
// is; platform.ErrNoSpace.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	if o.LockWait == 0 {
		o.LockWait = defaultLockWait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	// A lock file of our own: it is held over the check, over making the file
	// and over replacing it, when bbolt's lock on the file itself does not help.
	lock, err := diskfile.Acquire(ctx, path+".lock", o.LockWait)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	s := &Store{path: path, lock: lock, writer: make(chan struct{}, 1)}
	if err := s.open(&o); err != nil {
		return nil, fmt.Errorf("open store: %w", errors.Join(err, s.shut(), lock.Release()))
	}
	return s, nil
}

// open leaves closing to its caller, also after an error.
func (s *Store) open(o *Options) error {
	switch info, err := os.Stat(s.path); {
	case errors.Is(err, os.ErrNotExist):
		if err := create(s.path); err != nil {
			return err
		}
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return &platform.CorruptError{Name: s.path, Err: errors.New("not a regular file")}
	case info.Mode().Perm()&^diskfile.FileMode != 0:
		if err := os.Chmod(s.path, diskfile.FileMode); err != nil {
			return err
		}
	}
	if err := checkPath(s.path); err != nil {
		return err
	}
	if err := s.openBolt(s.path, o); err != nil {
		return err
	}
	if s.wasteful() {
		return s.compact(o)
	}
	return nil
}

// checkPath reads the file before bbolt does.
func checkPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if _, err := checkFile(f, info.Size()); err != nil {
		var device *os.PathError
		if errors.As(err, &device) {
			return err // the disk does not read; the file may be good
		}
		return &platform.CorruptError{Name: path, Err: err}
	}
	return nil
}

// openBolt opens a file that was checked, and sees whether it is ours.
func (s *Store) openBolt(path string, o *Options) (err error) {
	done := s.catchFaults(&err)
	defer done()
	s.db, s.file, err = openDB(path, o.MaxSize, false)
	if err != nil {
		return err
	}
	if err := s.db.View(checkFormat); err != nil {
		return &platform.CorruptError{Name: path, Err: err}
	}
	return nil
}

// openDB opens a database of bbolt. unsafe is for a file that does not count
// before it is whole: nothing is synced on the way.
func openDB(path string, maxSize int, unsafe bool) (*bolt.DB, *os.File, error) {
	var file *os.File
	opened := false
	defer func() {
		if !opened && file != nil {
			_ = file.Close() // bbolt did, unless it panicked; else the file would stay locked
		}
	}()
	db, err := bolt.Open(path, diskfile.FileMode, &bolt.Options{
		Timeout:        time.Nanosecond, // one try: we hold our own lock, so whoever has this one is no friend
		NoFreelistSync: false,           // else bbolt reads the whole file at each start, in a goroutine that may panic
		FreelistType:   bolt.FreelistMapType,
		MaxSize:        maxSize,
		NoSync:         unsafe,
		NoGrowSync:     unsafe,
		NoStatistics:   false, // wasteful needs the number of free pages
		OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, nil, fmt.Errorf("%s: %w", path, platform.ErrInUse)
	case err != nil:
		return nil, nil, fmt.Errorf("%s: %w", path, platform.SpaceError(err))
	}
	opened = true
	db.AllocSize = growStep
	return db, file, nil
}

// create makes a store under another name and then gives it its own, so that a
// file of this name is always whole. An empty one is damage, not a new store.
func create(path string) error {
	temp := path + diskfile.TempSuffix
	return writeTemp(path, func() error {
		db, _, err := openDB(temp, 0, false)
		if err != nil {
			return err
		}
		return errors.Join(db.Update(writeFormat), db.Close())
	})
}

// writeTemp lets write make the temporary file and gives it its name.
func writeTemp(path string, write func() error) error {
	temp := path + diskfile.TempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // one was left from a crash
	}
	if err := write(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, platform.SpaceError(err)), removeTemp(temp))
	}
	return diskfile.Replace(temp, path)
}

func removeTemp(temp string) error {
	if err := os.Remove(temp); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (s *Store) wasteful() bool {
	free := int64(s.db.Stats().FreePageN) * int64(s.db.Info().PageSize)
	info, err := s.file.Stat()
	return err == nil && free > compactOver && free > info.Size()/2
}

// compact writes the file anew without its free pages. If that does not work,
// for lack of space, the old file goes on. Only Open calls it.
func (s *Store) compact(o *Options) error {
	temp := s.path + diskfile.TempSuffix
	closed := false
	err := writeTemp(s.path, func() (err error) {
		done := s.catchFaults(&err)
		defer done()
		db, file, err := openDB(temp, 0, true)
		if err != nil {
			return err
		}
		defer file.Close() // after a panic; else db did
		err = bolt.Compact(db, s.db, compactTx)
		if err == nil {
			err = file.Sync()
		}
		if err = errors.Join(err, db.Close()); err == nil {
			closed = true
			err = s.shut() // Windows renames over closed files only
		}
		return err
	})
	if err != nil {
		o.Logger.Warn("store not compacted", "err", err)
	}
	switch stuck := s.stuck.Load(); {
	case stuck != nil:
		return stuck
	case closed:
		return s.openBolt(s.path, o)
	}
	return nil
}

// View implements [platform.KeyValueStore].
func (s *Store) View(ctx context.Context, fn func(platform.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	leave, err := s.enter()
	if err != nil {
		return fmt.Errorf("view: %w", err)
	}
	defer leave()
	return s.transact(false, fn)
}

// Update implements [platform.KeyValueStore].
func (s *Store) Update(ctx context.Context, fn func(platform.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	select {
	case s.writer <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("update: %w", ctx.Err())
	}
	defer func() { <-s.writer }()
	leave, err := s.enter()
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	defer leave()
	if s.broken != nil {
		return fmt.Errorf("update %s, after an error that only a new start can mend: %w", s.path, s.broken)
	}
	return s.transact(true, fn)
}

// Close implements [platform.KeyValueStore].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := errors.Join(s.shut(), s.lock.Release()); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// shut closes bbolt, if it is open.
func (s *Store) shut() error {
	db, file := s.db, s.file
	s.db, s.file = nil, nil
	switch {
	case db == nil:
		return nil
	case s.stuck.Load() != nil:
		return file.Close() // gives the lock back; the mapping stays until the process ends
	}
	return db.Close()
}

func (s *Store) enter() (leave func(), err error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, platform.ErrClosed
	}
	return s.mu.RUnlock, nil
}

// transact runs fn in a transaction. A panic of fn passes through; one of bbolt
// becomes an error, and so does a fault of memory that the file is mapped to.
func (s *Store) transact(writable bool, fn func(platform.Tx) error) (err error) {
	btx, err := s.beginBolt(writable)
	if err != nil {
		return err
	}
	t := &tx{bolt: btx}
	t.guard.Writable = writable
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		t.guard.End()
		if t.inBolt { // only then is it ours to recover
			if r := recover(); r != nil {
				err = s.faultError(r)
				if writable {
					s.broken = err
				}
			}
		}
		err = s.rollback(btx, err)
	}()
	if err := fn(t); err != nil || !writable {
		return err
	}
	id := btx.ID()
	t.inBolt = true
	err = btx.Commit()
	t.inBolt = false
	if err == nil {
		return nil
	}
	err = fmt.Errorf("update %s: %w", s.path, commitError(err))
	if !s.undone(id) {
		s.broken = err
	}
	return err
}

func (s *Store) beginBolt(writable bool) (btx *bolt.Tx, err error) {
	s.begin.Lock()
	defer s.begin.Unlock()
	if stuck := s.stuck.Load(); stuck != nil {
		return nil, stuck
	}
	done := s.catchFaults(&err)
	defer done()
	btx, err = s.db.Begin(writable)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	return btx, nil
}

// undone reports that a failed commit left no trace: the newest state on disk
// is an older one.
func (s *Store) undone(id int) bool {
	btx, err := s.beginBolt(false)
	if err != nil {
		return false
	}
	newest := btx.ID()
	return s.rollback(btx, nil) == nil && newest < id
}

// rollback ends a transaction, also one that is over.
func (s *Store) rollback(btx *bolt.Tx, cause error) (err error) {
	if s.stuck.Load() != nil {
		return cause
	}
	done := s.catchFaults(&err)
	defer done()
	if err := btx.Rollback(); err != nil && !errors.Is(err, bolterrors.ErrTxClosed) {
		return errors.Join(cause, fmt.Errorf("roll back %s: %w", s.path, err))
	}
	return cause
}

// catchFaults is for calls in which bbolt holds its locks: a panic there leaves
// them held. Defer what it returns.
func (s *Store) catchFaults(err *error) (done func()) {
	before := debug.SetPanicOnFault(true)
	return func() {
		// recover works only in the deferred function itself, which this is.
		if r := recover(); r != nil {
			fault := s.faultError(r)
			s.stuck.Store(fault)
			*err = fault
		}
		debug.SetPanicOnFault(before)
	}
}

func (s *Store) faultError(panicked any) *platform.CorruptError {
	if err, ok := panicked.(error); ok {
		return &platform.CorruptError{Name: s.path, Err: err}
	}
	return &platform.CorruptError{Name: s.path, Err: fmt.Errorf("%v", panicked)}
}

func commitError(err error) error {
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return fmt.Errorf("%w: %w", platform.ErrNoSpace, err)
	}
	return platform.SpaceError(err)
}
