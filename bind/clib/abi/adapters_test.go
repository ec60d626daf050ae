package abi

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"testing"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/platformtest"
)

// keychain is a store as another language would have it.
type keychain struct {
	mu      sync.Mutex
	secrets map[string][]byte
}

func (k *keychain) funcs() StoreFuncs {
	return StoreFuncs{
		Load: func(key string) ([]byte, instance.Code) {
			k.mu.Lock()
			defer k.mu.Unlock()
			secret, ok := k.secrets[key]
			if !ok {
				return nil, instance.KeyNotFound
			}
			return bytes.Clone(secret), instance.OK
		},
		Save: func(key string, secret []byte) instance.Code {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.secrets[key] = bytes.Clone(secret)
			return instance.OK
		},
		Remove: func(key string) instance.Code {
			k.mu.Lock()
			defer k.mu.Unlock()
			if _, ok := k.secrets[key]; !ok {
				return instance.KeyNotFound
			}
			delete(k.secrets, key)
			return instance.OK
		},
	}
}

func TestStoreContract(t *testing.T) {
	platformtest.ProtectedStore(t, func(*testing.T) platformtest.Secrets {
		return NewStore((&keychain{secrets: map[string][]byte{}}).funcs())
	})
}

func TestAskStoreContract(t *testing.T) {
	platformtest.ProtectedStore(t, func(t *testing.T) platformtest.Secrets {
		l, f := New("test"), (&keychain{secrets: map[string][]byte{}}).funcs()
		t.Cleanup(l.CloseAll)
		return NewAskStore(l, func(ask Handle, op, key string, secret []byte) bool {
			l.Go(func() {
				var found []byte
				var code instance.Code
				switch op {
				case "load":
					found, code = f.Load(key)
				case "save":
					code = f.Save(key, secret)
				case "remove":
					code = f.Remove(key)
				}
				_ = l.Reply(ask, code, found) // the store may be closed by now
			}, func(err error) { t.Error(err) })
			return true
		})
	})
}

// Whoever is asked may change while a question is open, and may be gone.
func TestAskStoreUse(t *testing.T) {
	l := New("test")
	asked := make(chan Handle, 1)
	s := NewAskStore(l, func(ask Handle, _, _ string, _ []byte) bool { asked <- ask; return true })
	result := make(chan error)
	go func() {
		secret, err := s.Load(t.Context(), "k")
		if string(secret) != "x" {
			err = errors.Join(err, errors.New("another secret"))
		}
		result <- err
	}()
	first := <-asked
	s.Use(func(ask Handle, op, key string, _ []byte) bool {
		if ask != first || op != "load" || key != "k" {
			t.Errorf("asked %v %s %s again", ask, op, key)
		}
		if err := l.Reply(ask, instance.OK, []byte("x")); err != nil {
			t.Error(err)
		}
		return true
	})
	if err := <-result; err != nil {
		t.Error(err)
	}
	s.Use(func(Handle, string, string, []byte) bool { return false })
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, platform.ErrLocked) {
		t.Errorf("nobody is there: %v", err)
	}
	s.Close()
	if _, err := s.Load(t.Context(), "k"); !errors.Is(err, platform.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if l.requests.count() != 0 {
		t.Errorf("%d questions are left", l.requests.count())
	}
}

func TestStoreErrors(t *testing.T) {
	for code, want := range map[instance.Code]error{
		instance.KeyNotFound: fs.ErrNotExist, instance.TryAgain: platform.ErrLocked,
		instance.TooLarge: platform.ErrTooLarge, instance.Closed: platform.ErrClosed,
	} {
		if err := storeError("load", "k", code); !errors.Is(err, want) {
			t.Errorf("%s is %v", code, err)
		}
	}
	if err := storeError("load", "k", -3); err == nil {
		t.Error("a code that is none is no error")
	}
}

