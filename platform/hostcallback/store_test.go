package hostcallback_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/hostcallback"
	"github.com/voile-net/voile/platform/platformtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// app is a host that keeps values as a keychain would: it knows no empty one.
type app struct {
	mu     sync.Mutex
	values map[string]string
	err    error
	block  chan struct{} // nil: does not block
	began  chan struct{} // nil: nobody waits for it
	crash  bool
}

func (a *app) enter() (map[string]string, error) {
	if a.began != nil {
		a.began <- struct{}{}
	}
	if a.block != nil {
		<-a.block
	}
	if a.crash {
		panic("the app's code is broken")
	}
	if !a.mu.TryLock() {
		return nil, errors.New("two calls at a time")
	}
	if a.values == nil {
		a.values = map[string]string{}
	}
	return a.values, a.err
}

func (a *app) Load(name string) ([]byte, error) {
	m, err := a.enter()
	if m == nil {
		return nil, err
	}
	defer a.mu.Unlock()
	if v, ok := m[name]; ok {
		return []byte(v), err
	}
	return nil, err
}

func (a *app) Save(name string, value []byte) error {
	m, err := a.enter()
	if m == nil {
		return err
	}
	defer a.mu.Unlock()
	if len(value) == 0 {
		return errors.New("an empty value")
	}
	m[name] = string(value)
	return err
}

func (a *app) Remove(name string) error {
	m, err := a.enter()
	if m == nil {
		return err
	}
	defer a.mu.Unlock()
	delete(m, name)
	return err
}

func TestContract(t *testing.T) {
	platformtest.ProtectedStore(t, func(*testing.T) platformtest.Secrets { return hostcallback.NewStore(&app{}) })
}

// The word that an app's error begins with says what it is; its text may be anything.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		text string
		is   error
	}{
		{"Locked: the device was not unlocked yet", platform.ErrLocked},
		{"Locked", platform.ErrLocked},
		{"TooLarge: 5 MB", platform.ErrTooLarge},
		{"Lockedness", nil},
		{"", nil},
		{"broken \xff\xfe text", nil},
		{strings.Repeat("ä", 5000), nil},
	} {
		s := hostcallback.NewStore(&app{err: errors.New(c.text)})
		_, load := s.Load(t.Context(), "k")
		for what, err := range map[string]error{"Load": load, "Save": s.Save(t.Context(), "k", []byte("v")), "Remove": s.Remove(t.Context(), "k")} {
			if err == nil || c.is != nil && !errors.Is(err, c.is) || c.is == nil && (errors.Is(err, platform.ErrLocked) || errors.Is(err, platform.ErrTooLarge)) {
				t.Errorf("%s with %.20q: %v, want %v", what, c.text, err, c.is)
			} else if !utf8.ValidString(err.Error()) || len(err.Error()) > 1200 {
				t.Errorf("%s with %.20q: a text of %d bytes, valid %t", what, c.text, len(err.Error()), utf8.ValidString(err.Error()))
			}
		}
	}
}

func TestForeignValue(t *testing.T) {
	s := hostcallback.NewStore(&app{values: map[string]string{"k": "something else", "large": "\x01" + strings.Repeat("x", hostcallback.MaxSecret+1)}})
	var corrupt *platform.CorruptError
	if v, err := s.Load(t.Context(), "k"); !errors.As(err, &corrupt) || v != nil {
		t.Errorf("%q, %v; want a CorruptError", v, err)
	}
	if v, err := s.Load(t.Context(), "large"); !errors.Is(err, platform.ErrTooLarge) || v != nil {
		t.Errorf("%d bytes, %v; want ErrTooLarge", len(v), err)
	}
	if err := s.Save(t.Context(), "k", make([]byte, hostcallback.MaxSecret+1)); !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("Save: %v, want ErrTooLarge", err)
	}
}

// A call whose context ends returns, though the app goes on; Close waits for the app.
func TestAppThatBlocks(t *testing.T) {
	a := &app{block: make(chan struct{}), began: make(chan struct{}, 2)}
	s := hostcallback.NewStore(a)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-a.began
		cancel()
	}()
	if err := s.Save(ctx, "k", []byte("v")); !errors.Is(err, context.Canceled) {
		t.Errorf("Save: %v, want context.Canceled", err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	select {
	case <-closed:
		t.Error("Close did not wait for the app")
	default:
	}
	close(a.block)
	<-closed
	if want := map[string]string{"k": "\x01v"}; !maps.Equal(a.values, want) {
		t.Errorf("the app has %q, want %q", a.values, want)
	}
	if err := s.Save(t.Context(), "k", nil); !errors.Is(err, platform.ErrClosed) {
		t.Errorf("Save after Close: %v, want ErrClosed", err)
	}
}

func TestAppThatPanics(t *testing.T) {
	s := hostcallback.NewStore(&app{crash: true})
	if _, err := s.Load(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("Load: %v, want what the panic said", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
