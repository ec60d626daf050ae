//go:build js

package indexeddb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"syscall/js"

	"github.com/hack-pad/go-indexeddb/idb"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
	"github.com/voile-net/voile/platform/internal/overlay"
)

// The form of the database.
const (
	version      = 1
	rowsStore    = "rows"
	bucketsStore = "buckets"
)

// Store is a [platform.KeyValueStore] in IndexedDB.
//
// Locks: writer is held for a whole Update; gate is entered for a View and locked
// while writes are handed over. Goroutines: one that holds the Web Lock, ended by
// Close; those of a request, ended with it.
type Store struct {
	name    string
	db      *idb.Database
	release func() // the Web Lock

	writer chan struct{} // holds one value while an Update runs
	gate   gate
	// buckets are those that exist. The map is replaced, never changed, with the
	// gate locked.
	buckets map[platform.Bucket]struct{}
	closed  bool // set with writer and gate
	closing sync.Once
}

var _ platform.KeyValueStore = (*Store)(nil)

// Open opens the database of a name, or makes it. Errors: platform.ErrInUse if
// another Open holds it, in any tab or worker of the site; platform.ErrUnsupported
// where the browser has no IndexedDB or Web Locks, or denies them, as some do in
// private windows; platform.ErrNoSpace; a *platform.CorruptError for a database that
// is not one of ours; and those of ctx.
func Open(ctx context.Context, name string) (_ *Store, err error) {
	fail := func(err error) (*Store, error) { return nil, fmt.Errorf("open database %q: %w", name, err) }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	factory := js.Global().Get("indexedDB")
	if !factory.Truthy() {
		return fail(fmt.Errorf("%w: no IndexedDB here", platform.ErrUnsupported))
	}
	s := &Store{name: name, writer: make(chan struct{}, 1)}
	// Not the lock of the npm package, which the tab that runs a node holds meanwhile.
	if s.release, err = lock(ctx, "voile-store:"+name); err != nil {
		return fail(err)
	}
	defer func() {
		if err != nil {
			s.shut()
		}
	}()
	if s.db, err = openDatabase(ctx, factory, name); err != nil {
		return fail(err)
	}
	if s.buckets, err = s.readBuckets(); err != nil {
		return fail(err)
	}
	return s, nil
}

