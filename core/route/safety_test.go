package route

import (
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func TestQuestionTimeout(t *testing.T) {
	for _, tt := range []struct {
		name string
		sel  SafetySelection
		want time.Duration
	}{
		{"unsafe", Unsafe(wire.PreferOrdered), 5 * time.Second},
		{"1 hop", Safe(SafetySpec{HopCount: 1}), 5 * time.Second},
		{"2 hops", Safe(SafetySpec{HopCount: 2}), 5 * time.Second},
		{"3 hops", Safe(SafetySpec{HopCount: 3}), 6 * time.Second},
		{"4 hops", Safe(SafetySpec{HopCount: 4}), 7 * time.Second},
	} {
		if got := tt.sel.QuestionTimeout(5 * time.Second); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// A selection that somebody forgot to make must not show the sender.
func TestZeroSelectionSendsNothing(t *testing.T) {
	n := newNet(t, 4, nil)
	target := Target{Node: n.others[0].info}
	if c, err := n.store.Compile(target, SafetySelection{}, zeroKey, start); err != ErrHopCount {
		t.Errorf("compiled %+v, %v", c, err)
	}
	if r, err := n.store.ReplyRoute(target, SafetySelection{}, start); err != ErrHopCount {
		t.Errorf("reply %+v, %v", r, err)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := new(Config).Validate(); err == nil {
		t.Error("the zero configuration is valid")
	}
	for name, change := range map[string]func(*Config){
		"six hops":            func(c *Config) { c.MaxHopCount = 6 },
		"default above most":  func(c *Config) { c.MaxHopCount, c.DefaultHopCount = 2, 3 },
		"no keepalive":        func(c *Config) { c.KeepaliveInterval = 0 },
		"no room for imports": func(c *Config) { c.RemoteRoutes = 0 },
		"negative background": func(c *Config) { c.BackgroundRoutes = -1 },
	} {
		c := DefaultConfig()
		if err := c.Validate(); err != nil {
			t.Fatalf("default: %v", err)
		}
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s is valid", name)
		}
	}
}

func TestHopCountRule(t *testing.T) {
	for _, tt := range []struct {
		max, def, requested int
		safe                bool
		want                int
		err                 error
	}{
		{4, 1, 0, true, 0, ErrHopCount},
		{4, 1, 5, true, 0, ErrTooManyHops},
		{4, 1, 1, true, 1, nil},
		{4, 1, 1, false, 2, nil},
		{4, 1, 2, false, 2, nil},
		{4, 1, 3, false, 3, nil},
		{4, 1, 4, false, 4, nil},
		{4, 2, 1, false, 2, nil},
		{4, 2, 3, false, 4, nil},
		{3, 2, 2, false, 3, nil},
		{1, 1, 1, false, 1, nil},
	} {
		c := DefaultConfig()
		c.MaxHopCount, c.DefaultHopCount = tt.max, tt.def
		if got, err := c.hopCount(tt.requested, tt.safe); got != tt.want || err != tt.err {
			t.Errorf("%+v: %d, %v", tt, got, err)
		}
	}
}

var zeroKey crypto.PublicKey
