//go:build js

package webcrypto

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall/js"
	"testing"

	"github.com/hack-pad/go-indexeddb/idb"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
	"github.com/voile-net/voile/platform/platformtest"
)

var names atomic.Int64

func fresh(t *testing.T) string {
	t.Helper()
	if !js.Global().Get("indexedDB").Truthy() || os.Getenv("VOILE_SCOPE") == "sandbox" {
		t.Skip("SKIP: no IndexedDB here: run it in a browser")
	}
	name := fmt.Sprintf("secrets %d %s", names.Add(1), t.Name())
	t.Cleanup(func() { js.Global().Get("indexedDB").Call("deleteDatabase", name) })
	return name
}

func open(t *testing.T, name string) *Store {
	t.Helper()
	s, err := Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestContract(t *testing.T) {
	platformtest.ProtectedStore(t, func(t *testing.T) platformtest.Secrets { return open(t, fresh(t)) })
}

func TestReopened(t *testing.T) {
	name := fresh(t)
	platformtest.ProtectedStoreReopened(t, func(t *testing.T) platformtest.Secrets { return open(t, name) })
}

// raw is what lies in the database.
func (s *Store) raw(t *testing.T, store, key string) js.Value {
	t.Helper()
	var request *idb.Request
	if err := s.transact(idb.TransactionReadOnly, func(k, list *idb.ObjectStore) (err error) {
		request, err = map[string]*idb.ObjectStore{keys: k, secrets: list}[store].Get(js.ValueOf(key))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	v, err := request.Result()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (s *Store) put(t *testing.T, store, key string, v js.Value) {
	t.Helper()
	if err := s.transact(idb.TransactionReadWrite, func(k, list *idb.ObjectStore) error {
		_, err := map[string]*idb.ObjectStore{keys: k, secrets: list}[store].PutKey(js.ValueOf(key), v)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// The page gets neither the key nor a secret out of the database.
func TestNothingInTheClear(t *testing.T) {
	s := open(t, fresh(t))
	defer s.Close()
	secret := []byte("a secret that must not be seen")
	if err := s.Save(t.Context(), "name", secret); err != nil {
		t.Fatal(err)
	}
	stored, ok := jsvalue.Copy(s.raw(t, secrets, "name"))
	if !ok || bytes.Contains(stored, secret[:8]) || len(stored) != nonceSize+len(secret)+tagSize {
		t.Errorf("stored are %d bytes: %q", len(stored), stored)
	}
	key := s.raw(t, keys, keyName)
	if key.Get("extractable").Truthy() {
		t.Error("the key is extractable")
	}
	for _, format := range []string{"raw", "jwk"} {
		if v, err := jsvalue.Await(t.Context(), s.subtle, "exportKey", format, key); err == nil {
			t.Errorf("the key was exported as %s: %v", format, v)
		}
	}
	if err := s.Save(t.Context(), "name", secret); err != nil {
		t.Fatal(err)
	}
	if again, _ := jsvalue.Copy(s.raw(t, secrets, "name")); bytes.Equal(again[:nonceSize], stored[:nonceSize]) {
		t.Error("the same nonce twice")
	}
}

// What was changed, cut, moved to another name or sealed under another key is corrupt.
func TestCorrupt(t *testing.T) {
	s := open(t, fresh(t))
	defer s.Close()
	if err := s.Save(t.Context(), "a", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	stored, _ := jsvalue.Copy(s.raw(t, secrets, "a"))
	flipped := bytes.Clone(stored)
	flipped[len(flipped)-1] ^= 1
	for name, v := range map[string]js.Value{
		"changed": jsvalue.Bytes(flipped), "cut": jsvalue.Bytes(stored[:nonceSize+tagSize-1]), "one byte less": jsvalue.Bytes(stored[:len(stored)-1]),
		"moved": jsvalue.Bytes(stored), "text": js.ValueOf("text"),
	} {
		s.put(t, secrets, name, v)
		var corrupt *platform.CorruptError
		if got, err := s.Load(t.Context(), name); got != nil || !errors.As(err, &corrupt) {
			t.Errorf("%s: %q, %v; want a CorruptError", name, got, err)
		}
	}
}

// Secrets whose key is gone are not taken for none.
func TestKeyGone(t *testing.T) {
	name := fresh(t)
	s := open(t, name)
	if err := s.Save(t.Context(), "a", []byte("secret")); err != nil {
		t.Fatal(err)
	}
	if err := s.transact(idb.TransactionReadWrite, func(k, _ *idb.ObjectStore) error { _, err := k.Delete(js.ValueOf(keyName)); return err }); err != nil {
		t.Fatal(err)
	}
	s.Close()
	var corrupt *platform.CorruptError
	if s, err := Open(t.Context(), name); s != nil || !errors.As(err, &corrupt) {
		t.Errorf("Open: %v, %v; want a CorruptError", s, err)
	}
}

// Tabs that open a new store at once end up with one key.
func TestOpenAtOnce(t *testing.T) {
	name := fresh(t)
	stores := make([]*Store, 5)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			var err error
			if stores[i], err = Open(context.Background(), name); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for i, s := range stores {
		if err := s.Save(t.Context(), fmt.Sprint(i), []byte("from a tab")); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
	}
	for i := range stores {
		if got, err := stores[0].Load(t.Context(), fmt.Sprint(i)); err != nil || string(got) != "from a tab" {
			t.Errorf("secret of store %d: %q, %v", i, got, err)
		}
	}
}

// Where there is no storage, as in Node, or the browser denies it, as to a page
// without an origin, that is said.
func TestNowhere(t *testing.T) {
	if js.Global().Get("indexedDB").Truthy() && os.Getenv("VOILE_SCOPE") != "sandbox" {
		t.Skip("SKIP: there is IndexedDB here; this is for Node and for VOILE_SCOPE=sandbox")
	}
	if s, err := Open(t.Context(), "x"); s != nil || !errors.Is(err, platform.ErrUnsupported) {
		t.Errorf("Open: %v, %v; want ErrUnsupported", s, err)
	} else {
		t.Log(err)
	}
}
