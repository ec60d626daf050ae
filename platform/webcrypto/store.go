//go:build js

package webcrypto

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"syscall/js"

	"github.com/hack-pad/go-indexeddb/idb"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
)

// The form of the database, and sizes.
const (
	version   = 1
	keys      = "keys"    // object store: the key, under keyName
	secrets   = "secrets" // object store: nonce and sealed bytes, by the name of the secret
	keyName   = "secrets"
	nonceSize = 12
	tagSize   = 16
	maxSecret = 64 << 10 // bytes
)

// Store is a [platform.ProtectedStore] of the browser. Several may be open at once,
// in several tabs too.
// Locks: mu, for moments only. Goroutines: those of a request, ended with it.
type Store struct {
	name   string
	subtle js.Value
	random js.Value // has getRandomValues
	key    js.Value // a CryptoKey
	db     *idb.Database

	mu     sync.Mutex
	closed bool
}

var _ platform.ProtectedStore = (*Store)(nil)

// Open opens the database of a name, or makes it with a new key. Errors:
// platform.ErrUnsupported where the browser has no Web Crypto or IndexedDB, or denies
// it; a *platform.CorruptError if there are secrets but no key; those of ctx.
func Open(ctx context.Context, name string) (_ *Store, err error) {
	fail := func(err error) (*Store, error) { return nil, fmt.Errorf("open secrets %q: %w", name, err) }
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	factory, crypto := js.Global().Get("indexedDB"), js.Global().Get("crypto")
	switch {
	case !factory.Truthy():
		return fail(fmt.Errorf("%w: no IndexedDB here", platform.ErrUnsupported))
	case !crypto.Truthy() || !crypto.Get("subtle").Truthy():
		return fail(fmt.Errorf("%w: no Web Crypto: the page must come by https or from this machine", platform.ErrUnsupported))
	}
	s := &Store{name: name, random: crypto, subtle: crypto.Get("subtle")}
	if s.db, err = openDatabase(ctx, factory, name); err != nil {
		return fail(err)
	}
	if s.key, err = s.openKey(ctx); err != nil {
		return fail(errors.Join(err, s.db.Close()))
	}
	return s, nil
}