const facts = `{"interfaces":[
	{"name":"lo","index":1,"mtu":65536,"loopback":true,"addresses":[{"prefix":"127.0.0.1/8"}]},
	{"name":"w","index":2,"mtu":1500,"multicast":true,"addresses":[
		{"prefix":"192.0.2.7/24"},{"prefix":"2001:db8::7/64","temporary":true}]},
	{"name":"down","running":false}],
	"egress4":{"source":"192.0.2.7","interface":"w","gateway":"192.0.2.1"},
	"egress6":{"source":"2001:db8::7","interface":"w","gateway":null}}`

func TestHostNetworkContract(t *testing.T) {
	platformtest.NetInfo(t, func(t *testing.T) platform.NetInfo {
		n, err := ParseNetwork([]byte(facts))
		if err != nil {
			t.Fatal(err)
		}
		return NewHostNetwork(n)
	})
}

func TestParseNetwork(t *testing.T) {
	n, err := ParseNetwork([]byte(facts))
	if err != nil {
		t.Fatal(err)
	}
	w, _ := n.ByName("w")
	down, _ := n.ByName("down")
	switch {
	case len(n.Interfaces) != 3 || len(w.Addrs) != 2 || !w.Running || down.Running || !w.Addrs[1].Temporary:
		t.Errorf("interfaces %+v", n.Interfaces)
	case n.Egress4.Gateway.String() != "192.0.2.1" || !n.Egress4.GatewayKnown || n.Egress4.MTU != 1500:
		t.Errorf("egress %+v", n.Egress4)
	case n.Egress6.Gateway.IsValid() || !n.Egress6.GatewayKnown:
		t.Errorf("egress %+v", n.Egress6)
	}
	for name, text := range map[string]string{
		"no JSON":             `x`,
		"no name":             `{"interfaces":[{}]}`,
		"twice":               `{"interfaces":[{"name":"a"},{"name":"a"}]}`,
		"negative":            `{"interfaces":[{"name":"a","mtu":-1}]}`,
		"no address":          `{"interfaces":[{"name":"a","addresses":[{}]}]}`,
		"mapped address":      `{"interfaces":[{"name":"a","addresses":[{"prefix":"::ffff:192.0.2.7/120"}]}]}`,
		"no source":           `{"egress4":{}}`,
		"other family":        `{"egress4":{"source":"2001:db8::7"}}`,
		"unknown interface":   `{"egress4":{"source":"192.0.2.7","interface":"w"}}`,
		"gateway is a number": `{"egress4":{"source":"192.0.2.7","gateway":7}}`,
	} {
		if _, err := ParseNetwork([]byte(text)); CodeOf(err) != instance.ParseError {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParseNetwork(f *testing.F) {
	f.Add([]byte(facts))
	f.Fuzz(func(t *testing.T, text []byte) {
		n, err := ParseNetwork(text)
		if err != nil {
			if CodeOf(err) != instance.ParseError && CodeOf(err) != instance.TooLarge {
				t.Errorf("error %v", err)
			}
			return
		}
		h := NewHostNetwork(n)
		if _, err := h.Network(context.Background()); err != nil {
			t.Error(err)
		}
		for family, e := range map[bool]platform.Egress{true: n.Egress4, false: n.Egress6} {
			if e.Source.IsValid() && e.Source.Is4() != family {
				t.Errorf("egress %+v", e)
			}
		}
	})
}

func TestLogLines(t *testing.T) {
	type line struct {
		level Level
		text  string
	}
	var got []line
	l := newLogLines(func(level Level, text string) { got = append(got, line{level, text}) })
	log := slog.New(l.handler(slog.LevelInfo)).With("part", 1).WithGroup("g")
	log.Debug("not this")
	log.Warn("two\nlines", "k", "v")
	l.close()
	log.Error("after the end")
	if len(got) != 1 || got[0] != (line{LevelWarn, `msg="two\nlines" part=1 g.k=v`}) {
		t.Errorf("got %+v", got)
	}
}
