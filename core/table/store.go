package table

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
)

// What the store below holds:
//
//	database "voile"  column 0  plain rows "format" and "key_hash"
//	                  column 1  catalog of the databases of applications
//	                  column 2  catalog of the databases of the node itself
//	database "t" + id in hex    the rows of a table, column by column
//
// A row of a catalog is sealed like one of a table (see cells) with the id zero;
// its key is the name, its value the id, 16 random bytes, and the number of
// columns, u32 BE. So the name of a database costs nothing to change, and is not
// seen by who reads the file. A column without a row need not exist below.
const (
	controlDatabase = "voile"
	tablePrefix     = "t"

	columnControl = 0

	formatRow  = "format"
	formatNow  = "1"
	keyHashRow = "key_hash"

	// keyHashSuffix is hashed after the device key (spec 01 §8.3).
	keyHashSuffix = "__veilid_table_store_encryption_key_hash__"
)

// space keeps the names of applications apart from those of the node. It is the
// column of the catalog.
type space uint32

const (
	spaceApplication space = 1
	spaceOwn         space = 2
)

// Config is what a Store is made of.
type Config struct {
	// KeyValueStore holds everything. Nobody else may use it while the Store is
	// open. The Store does not close it.
	KeyValueStore platform.KeyValueStore
	Crypto        *crypto.Crypto
	// Key is the device encryption key, see [DeviceKey]. It is copied.
	Key crypto.SharedSecret
	// Wipe allows Open to delete everything that is under another key
	// (table_store.wipe_on_invalid_device_encryption_key; its default is true).
	Wipe bool
	// Name is what errors call the store: its file. Empty: "table store".
	Name string
}

// Store holds the databases of a device.
//
// Locks: mu is held for moments only and never while waiting. Goroutines: none.
type Store struct {
	name    string
	sys     crypto.System
	key     crypto.SharedSecret // zeroed by Close
	kv      platform.KeyValueStore
	writer  *writer
	catalog *cells
	naming  chan struct{} // holds one value while somebody changes or looks up names

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup // methods that use kv or keys; grows under mu while not closed
	open    map[tableID]*table
	io      map[tableID]*ioCounters // of every table that was open since Open and exists
}

// Open checks that the device key fits what is stored, and makes a new store of
// an empty one. wiped tells that there was something under another key, which is
// now gone. Errors: [ErrDeviceKey], *platform.CorruptError, those of the
// KeyValueStore; then nothing was changed.
func Open(ctx context.Context, cfg Config) (s *Store, wiped bool, err error) {
	sys, err := cfg.Crypto.Get(cfg.Key.Kind)
	if err != nil {
		return nil, false, fmt.Errorf("open tables: device encryption key: %w", err)
	}
	s = &Store{
		name: cfg.Name, sys: sys, key: cfg.Key, kv: cfg.KeyValueStore,
		writer: newWriter(cfg.KeyValueStore),
		naming: make(chan struct{}, 1),
		open:   make(map[tableID]*table),
		io:     make(map[tableID]*ioCounters),
	}
	if s.name == "" {
		s.name = "table store"
	}
	if wiped, err = s.prepare(ctx, cfg.Wipe); err != nil {
		s.key.Zero()
		return nil, false, fmt.Errorf("open tables: %w", err)
	}
	s.catalog = newCells(sys, &s.key, tableID{})
	return s, wiped, nil
}

// Wipe deletes everything in a store that is not open (table_store.delete).
func Wipe(ctx context.Context, kv platform.KeyValueStore) error {
	if err := kv.Update(ctx, wipe); err != nil {
		return fmt.Errorf("wipe tables: %w", err)
	}
	return nil
}

// Close waits for the methods that are running, and makes every later use of the
// Store, its handles and its transactions fail with [ErrClosed]. It may be called
// twice. The KeyValueStore stays open.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, t := range s.open {
		t.cells.zero()
		delete(s.open, id)
	}
	s.catalog.zero()
	s.key.Zero()
	return nil
}

// prepare finds out what is stored, and makes it ours.
func (s *Store) prepare(ctx context.Context, mayWipe bool) (wiped bool, err error) {
	secret := append([]byte(nil), s.key.SecretBytes()...)
	digest := s.sys.Hash(append(secret, keyHashSuffix...))
	clear(secret)
	hash := digest.Value[:]
	var found content
	err = s.kv.View(ctx, func(tx platform.Tx) (err error) {
		found, err = s.inspect(tx, hash)
		return err
	})
	switch {
	case err != nil:
		return false, err
	case found == contentOurs:
		return false, nil // without a write, which would cost every start a sync of the disk
	case found == contentForeign && !mayWipe:
		return false, fmt.Errorf("%s: %w", s.name, ErrDeviceKey)
	}
	err = s.kv.Update(ctx, func(tx platform.Tx) error {
		if err := wipe(tx); err != nil {
			return err
		}
		control := platform.Bucket{Database: controlDatabase, Column: columnControl}
		return errors.Join(tx.CreateBucket(control),
			tx.Put(control, []byte(formatRow), []byte(formatNow)),
			tx.Put(control, []byte(keyHashRow), hash))
	})
	return found == contentForeign && err == nil, err
}

// content is what Open finds.
type content uint8

const (
	contentForeign content = iota // under another key, or without a hash of its key
	contentNothing
	contentOurs
)

func (s *Store) inspect(tx platform.Tx, hash []byte) (content, error) {
	control := platform.Bucket{Database: controlDatabase, Column: columnControl}
	databases, err := tx.Databases()
	if err != nil {
		return 0, err
	}
	if len(databases) == 0 {
		return contentNothing, nil
	}
	format, err := tx.Get(control, []byte(formatRow))
	switch {
	case errors.Is(err, platform.ErrNoBucket), errors.Is(err, fs.ErrNotExist):
		return contentForeign, nil
	case err != nil:
		return 0, err
	case string(format) != formatNow:
		return 0, &platform.CorruptError{Name: s.name, Err: fmt.Errorf("unknown format %.20q of tables", format)}
	}
	stored, err := tx.Get(control, []byte(keyHashRow))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return contentForeign, nil
	case err != nil:
		return 0, err
	case len(stored) != len(hash):
		return 0, &platform.CorruptError{Name: s.name, Err: fmt.Errorf("hash of the device encryption key has %d bytes", len(stored))}
	case subtle.ConstantTimeCompare(stored, hash) != 1:
		return contentForeign, nil
	}
	return contentOurs, nil
}

func wipe(tx platform.Tx) error {
	databases, err := tx.Databases()
	if err != nil {
		return err
	}
	for _, d := range databases {
		if err := tx.DeleteDatabase(d); err != nil {
			return err
		}
	}
	return nil
}

// enter lets a method run; call running.Done at its end.
func (s *Store) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.running.Add(1)
	return nil
}
