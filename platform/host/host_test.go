//go:build !js

package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/keyring"
	"github.com/voile-net/voile/platform/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func works(context.Context) (closingStore, error) { return memory.NewProtectedStore(), nil }

func fails(err error) func(context.Context) (closingStore, error) {
	return func(context.Context) (closingStore, error) { return nil, fmt.Errorf("open keyring: %w", err) }
}

func never(t *testing.T) func(context.Context) (closingStore, error) {
	return func(context.Context) (closingStore, error) {
		t.Error("the keyring was looked for")
		return nil, keyring.ErrNoKeyring
	}
}

// TestChoice has a row per way through OpenProtectedStore.
func TestChoice(t *testing.T) {
	const inFile, inKeyring, fresh = "file", "keyring", ""
	for _, c := range []struct {
		name          string
		before        string // what an earlier start used
		always, allow bool
		ring          func(context.Context) (closingStore, error)
		want          Kind
		wantErr       error // of the call
		wantReason    error
	}{
		{"keyring", fresh, false, false, works, Keyring, nil, nil},
		{"keyring, fallback allowed", fresh, false, true, works, Keyring, nil, nil},
		{"file asked for", fresh, true, false, never(t), File, nil, nil},
		{"file asked for, keyring in use", inKeyring, true, false, never(t), File, nil, nil},
		{"no keyring, no fallback", fresh, false, false, fails(keyring.ErrNoKeyring), "", ErrInsecureStore, nil},
		{"no keyring, fallback", fresh, false, true, fails(keyring.ErrNoKeyring), File, nil, keyring.ErrNoKeyring},
		{"keyring on no such system, fallback", fresh, false, true, fails(platform.ErrUnsupported), File, nil, platform.ErrUnsupported},
		{"locked, no fallback", fresh, false, false, fails(platform.ErrLocked), "", platform.ErrLocked, nil},
		{"locked, fallback", fresh, false, true, fails(platform.ErrLocked), "", platform.ErrLocked, nil},
		{"keyring in use and there", inKeyring, false, true, works, Keyring, nil, nil},
		{"keyring in use but gone", inKeyring, false, true, fails(keyring.ErrNoKeyring), "", ErrKeyringInUse, nil},
		{"keyring in use but locked", inKeyring, false, true, fails(platform.ErrLocked), "", platform.ErrLocked, nil},
		{"file in use", inFile, false, true, never(t), File, nil, ErrFileInUse},
		{"file in use, not allowed any more", inFile, false, false, never(t), "", ErrFileInUse, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := SecretsConfig{Program: "app", Namespace: "ns", Directory: filepath.Join(t.TempDir(), "data")}
			switch c.before {
			case inFile:
				config.AlwaysUseInsecureStorage = true
				mustClose(t, mustOpen(t, config, never(t)))
			case inKeyring:
				mustClose(t, mustOpen(t, config, works))
			}
			config.AlwaysUseInsecureStorage, config.AllowInsecureFallback = c.always, c.allow
			s, err := openProtectedStore(t.Context(), config, c.ring)
			if c.wantErr != nil {
				if !errors.Is(err, c.wantErr) || s != nil {
					t.Fatalf("= %v, %v; want %v", s, err, c.wantErr)
				}
				if _, err := os.Stat(filepath.Join(config.Directory, "protected_store_ns")); c.before != inFile && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("a refused start left a file: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer mustClose(t, s)
			where := "app"
			if c.want == File {
				where = filepath.Join(config.Directory, "protected_store_ns")
			}
			if s.Kind != c.want || s.Where != where {
				t.Errorf("chose %s at %s, want %s at %s", s.Kind, s.Where, c.want, where)
			}
			if !errors.Is(s.Reason, c.wantReason) || (s.Reason == nil) != (c.wantReason == nil) {
				t.Errorf("reason %v, want %v", s.Reason, c.wantReason)
			}
			if err := s.Save(t.Context(), "key", []byte("v")); err != nil {
				t.Error(err)
			}
		})
	}
}

func mustOpen(t *testing.T, c SecretsConfig, ring func(context.Context) (closingStore, error)) *Secrets {
	t.Helper()
	s, err := openProtectedStore(t.Context(), c, ring)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t *testing.T, s *Secrets) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestWithoutDirectory(t *testing.T) {
	config := SecretsConfig{Program: "app", AllowInsecureFallback: true}
	mustClose(t, mustOpen(t, config, works))
	if _, err := openProtectedStore(t.Context(), config, fails(keyring.ErrNoKeyring)); !errors.Is(err, fs.ErrInvalid) || !errors.Is(err, keyring.ErrNoKeyring) {
		t.Errorf("no keyring and no directory: %v, want both in the error", err)
	}
	config.AlwaysUseInsecureStorage = true
	if _, err := OpenProtectedStore(t.Context(), config); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a file without a directory: %v, want fs.ErrInvalid", err)
	}
}

func TestNamespaceIsNoPath(t *testing.T) {
	for _, namespace := range []string{"../x", "a/b", `a\b`, "a\x00", "ä"} {
		config := SecretsConfig{Program: "app", Namespace: namespace, Directory: t.TempDir(), AlwaysUseInsecureStorage: true}
		if _, err := OpenProtectedStore(t.Context(), config); !errors.Is(err, platform.ErrInvalidKey) {
			t.Errorf("namespace %q: %v, want ErrInvalidKey", namespace, err)
		}
	}
}

func TestPassword(t *testing.T) {
	config := SecretsConfig{Program: "app", Directory: t.TempDir(), AlwaysUseInsecureStorage: true, Password: []byte("a")}
	mustClose(t, mustOpen(t, config, never(t)))
	if _, err := os.Stat(filepath.Join(config.Directory, "protected_store.key")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key file beside a file with a password: %v", err)
	}
	config.Password = []byte("b")
	if _, err := OpenProtectedStore(t.Context(), config); !errors.Is(err, platform.ErrWrongPassword) {
		t.Errorf("%v, want ErrWrongPassword", err)
	}
}

func TestCancelledWhileLooking(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	config := SecretsConfig{Program: "app", Directory: t.TempDir(), AllowInsecureFallback: true}
	if _, err := openProtectedStore(ctx, config, func(ctx context.Context) (closingStore, error) {
		cancel()
		return nil, ctx.Err()
	}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled and no file instead", err)
	}
}

func TestKeyValueStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tables")
	s, err := OpenKeyValueStore(t.Context(), dir, "store.db")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "store.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var corrupt *platform.CorruptError
	if s, err := OpenKeyValueStore(t.Context(), dir, "store.db"); !errors.As(err, &corrupt) || s != nil {
		t.Errorf("an emptied file: %v, %v; want nil and a CorruptError", s, err)
	}
}

func TestNetInfo(t *testing.T) {
	i, err := NetInfo(t.Context(), nil)
	if runtime.GOOS == "android" {
		if !errors.Is(err, platform.ErrUnsupported) || i != nil {
			t.Errorf("NetInfo = %v, %v; want nil, ErrUnsupported", i, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Network(t.Context()); err != nil {
		t.Error(err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}
