//go:build !js

package igd

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/attach/detect"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

var (
	udpPort = detect.Port{Protocol: wire.UDP, Family: wire.IPv4, Number: 5150}
	tcpPort = detect.Port{Protocol: wire.TCP, Family: wire.IPv4, Number: 5150}
	outside = netip.MustParseAddr("44.1.2.3")
)

// box is a gateway in memory that notes when it was asked for what.
type box struct {
	mu     sync.Mutex
	start  time.Time
	addr   netip.Addr
	calls  []call
	fail   func(c call) error // nil: nothing fails
	offset uint16             // of new outside ports
}

type call struct {
	at   time.Duration
	what string // add, renew, remove
	port uint16 // outside
}

func newBox() *box { return &box{start: time.Now(), addr: outside} }

func (b *box) do(ctx context.Context, what string, port uint16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := call{time.Since(b.start), what, port}
	b.calls = append(b.calls, c)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if b.fail != nil {
		return b.fail(c)
	}
	return nil
}

func (b *box) external(context.Context) (netip.Addr, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addr, nil
}

func (b *box) add(ctx context.Context, _ detect.Port, want uint16, lease time.Duration, any bool) (uint16, error) {
	if lease != 120*time.Second {
		return 0, errors.New("lease is " + lease.String())
	}
	if !any {
		return want, b.do(ctx, "renew", want)
	}
	return want + b.offset, b.do(ctx, "add", want+b.offset)
}

func (b *box) remove(ctx context.Context, _ detect.Port, port uint16) error {
	return b.do(ctx, "remove", port)
}

func (b *box) since() []call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

func (b *box) mapper() *Mapper {
	return newMapper(func(context.Context) (gateway, error) { return b, nil }, nil, nil)
}

func lostSignal(m *Mapper) bool {
	select {
	case <-m.Lost():
		return true
	default:
		return false
	}
}

// TestRenewal is the life of a lease (spec 04 §9.5).
func TestRenewal(t *testing.T) {
	refused := errors.New("refused")
	failing := func(what ...string) func(call) error {
		return func(c call) error {
			if slices.Contains(what, c.what) && c.at > 0 {
				return refused
			}
			return nil
		}
	}
	const s = time.Second
	tests := []struct {
		name  string
		setup func(b *box)
		until time.Duration
		want  []call // after the first
		lost  bool
	}{
		{name: "renewed at half life", until: 200 * s, want: []call{{60 * s, "renew", 5150}, {120 * s, "renew", 5150}, {180 * s, "renew", 5150}}},
		{name: "second attempt", until: 160 * s,
			setup: func(b *box) {
				b.fail = func(c call) error {
					if c.at == 60*s {
						return refused
					}
					return nil
				}
			},
			want: []call{{60 * s, "renew", 5150}, {90 * s, "renew", 5150}, {150 * s, "renew", 5150}}},
		{name: "made anew", until: 170 * s, setup: func(b *box) { b.fail = failing("renew") },
			want: []call{{60 * s, "renew", 5150}, {90 * s, "renew", 5150}, {105 * s, "renew", 5150},
				{105 * s, "remove", 5150}, {105 * s, "add", 5150}, {165 * s, "renew", 5150}}},
		{name: "cannot be made anew", until: 500 * s, setup: func(b *box) { b.fail = failing("renew", "add") }, lost: true,
			want: []call{{60 * s, "renew", 5150}, {90 * s, "renew", 5150}, {105 * s, "renew", 5150},
				{105 * s, "remove", 5150}, {105 * s, "add", 5150}}},
		{name: "anew at another port", until: 500 * s, lost: true,
			setup: func(b *box) {
				b.fail = func(c call) error {
					if c.what == "renew" {
						b.offset = 7
						return refused
					}
					return nil
				}
			},
			want: []call{{60 * s, "renew", 5150}, {90 * s, "renew", 5150}, {105 * s, "renew", 5150},
				{105 * s, "remove", 5150}, {105 * s, "add", 5157}, {105 * s, "remove", 5157}}},
		{name: "another address outside", until: 500 * s, lost: true,
			setup: func(b *box) {
				b.fail = func(c call) error {
					if c.what == "renew" {
						b.addr = netip.MustParseAddr("44.1.2.4")
					}
					return nil
				}
			},
			want: []call{{60 * s, "renew", 5150}, {60 * s, "remove", 5150}, {60 * s, "add", 5150}, {60 * s, "remove", 5150}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox()
				if tt.setup != nil {
					tt.setup(b)
				}
				m := b.mapper()
				got, err := m.Map(t.Context(), udpPort)
				if err != nil || got != netip.AddrPortFrom(outside, 5150) {
					t.Fatalf("Map: %v, %v", got, err)
				}
				time.Sleep(tt.until)
				synctest.Wait()
				calls := b.since()
				if first := (call{0, "add", 5150}); calls[0] != first {
					t.Errorf("first call %v, want %v", calls[0], first)
				}
				if !slices.Equal(calls[1:], tt.want) {
					t.Errorf("calls %v, want %v", calls[1:], tt.want)
				}
				if lost := lostSignal(m); lost != tt.lost {
					t.Errorf("lost %v, want %v", lost, tt.lost)
				}
				m.Close()
				removed := b.since()[len(calls):]
				want := []call{{tt.until, "remove", 5150}}
				if tt.lost {
					want = nil
				}
				if !slices.Equal(removed, want) {
					t.Errorf("Close: calls %v, want %v", removed, want)
				}
			})
		})
	}
}

func TestMapTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		m := b.mapper()
		defer m.Close()
		first, err := m.Map(t.Context(), udpPort)
		if err != nil {
			t.Fatal(err)
		}
		b.offset = 9 // a second mapping would be seen
		if again, err := m.Map(t.Context(), udpPort); err != nil || again != first {
			t.Errorf("again: %v, %v; want %v", again, err, first)
		}
		if tcp, err := m.Map(t.Context(), tcpPort); err != nil || tcp.Port() != 5159 {
			t.Errorf("TCP: %v, %v; want port 5159", tcp, err)
		}
	})
}

func TestUnmap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		m := b.mapper()
		defer m.Close()
		m.Unmap(t.Context(), udpPort) // nothing
		if _, err := m.Map(t.Context(), udpPort); err != nil {
			t.Fatal(err)
		}
		m.Unmap(t.Context(), udpPort)
		time.Sleep(10 * time.Minute)
		want := []call{{0, "add", 5150}, {0, "remove", 5150}}
		if got := b.since(); !slices.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	})
}

func TestClearSearchesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		searches := 0
		m := newMapper(func(context.Context) (gateway, error) {
			searches++
			return b, nil
		}, nil, nil)
		defer m.Close()
		m.Prepare(t.Context())
		for range 2 {
			if _, err := m.Map(t.Context(), udpPort); err != nil {
				t.Fatal(err)
			}
			m.Clear(t.Context())
		}
		if searches != 2 {
			t.Errorf("%d searches, want one before Clear and one after", searches)
		}
		want := []call{{0, "add", 5150}, {0, "remove", 5150}, {0, "add", 5150}, {0, "remove", 5150}}
		if got := b.since(); !slices.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	})
}

func TestNoGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		searches := 0
		m := newMapper(func(ctx context.Context) (gateway, error) {
			searches++
			sleep(ctx, searchTime)
			return nil, ErrNoGateway
		}, nil, nil)
		defer m.Close()
		for range 3 { // a detection a tick does not mean a search a tick
			if _, err := m.Map(t.Context(), udpPort); !errors.Is(err, ErrNoGateway) {
				t.Errorf("Map: %v, want ErrNoGateway", err)
			}
		}
		if searches != 1 {
			t.Errorf("%d searches, want 1", searches)
		}
		time.Sleep(searchPause)
		m.Map(t.Context(), udpPort)
		if searches != 2 {
			t.Errorf("%d searches after the pause, want 2", searches)
		}
		m.Clear(t.Context()) // another network
		m.Map(t.Context(), udpPort)
		if searches != 3 {
			t.Errorf("%d searches after Clear, want 3", searches)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		m.Clear(t.Context())
		if _, err := m.Map(ctx, udpPort); err == nil {
			t.Error("Map with a search that was cut short succeeded")
		}
		m.Map(t.Context(), udpPort)
		if searches != 5 {
			t.Errorf("%d searches, want 5: one that was cut short says nothing", searches)
		}
	})
}

func TestFamily(t *testing.T) {
	m := newBox().mapper()
	defer m.Close()
	p := udpPort
	p.Family = wire.IPv6
	if _, err := m.Map(t.Context(), p); !errors.Is(err, ErrFamily) {
		t.Errorf("IPv6: %v, want ErrFamily", err)
	}
}

func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		m := b.mapper()
		if _, err := m.Map(t.Context(), udpPort); err != nil {
			t.Fatal(err)
		}
		m.Close()
		m.Close()
		for range 64 { // whichever way the calls lose the race for the lock
			if _, err := m.Map(t.Context(), tcpPort); !errors.Is(err, platform.ErrClosed) {
				t.Fatalf("Map after Close: %v, want ErrClosed", err)
			}
		}
		m.Prepare(t.Context())
		m.Unmap(t.Context(), udpPort)
		m.Clear(t.Context())
		m.Close()
		want := []call{{0, "add", 5150}, {0, "remove", 5150}}
		if got := b.since(); !slices.Equal(got, want) {
			t.Errorf("calls %v, want %v", got, want)
		}
	})
}

// TestCloseWhileSearching: whoever waits is let go.
func TestCloseWhileSearching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMapper(func(ctx context.Context) (gateway, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, nil, nil)
		var all sync.WaitGroup
		for _, p := range []detect.Port{udpPort, tcpPort} {
			all.Go(func() {
				if _, err := m.Map(context.Background(), p); err == nil {
					t.Errorf("Map of %s succeeded", p)
				}
			})
		}
		synctest.Wait()
		m.Close()
		all.Wait()
	})
}
