package encfile_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/encfile"
	"github.com/voile-net/voile/platform/platformtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cheap keeps tests from spending their time in Argon2id.
var cheap = encfile.Argon2{Passes: 1, MemoryKiB: 64, Threads: 1}

var modes = []struct {
	name string
	o    encfile.Options
}{
	{"key file", encfile.Options{}},
	{"password", encfile.Options{Password: []byte("correct horse"), Cost: cheap}},
}

func open(t *testing.T, path string, o encfile.Options) *encfile.Store {
	t.Helper()
	s, err := encfile.Open(t.Context(), path, o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func TestContract(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			platformtest.ProtectedStore(t, func(t *testing.T) platformtest.Secrets {
				return open(t, filepath.Join(t.TempDir(), "new", "secrets"), mode.o)
			})
			path := filepath.Join(t.TempDir(), "secrets")
			platformtest.ProtectedStoreReopened(t, func(t *testing.T) platformtest.Secrets { return open(t, path, mode.o) })
		})
	}
}

// filled makes a store with a secret and gives the path and content of its file.
func filled(t *testing.T, o encfile.Options) (path string, file []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secrets")
	s := open(t, path, o)
	if err := s.Save(t.Context(), "key", []byte("sensitive")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, file
}

func TestFilesArePrivateAndSealed(t *testing.T) {
	for _, mode := range modes {
		path, file := filled(t, mode.o)
		if bytes.Contains(file, []byte("sensitive")) || bytes.Contains(file, []byte("key")) {
			t.Errorf("%s: the file shows its content", mode.name)
		}
		if runtime.GOOS == "windows" {
			continue
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := open(t, path, mode.o).Close(); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) < 2 {
			t.Fatalf("ReadDir: %v, %v", entries, err)
		}
		for _, entry := range entries {
			info, err := entry.Info()
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %s has mode %v, %v; want 0600", mode.name, entry.Name(), info.Mode(), err)
			}
		}
	}
}

func TestSecondOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	s := open(t, path, encfile.Options{})
	if _, err := encfile.Open(t.Context(), path, encfile.Options{LockWait: 1}); !errors.Is(err, platform.ErrInUse) {
		t.Errorf("second Open: %v, want ErrInUse", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := encfile.Open(ctx, path, encfile.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Open with a cancelled context: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := open(t, path, encfile.Options{}).Close(); err != nil {
		t.Error(err)
	}
}

func TestWrongPassword(t *testing.T) {
	for _, c := range []struct {
		name       string
		made, used encfile.Options
	}{
		{"other", encfile.Options{Password: []byte("a"), Cost: cheap}, encfile.Options{Password: []byte("b")}},
		{"missing", encfile.Options{Password: []byte("a"), Cost: cheap}, encfile.Options{}},
		{"superfluous", encfile.Options{}, encfile.Options{Password: []byte("a")}},
	} {
		path, file := filled(t, c.made)
		if _, err := encfile.Open(t.Context(), path, c.used); !errors.Is(err, platform.ErrWrongPassword) {
			t.Errorf("%s: %v, want ErrWrongPassword", c.name, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, file) {
			t.Errorf("%s: the file was changed (%v)", c.name, err)
		}
		c.used = c.made
		if err := open(t, path, c.used).Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestImpossibleCost(t *testing.T) {
	for _, cost := range []encfile.Argon2{{Passes: 1}, {Passes: 65, MemoryKiB: 64, Threads: 1}, {Passes: 1, MemoryKiB: 7, Threads: 1}, {Passes: 1, MemoryKiB: 1 << 20, Threads: 1}, {Passes: 1, MemoryKiB: 1024, Threads: 17}} {
		path := filepath.Join(t.TempDir(), "secrets")
		if _, err := encfile.Open(t.Context(), path, encfile.Options{Password: []byte("a"), Cost: cost}); err == nil {
			t.Errorf("Open with %+v worked", cost)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open with %+v left a file: %v", cost, err)
		}
	}
}

// wantCorrupt opens a damaged store: an error that names the file, and the file
// is left for whoever repairs it.
func wantCorrupt(t *testing.T, what, path, culprit string, o encfile.Options) {
	t.Helper()
	before, _ := os.ReadFile(path)
	_, err := encfile.Open(t.Context(), path, o)
	var corrupt *platform.CorruptError
	switch {
	case len(o.Password) > 0 && errors.Is(err, platform.ErrWrongPassword): // a changed head
	case !errors.As(err, &corrupt):
		t.Fatalf("%s: %v, want a CorruptError", what, err)
	case corrupt.Name != culprit:
		t.Fatalf("%s: the error names %s, want %s", what, corrupt.Name, culprit)
	}
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%s: the error says that the store is not there: %v", what, err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Fatalf("%s: Open changed the file", what)
	}
}

func TestDamagedFile(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			path, file := filled(t, mode.o)
			set := func(b []byte) {
				t.Helper()
				if err := os.WriteFile(path, b, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for n := range file {
				set(file[:n])
				wantCorrupt(t, fmt.Sprintf("cut to %d bytes", n), path, path, mode.o)
				changed := bytes.Clone(file)
				changed[n] ^= 1
				set(changed)
				wantCorrupt(t, fmt.Sprintf("byte %d changed", n), path, path, mode.o)
			}
			for what, b := range map[string][]byte{
				"one byte more": append(bytes.Clone(file), 0), "zeros": make([]byte, len(file)),
				"other format": []byte("SQLite format 3\x00 and much more text than that, so that it is long enough for a head of ours, and then some"),
				"huge":         append(bytes.Clone(file), make([]byte, 2<<20)...),
			} {
				set(b)
				wantCorrupt(t, what, path, path, mode.o)
			}
			set(file)
			if err := open(t, path, mode.o).Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDamagedKeyFile(t *testing.T) {
	path, _ := filled(t, encfile.Options{})
	keyPath := path + ".key"
	key, err := os.ReadFile(keyPath)
	if err != nil {
		t.Fatal(err)
	}
	for n := range key {
		changed := bytes.Clone(key)
		changed[n] ^= 0x10
		for what, b := range map[string][]byte{"cut to": key[:n], "changed at": changed} {
			if err := os.WriteFile(keyPath, b, 0o600); err != nil {
				t.Fatal(err)
			}
			wantCorrupt(t, fmt.Sprint(what, n), path, keyPath, encfile.Options{})
		}
	}
	if err := os.Remove(keyPath); err != nil {
		t.Fatal(err)
	}
	wantCorrupt(t, "missing", path, keyPath, encfile.Options{})
	if _, err := os.Stat(keyPath); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open made a new key for an old file: %v", err)
	}
	other, _ := filled(t, encfile.Options{})
	wantCorrupt(t, "of another store", path, path, encfile.Options{KeyFile: other + ".key"})
}

func TestNotAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	var corrupt *platform.CorruptError
	if _, err := encfile.Open(t.Context(), path, encfile.Options{}); !errors.As(err, &corrupt) {
		t.Errorf("Open of a folder: %v, want a CorruptError", err)
	}
}

func TestTotalLimit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "secrets"), encfile.Options{})
	defer s.Close()
	big := make([]byte, 64<<10)
	var err error
	n := 0
	for ; err == nil; n++ {
		err = s.Save(t.Context(), fmt.Sprint(n), big)
	}
	if !errors.Is(err, platform.ErrTooLarge) || n != 16 {
		t.Errorf("Save %d: %v, want ErrTooLarge at the 16th", n, err)
	}
	if _, err := s.Load(t.Context(), fmt.Sprint(n-1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the refused secret is there: %v", err)
	}
	if err := s.Remove(t.Context(), "0"); err != nil {
		t.Error(err)
	}
}

func TestRandomnessFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	if _, err := encfile.Open(t.Context(), path, encfile.Options{Rand: bytes.NewReader(make([]byte, 40))}); err == nil {
		t.Error("Open without enough randomness worked")
	}
	s := open(t, path, encfile.Options{})
	s.Close()
	limited, err := encfile.Open(t.Context(), path, encfile.Options{Rand: bytes.NewReader(nil)})
	if err != nil {
		t.Fatal(err)
	}
	defer limited.Close()
	if err := limited.Save(t.Context(), "key", nil); err == nil {
		t.Error("Save without a nonce worked")
	}
}

func TestDiskFull(t *testing.T) {
	platformtest.SmallDisk(t, 256<<10, func(t *testing.T, dir string) {
		path := filepath.Join(dir, "secrets")
		s := open(t, path, encfile.Options{})
		if err := s.Save(t.Context(), "kept", []byte("value")); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), "big", make([]byte, 60<<10)); err != nil {
			t.Fatal(err)
		}
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 256<<10), 0o600); err == nil {
			t.Fatal("the disk is not full")
		}
		err := s.Save(t.Context(), "more", make([]byte, 60<<10))
		if !errors.Is(err, platform.ErrNoSpace) || !bytes.Contains([]byte(err.Error()), []byte("secrets")) {
			t.Errorf("Save on a full disk: %v, want ErrNoSpace with the name of the file", err)
		}
		if got, err := s.Load(t.Context(), "kept"); err != nil || string(got) != "value" {
			t.Errorf("Load on a full disk = %q, %v", got, err)
		}
		if _, err := s.Load(t.Context(), "more"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Load of what was not saved: %v", err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), "again", nil); err != nil {
			t.Errorf("Save with space again: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, encfile.Options{})
		if got, err := s.Load(t.Context(), "kept"); err != nil || string(got) != "value" {
			t.Errorf("Load after a restart = %q, %v", got, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCrash: after a kill the store opens with its own key and has every
// acknowledged write. Each write changes two secrets.
func TestCrash(t *testing.T) {
	read := func(t *testing.T, s *encfile.Store, key string) (n int) {
		t.Helper()
		got, err := s.Load(t.Context(), key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		fmt.Sscan(string(got), &n)
		return n
	}
	pad := make([]byte, 20<<10) // so that a write takes a while
	platformtest.Crash(t, 20, func(t *testing.T, dir string, ack func(int)) {
		s := open(t, filepath.Join(dir, "secrets"), encfile.Options{})
		if _, err := rand.Read(pad); err != nil {
			t.Fatal(err)
		}
		if err := s.Save(t.Context(), "pad", pad); err != nil {
			t.Fatal(err)
		}
		for n := read(t, s, "n") + 1; ; n++ {
			if err := s.Save(t.Context(), "n", fmt.Append(nil, n)); err != nil {
				t.Fatal(err)
			}
			ack(n)
		}
	}, func(t *testing.T, dir string, _ int) int {
		s := open(t, filepath.Join(dir, "secrets"), encfile.Options{})
		defer s.Close()
		return read(t, s, "n")
	})
}
