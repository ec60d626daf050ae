package platformtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/voile-net/voile/platform"
)

// Secrets is what an adapter of ProtectedStore is.
type Secrets interface {
	platform.ProtectedStore
	Close() error
}

// ProtectedStore runs the contract. open gives an empty store and leaves
// closing to the test, which does it once at least.
func ProtectedStore(t *testing.T, open func(t *testing.T) Secrets) {
	run := func(name string, f func(t *testing.T, s Secrets)) {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			f(t, s)
		})
	}

	run("missing key", func(t *testing.T, s Secrets) {
		if _, err := s.Load(t.Context(), "absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load of a missing key: %v, want fs.ErrNotExist", err)
		}
		if err := s.Remove(t.Context(), "absent"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Remove of a missing key: %v, want fs.ErrNotExist", err)
		}
	})

	run("save, load, replace, remove", func(t *testing.T, s Secrets) {
		save(t, s, "key", []byte("first"))
		want(t, s, "key", []byte("first"))
		save(t, s, "key", []byte("second, longer"))
		want(t, s, "key", []byte("second, longer"))
		save(t, s, "other", []byte("o"))
		if err := s.Remove(t.Context(), "key"); err != nil {
			t.Fatalf("Remove: %v", err)
		}
		if _, err := s.Load(t.Context(), "key"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load after Remove: %v, want fs.ErrNotExist", err)
		}
		want(t, s, "other", []byte("o"))
	})

	run("values", func(t *testing.T, s Secrets) {
		every := make([]byte, 256)
		for i := range every {
			every[i] = byte(i)
		}
		for name, secret := range map[string][]byte{
			"nil":      nil,
			"empty":    {},
			"every":    every,
			"zeros":    make([]byte, 32),
			"newlines": []byte("\n\r\n \t"),
			"largest":  bytes.Repeat([]byte{0xA5, 0, 0xFF}, platform.MinMaxSecret)[:platform.MinMaxSecret],
		} {
			save(t, s, name, secret)
			want(t, s, name, secret)
		}
	})

	run("keys", func(t *testing.T, s Secrets) {
		good := []string{"a", "A", "device_encryption_key", "-w", "with space", `q"u'o$t\e`, "a/b:c", "schlüssel", strings.Repeat("k", platform.MaxSecretKey)}
		for i, key := range good {
			save(t, s, key, []byte{byte(i)})
		}
		for i, key := range good {
			want(t, s, key, []byte{byte(i)})
		}
		for name, key := range map[string]string{
			"empty": "", "NUL": "a\x00b", "newline": "a\nb", "not UTF-8": "a\xffb",
			"too long": strings.Repeat("k", platform.MaxSecretKey+1),
		} {
			if err := s.Save(t.Context(), key, []byte("x")); !errors.Is(err, platform.ErrInvalidKey) {
				t.Errorf("Save with a key that is %s: %v, want ErrInvalidKey", name, err)
			}
			if _, err := s.Load(t.Context(), key); !errors.Is(err, platform.ErrInvalidKey) {
				t.Errorf("Load with a key that is %s: %v, want ErrInvalidKey", name, err)
			}
			if err := s.Remove(t.Context(), key); !errors.Is(err, platform.ErrInvalidKey) {
				t.Errorf("Remove with a key that is %s: %v, want ErrInvalidKey", name, err)
			}
		}
	})

	run("too large", func(t *testing.T, s Secrets) {
		save(t, s, "key", []byte("old"))
		if err := s.Save(t.Context(), "key", make([]byte, 1<<20)); !errors.Is(err, platform.ErrTooLarge) {
			t.Errorf("Save of 1 MiB: %v, want ErrTooLarge", err)
		}
		want(t, s, "key", []byte("old"))
	})

	run("copies", func(t *testing.T, s Secrets) {
		secret := []byte("secret")
		save(t, s, "key", secret)
		secret[0] = 'X'
		want(t, s, "key", []byte("secret"))
		got, err := s.Load(t.Context(), "key")
		if err != nil {
			t.Fatal(err)
		}
		got[0] = 'Y'
		want(t, s, "key", []byte("secret"))
	})

	run("context", func(t *testing.T, s Secrets) {
		save(t, s, "key", []byte("v"))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Load(ctx, "key"); !errors.Is(err, context.Canceled) {
			t.Errorf("Load: %v, want context.Canceled", err)
		}
		if err := s.Save(ctx, "key", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("Save: %v, want context.Canceled", err)
		}
		if err := s.Remove(ctx, "key"); !errors.Is(err, context.Canceled) {
			t.Errorf("Remove: %v, want context.Canceled", err)
		}
	})

	run("goroutines", func(t *testing.T, s Secrets) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				key := fmt.Sprint("key", i)
				for n := range 3 {
					value := []byte{byte(i), byte(n)}
					if err := s.Save(t.Context(), key, value); err != nil {
						t.Errorf("Save: %v", err)
					}
					if got, err := s.Load(t.Context(), key); err != nil || !bytes.Equal(got, value) {
						t.Errorf("Load(%s) = %x, %v; want %x", key, got, err, value)
					}
				}
			})
		}
		wg.Wait()
	})

	run("closed", func(t *testing.T, s Secrets) {
		save(t, s, "key", []byte("v"))
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		if _, err := s.Load(t.Context(), "key"); !errors.Is(err, platform.ErrClosed) {
			t.Errorf("Load: %v, want ErrClosed", err)
		}
		if err := s.Save(t.Context(), "key", nil); !errors.Is(err, platform.ErrClosed) {
			t.Errorf("Save: %v, want ErrClosed", err)
		}
		if err := s.Remove(t.Context(), "key"); !errors.Is(err, platform.ErrClosed) {
			t.Errorf("Remove: %v, want ErrClosed", err)
		}
	})
}

// ProtectedStoreReopened runs what a store must keep over a restart. open
// opens the same store at each call.
func ProtectedStoreReopened(t *testing.T, open func(t *testing.T) Secrets) {
	s := open(t)
	save(t, s, "kept", []byte("value"))
	save(t, s, "empty", nil)
	save(t, s, "removed", []byte("value"))
	if err := s.Remove(t.Context(), "removed"); err != nil {
		t.Fatalf("Remove: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	s = open(t)
	want(t, s, "kept", []byte("value"))
	want(t, s, "empty", nil)
	if _, err := s.Load(t.Context(), "removed"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load of a removed secret: %v, want fs.ErrNotExist", err)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
}

func save(t *testing.T, s Secrets, key string, secret []byte) {
	t.Helper()
	if err := s.Save(t.Context(), key, secret); err != nil {
		t.Fatalf("Save(%q): %v", key, err)
	}
}

func want(t *testing.T, s Secrets, key string, secret []byte) {
	t.Helper()
	got, err := s.Load(t.Context(), key)
	if err != nil {
		t.Fatalf("Load(%q): %v", key, err)
	}
	if got == nil || !bytes.Equal(got, secret) {
		t.Fatalf("Load(%q) = %x (nil: %t), want %x", key, got, got == nil, secret)
	}
}