// openDatabase opens the database, with its object stores.
func openDatabase(ctx context.Context, factory js.Value, name string) (_ *idb.Database, err error) {
	defer exception(&err)
	f, err := idb.WrapFactory(factory)
	if err != nil {
		return nil, err
	}
	var upgrade error // the library panics with what the callback returns
	request, err := f.Open(ctx, name, version, func(db *idb.Database, _, _ uint) error {
		for _, store := range []string{rowsStore, bucketsStore} {
			_, err := db.CreateObjectStore(store, idb.ObjectStoreOptions{})
			upgrade = errors.Join(upgrade, err)
		}
		return nil
	})
	if err != nil {
		return nil, denied(err)
	}
	db, err := request.Await(ctx)
	if err = errors.Join(err, upgrade); err != nil {
		return nil, denied(err)
	}
	names, err := db.ObjectStoreNames()
	if err == nil && len(names) != 2 {
		err = &platform.CorruptError{Name: name, Err: fmt.Errorf("object stores %q", names)}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// denied explains why a database cannot be opened.
func denied(err error) error {
	switch {
	case named(err, "QuotaExceededError"):
		return explained(err)
	case named(err, "VersionError"):
		return fmt.Errorf("it is of a newer version of this library: %w", err)
	case named(err, "InvalidStateError", "SecurityError", "UnknownError", "NotAllowedError"):
		return fmt.Errorf("%w: the browser denies storage to this page, as in a private window or with site data blocked: %w", platform.ErrUnsupported, err)
	}
	return err
}

func (s *Store) readBuckets() (map[platform.Bucket]struct{}, error) {
	r := reader{store: s}
	var keys []js.Value
	err := r.request(bucketsStore, func(o *idb.ObjectStore) (wait func(context.Context) error, err error) {
		request, err := o.GetAllKeys()
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) (err error) { keys, err = request.Await(ctx); return err }, nil
	})
	if err != nil {
		return nil, err
	}
	buckets := make(map[platform.Bucket]struct{}, len(keys))
	for _, v := range keys {
		key, _ := jsvalue.Copy(v)
		b, ok := parseBucketKey(key)
		if !ok {
			return nil, &platform.CorruptError{Name: s.name, Err: fmt.Errorf("a bucket named %q", key)}
		}
		buckets[b] = struct{}{}
	}
	return buckets, nil
}

// View implements [platform.KeyValueStore].
func (s *Store) View(ctx context.Context, fn func(platform.Tx) error) error {
	if err := s.gate.enter(ctx); err != nil {
		return fmt.Errorf("view: %w", err)
	}
	defer s.gate.leave()
	if s.closed {
		return fmt.Errorf("view: %w", platform.ErrClosed)
	}
	t := overlay.View(&reader{store: s, buckets: s.buckets})
	defer t.End()
	return fn(t)
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
	if s.closed {
		return fmt.Errorf("update: %w", platform.ErrClosed)
	}
	t := overlay.Update(&reader{store: s, buckets: s.buckets})
	defer t.End()
	if err := fn(t); err != nil {
		return err
	}
	if len(t.Changes) == 0 {
		return nil
	}
	s.gate.lock()
	defer s.gate.unlock()
	if err := s.commit(t.Changes); err != nil {
		return fmt.Errorf("commit: %w", explained(err))
	}
	return nil
}

// commit hands the writes of an Update over, in one transaction, without waiting in
// between.
func (s *Store) commit(changes map[platform.Bucket]*overlay.Change) (err error) {
	defer exception(&err)
	itx, err := s.db.TransactionWithOptions(idb.TransactionOptions{
		Mode: idb.TransactionReadWrite, Durability: idb.DurabilityStrict,
	}, rowsStore, bucketsStore)
	if err != nil {
		return err
	}
	buckets := maps.Clone(s.buckets)
	if err := hand(itx, changes, buckets); err != nil {
		return errors.Join(err, itx.Abort())
	}
	if err := itx.Await(context.Background()); err != nil {
		return err
	}
	s.buckets = buckets
	return nil
}

// hand makes the requests of a commit and brings buckets up to date.
func hand(itx *idb.Transaction, changes map[platform.Bucket]*overlay.Change, buckets map[platform.Bucket]struct{}) error {
	rows, err := itx.ObjectStore(rowsStore)
	if err != nil {
		return err
	}
	list, err := itx.ObjectStore(bucketsStore)
	if err != nil {
		return err
	}
	for b, c := range changes {
		prefix := bucketKey(b)
		_, existed := buckets[b]
		if existed && (!c.Exists || c.Fresh) {
			all := js.Global().Get("IDBKeyRange").Call("bound", jsvalue.Bytes(prefix), jsvalue.Bytes(after(prefix)), false, true)
			if _, err := rows.Delete(all); err != nil {
				return err
			}
		}
		switch {
		case !c.Exists && existed:
			delete(buckets, b)
			_, err = list.Delete(jsvalue.Bytes(prefix))
		case c.Exists && !existed:
			buckets[b] = struct{}{}
			_, err = list.PutKey(jsvalue.Bytes(prefix), js.ValueOf(true))
		}
		if err != nil {
			return err
		}
		for key, value := range c.Rows {
			at := jsvalue.Bytes(append(prefix[:len(prefix):len(prefix)], key...))
			if value == nil {
				_, err = rows.Delete(at)
			} else {
				_, err = rows.PutKey(at, jsvalue.Bytes(value))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Close implements [platform.KeyValueStore].
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.writer <- struct{}{}
		s.gate.lock()
		s.closed = true
		s.gate.unlock()
		<-s.writer
		s.shut()
	})
	return nil
}

// shut gives back what Open has taken.
func (s *Store) shut() {
	if s.db != nil {
		_ = s.db.Close() // of a database that is closed already it is no error
	}
	s.release()
}