func openDatabase(ctx context.Context, factory js.Value, name string) (_ *idb.Database, err error) {
	f, err := idb.WrapFactory(factory)
	if err != nil {
		return nil, err
	}
	var upgrade error // the library panics with what the callback returns
	request, err := f.Open(ctx, name, version, func(db *idb.Database, _, _ uint) error {
		for _, store := range []string{keys, secrets} {
			_, err := db.CreateObjectStore(store, idb.ObjectStoreOptions{})
			upgrade = errors.Join(upgrade, err)
		}
		return nil
	})
	if err != nil {
		return nil, explained(err)
	}
	db, err := request.Await(ctx)
	if err = errors.Join(err, upgrade); err != nil {
		return nil, explained(err)
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

// openKey takes the stored key, or stores a new one. If several tabs do that at
// once, the first key stays.
func (s *Store) openKey(ctx context.Context) (js.Value, error) {
	// It is made first: a transaction would not wait for it.
	candidate, err := jsvalue.Await(ctx, s.subtle, "generateKey", map[string]any{"name": "AES-GCM", "length": 256}, false, []any{"encrypt", "decrypt"})
	if err != nil {
		return js.Undefined(), err
	}
	key := candidate
	var stored *idb.Request
	var count *idb.UintRequest
	if err := s.transact(idb.TransactionReadOnly, func(k, list *idb.ObjectStore) (err error) {
		if stored, err = k.Get(js.ValueOf(keyName)); err == nil {
			count, err = list.Count()
		}
		return err
	}); err != nil {
		return js.Undefined(), err
	}
	have, err := stored.Result()
	if err != nil {
		return js.Undefined(), err
	}
	if n, err := count.Result(); err != nil {
		return js.Undefined(), err
	} else if have.IsUndefined() && n > 0 {
		return js.Undefined(), &platform.CorruptError{Name: s.name, Err: errors.New("there are secrets and no key")}
	}
	if have.IsUndefined() {
		// Another tab may have stored one meanwhile: Add fails then, and what is
		// there counts.
		adding := s.transact(idb.TransactionReadWrite, func(k, _ *idb.ObjectStore) error {
			_, err := k.AddKey(js.ValueOf(keyName), candidate)
			return err
		})
		if adding != nil && !named(adding, "ConstraintError") {
			return js.Undefined(), adding
		}
		if err := s.transact(idb.TransactionReadOnly, func(k, _ *idb.ObjectStore) (err error) {
			stored, err = k.Get(js.ValueOf(keyName))
			return err
		}); err != nil {
			return js.Undefined(), err
		}
		if have, err = stored.Result(); err != nil {
			return js.Undefined(), err
		}
	}
	key = have
	if class := js.Global().Get("CryptoKey"); !class.Truthy() || !key.InstanceOf(class) || key.Get("extractable").Truthy() {
		return js.Undefined(), &platform.CorruptError{Name: s.name, Err: errors.New("the key is not one of ours")}
	}
	return key, nil
}

// transact makes requests in one transaction and waits for its end.
func (s *Store) transact(mode idb.TransactionMode, f func(keys, secrets *idb.ObjectStore) error) (err error) {
	options := idb.TransactionOptions{Mode: mode}
	if mode == idb.TransactionReadWrite {
		options.Durability = idb.DurabilityStrict
	}
	tx, err := s.db.TransactionWithOptions(options, keys, secrets)
	if err != nil {
		return explained(err)
	}
	k, err := tx.ObjectStore(keys)
	if err != nil {
		return explained(err)
	}
	list, err := tx.ObjectStore(secrets)
	if err != nil {
		return explained(err)
	}
	if err := f(k, list); err != nil {
		return explained(errors.Join(err, tx.Abort()))
	}
	return explained(tx.Await(context.Background()))
}

// Load implements [platform.ProtectedStore].
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	if err := s.enter(ctx, key); err != nil {
		return nil, fmt.Errorf("load secret: %w", err)
	}
	var request *idb.Request
	if err := s.transact(idb.TransactionReadOnly, func(_, list *idb.ObjectStore) (err error) {
		request, err = list.Get(js.ValueOf(key))
		return err
	}); err != nil {
		return nil, fmt.Errorf("load secret %q: %w", key, err)
	}
	v, err := request.Result()
	if err != nil {
		return nil, fmt.Errorf("load secret %q: %w", key, explained(err))
	}
	if v.IsUndefined() {
		return nil, fmt.Errorf("load secret %q: %w", key, fs.ErrNotExist)
	}
	sealed, ok := jsvalue.Copy(v)
	if !ok || len(sealed) < nonceSize+tagSize {
		return nil, s.corrupt(key, errors.New("too short"))
	}
	opened, err := jsvalue.Await(ctx, s.subtle, "decrypt", s.algorithm(key, sealed[:nonceSize]), s.key, jsvalue.Bytes(sealed[nonceSize:]))
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("load secret %q: %w", key, ctx.Err())
	case err != nil:
		return nil, s.corrupt(key, err)
	}
	secret, ok := jsvalue.Copy(opened)
	if !ok {
		return nil, s.corrupt(key, errors.New("no bytes"))
	}
	wipe(opened)
	return secret, nil
}

func (s *Store) corrupt(key string, err error) error {
	return fmt.Errorf("load secret %q: %w", key, &platform.CorruptError{Name: s.name, Err: err})
}

