//go:build (linux && !android) || (darwin && !ios) || windows

package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"

	gokeyring "github.com/zalando/go-keyring"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/platformtest"
)

// fake is a keyring in memory that refuses, forgets or hangs on demand. It has
// no lock: the store makes one call at a time, which the race detector checks.
type fake struct {
	items  map[string]string
	fail   error
	panics bool
	forget bool
	hang   chan struct{} // nil: does not hang; else until it is closed
}

func newFake() *fake { return &fake{items: make(map[string]string)} }

func (f *fake) Set(service, user, password string) error {
	err := f.enter()
	if err == nil && !f.forget {
		f.items[service+"\x00"+user] = password
	}
	return err
}

func (f *fake) Get(service, user string) (string, error) {
	err := f.enter()
	if err != nil {
		return "", err
	}
	text, ok := f.items[service+"\x00"+user]
	if !ok {
		return "", gokeyring.ErrNotFound
	}
	return text, nil
}

func (f *fake) Delete(service, user string) error {
	err := f.enter()
	if err != nil {
		return err
	}
	if _, ok := f.items[service+"\x00"+user]; !ok {
		return gokeyring.ErrNotFound
	}
	delete(f.items, service+"\x00"+user)
	return nil
}

func (f *fake) enter() error {
	if f.hang != nil {
		<-f.hang
	}
	if f.panics {
		panic("surprise")
	}
	return f.fail
}

func opened(t *testing.T, f *fake) *Store {
	t.Helper()
	s, err := open(t.Context(), "service", f)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestContractWithFake(t *testing.T) {
	platformtest.ProtectedStore(t, func(t *testing.T) platformtest.Secrets {
		s, err := open(t.Context(), "service", newFake())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// The form in the keyring is that of spec 01 §8.1; the vector is of §8.2.
func TestForm(t *testing.T) {
	f := newFake()
	s := opened(t, f)
	secret := []byte("VLD0")
	for b := byte(0xc0); b <= 0xdf; b++ {
		secret = append(secret, b)
	}
	if err := s.Save(t.Context(), "device_encryption_key", secret); err != nil {
		t.Fatal(err)
	}
	const want = "VkxEMMDBwsPExcbHyMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f!"
	if got := f.items["service\x00device_encryption_key"]; got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
	for name, text := range map[string]string{"no mark": "VkxE", "empty": "", "not base64": "a b!", "padded": "YQ==!", "loose bits": "YR!"} {
		f.items["service\x00k"] = text
		var corrupt *platform.CorruptError
		if _, err := s.Load(t.Context(), "k"); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v, want a CorruptError", name, err)
		}
	}
}

func TestLimit(t *testing.T) {
	s := opened(t, newFake())
	if err := s.Save(t.Context(), "k", make([]byte, platform.MinMaxSecret+1)); !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("Save over the limit: %v, want ErrTooLarge", err)
	}
}

func TestTroubleInTheKeyring(t *testing.T) {
	f := newFake()
	s := opened(t, f)
	f.forget = true
	if err := s.Save(t.Context(), "k", []byte("v")); err == nil {
		t.Error("Save in a keyring that forgets worked")
	}
	f.forget, f.panics = false, true
	if _, err := s.Load(t.Context(), "k"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load from a library that panics: %v", err)
	}
	boom := "boom"
	f.panics, f.fail = false, fmt.Errorf("%s: %w", boom, fs.ErrNotExist)
	if err := s.Remove(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), boom) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Remove: %v, want the text of the error only: it is not about the secret", err)
	}
	f.fail = gokeyring.ErrSetDataTooBig
	if err := s.Save(t.Context(), "k", nil); !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("Save: %v, want ErrTooLarge", err)
	}
	if _, err := open(t.Context(), "service", f); err == nil {
		t.Error("open of a keyring that fails worked")
	}
}

// TestHangingKeyring: a question on the screen that nobody answers holds up
// neither callers whose ctx ends nor Close.
func TestHangingKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		s, err := open(t.Context(), "service", f)
		if err != nil {
			t.Fatal(err)
		}
		answer := make(chan struct{})
		f.hang = answer
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, 2)
		for range 2 { // one in the keyring, one behind it
			go func() { results <- s.Save(ctx, "k", []byte("v")) }()
		}
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("Save: %v, want context.Canceled", err)
			}
		}
		if err := s.Close(); err == nil {
			t.Error("Close said nothing of the call that hangs")
		}
		if _, err := s.Load(t.Context(), "k"); !errors.Is(err, platform.ErrClosed) {
			t.Errorf("Load: %v, want ErrClosed", err)
		}
		close(answer)
		if err := s.Close(); err != nil {
			t.Errorf("Close after the answer: %v", err)
		}
	})
}

func TestOpenGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.hang = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := open(ctx, "service", f); !errors.Is(err, context.Canceled) {
			t.Errorf("open: %v, want context.Canceled", err)
		}
		close(f.hang)
	})
}