// Save implements [platform.ProtectedStore]; the limit is 64 KiB.
func (s *Store) Save(ctx context.Context, key string, secret []byte) error {
	if err := s.enter(ctx, key); err != nil {
		return fmt.Errorf("save secret: %w", err)
	}
	if len(secret) > maxSecret {
		return fmt.Errorf("save secret %q: %w: %d bytes, at most %d", key, platform.ErrTooLarge, len(secret), maxSecret)
	}
	nonce := make([]byte, nonceSize)
	jsNonce := jsvalue.Bytes(nonce)
	if _, err := jsvalue.Call(s.random, "getRandomValues", jsNonce); err != nil {
		return fmt.Errorf("save secret %q: %w", key, err)
	}
	js.CopyBytesToGo(nonce, jsNonce)
	plain := jsvalue.Bytes(secret)
	sealed, err := jsvalue.Await(ctx, s.subtle, "encrypt", s.algorithm(key, nonce), s.key, plain)
	if err != nil {
		return fmt.Errorf("save secret %q: %w", key, err) // plain is still in use if ctx has ended
	}
	wipe(plain)
	body, _ := jsvalue.Copy(sealed)
	if err := s.transact(idb.TransactionReadWrite, func(_, list *idb.ObjectStore) error {
		_, err := list.PutKey(js.ValueOf(key), jsvalue.Bytes(append(nonce, body...)))
		return err
	}); err != nil {
		return fmt.Errorf("save secret %q: %w", key, err)
	}
	return nil
}

// Remove implements [platform.ProtectedStore].
func (s *Store) Remove(ctx context.Context, key string) error {
	if err := s.enter(ctx, key); err != nil {
		return fmt.Errorf("remove secret: %w", err)
	}
	var count *idb.UintRequest
	if err := s.transact(idb.TransactionReadWrite, func(_, list *idb.ObjectStore) (err error) {
		if count, err = list.CountKey(js.ValueOf(key)); err == nil {
			_, err = list.Delete(js.ValueOf(key))
		}
		return err
	}); err != nil {
		return fmt.Errorf("remove secret %q: %w", key, err)
	}
	if n, err := count.Result(); err != nil {
		return fmt.Errorf("remove secret %q: %w", key, explained(err))
	} else if n == 0 {
		return fmt.Errorf("remove secret %q: %w", key, fs.ErrNotExist)
	}
	return nil
}

// algorithm binds what is sealed to the name of the secret.
func (s *Store) algorithm(key string, nonce []byte) map[string]any {
	return map[string]any{
		"name": "AES-GCM", "iv": jsvalue.Bytes(nonce), "additionalData": jsvalue.Bytes([]byte(key)), "tagLength": 8 * tagSize,
	}
}

// wipe zeroes what JavaScript has of a secret.
func wipe(v js.Value) {
	class := js.Global().Get("Uint8Array")
	if !v.InstanceOf(class) {
		v = class.New(v)
	}
	v.Call("fill", 0)
}

func (s *Store) enter(ctx context.Context, key string) error {
	if err := platform.CheckSecretKey(key); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return platform.ErrClosed
	}
	return nil
}

// Close closes the database. It may be called twice; a call under way may fail.
func (s *Store) Close() error {
	s.mu.Lock()
	again := s.closed
	s.closed = true
	s.mu.Unlock()
	if again {
		return nil
	}
	return s.db.Close()
}

// named reports whether an error is the exception of a name.
func named(err error, name string) bool {
	var raw js.Error
	if errors.As(err, &raw) {
		e, ok := jsvalue.ErrorOf(raw.Value).(*jsvalue.Error)
		return ok && e.Name == name
	}
	return errors.Is(err, idb.NewDOMException(name))
}

// explained adds what callers decide by to an error of the browser.
func explained(err error) error {
	switch {
	case err == nil:
		return nil
	case named(err, "QuotaExceededError"):
		return fmt.Errorf("%w: the browser gives this site no more room: %w", platform.ErrNoSpace, err)
	case named(err, "DataCloneError"), named(err, "SecurityError"), named(err, "NotAllowedError"), named(err, "UnknownError"), named(err, "InvalidStateError"):
		return fmt.Errorf("%w: the browser denies storage to this page, as in a private window or after its data was deleted: %w", platform.ErrUnsupported, err)
	}
	return err
}
