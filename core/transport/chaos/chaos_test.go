package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSettings(t *testing.T) {
	set := func(text ...string) Settings {
		t.Helper()
		var s Settings
		for _, a := range text {
			path, value, _ := strings.Cut(a, "=")
			var err error
			if s, err = s.Set(path, value); err != nil {
				t.Fatal(a, err)
			}
		}
		return s
	}
	for _, c := range []struct {
		settings Settings
		path     string
		want     string
	}{
		{Settings{}, "net.self.send", "{\n  \"loss\": 0,\n  \"max_size\": 0,\n  \"pps\": 0,\n  \"queue_ms\": 0,\n  \"rate\": 0\n}"},
		{Settings{}, "net.ip", "{}"},
		{set("net.self.send.loss=100"), "net.self.send.loss", "100"},
		{set("net.ip[1.2.3.4].send.loss=50"), "net.ip['1.2.3.4'].send.loss", "50"},
		{set("net.ip['2001:db8::1/64'].recv.max_size=1400"), `net.ip["2001:db8::/64"].recv`, "{\n  \"loss\": 0,\n  \"max_size\": 1400\n}"},
		{set(`net.ip[10.0.0.0/8]={"send":{"loss":1,"max_size":2},"recv":{"loss":3,"max_size":4}}`), "net.ip[10.0.0.0/8].recv.max_size", "4"},
		{set("rpc.value_changed.loss=7"), "rpc", "{\n  \"value_changed\": {\n    \"loss\": 7\n  }\n}"},
	} {
		if got, err := c.settings.Get(c.path); err != nil || got != c.want {
			t.Errorf("%s: %s %v, want %s", c.path, got, err, c.want)
		}
	}
	for _, c := range []struct{ path, value, want string }{
		{"nonsense", "1", "no chaos setting at 'nonsense'"},
		{"net.self.send.lost", "1", "no chaos setting at"},
		{"net..self", "1", "no chaos setting at"},
		{"net.ip[1.2.3.4", "1", "no chaos setting at"},
		{"net.self.send.loss", "101", "loss is a percentage, 0 to 100"},
		{"net.self.send.loss", "abc", "invalid chaos value 'abc'"},
		{"net.self.send.loss", "-1", "invalid chaos settings"},
		{"net.self.send.loss", "1.5", "invalid chaos settings"},
		{"net.self.send.rate", `"x"`, "invalid chaos settings"},
		{"net", "5", "invalid chaos settings"},
		{"", "5", "invalid chaos settings"},
		{"net.ip[fe80::1%eth0].send.loss", "1", "invalid address range"},
		{"net.ip[1.2.3.4].send.rate", "1", "no chaos setting at"},
	} {
		if _, err := (Settings{}).Set(c.path, c.value); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s=%s: %v, want %q", c.path, c.value, err, c.want)
		}
	}
	full := set("net.self.send.loss=5", "net.self.recv.loss=6", "net.ip[1.2.3.4].send.loss=7", "net.ip[1.2.3.4].recv.loss=8")
	for _, c := range []struct{ reset, look, want string }{
		{"net.self.send", "net.self.send.loss", "0"},
		{"net.self.send", "net.self.recv.loss", "6"},
		{"net.self.recv.loss", "net.self.recv.loss", "0"},
		{"net.ip[1.2.3.4].send", "net.ip[1.2.3.4].send.loss", "0"},
		{"net.ip[1.2.3.4].recv.loss", "net.ip[1.2.3.4].recv.loss", "0"},
		{"net.ip[1.2.3.4]", "net.ip", "{}"},
		{"", "net.self.recv.loss", "0"},
	} {
		s, err := full.Reset(c.reset)
		if err != nil {
			t.Errorf("reset %s: %v", c.reset, err)
			continue
		}
		if got, err := s.Get(c.look); err != nil || got != c.want {
			t.Errorf("after reset %s: %s is %s %v, want %s", c.reset, c.look, got, err, c.want)
		}
	}
	if got, _ := full.Get("net.self.send.loss"); got != "5" {
		t.Errorf("a reset has changed what it came from: %s", got)
	}
	for _, bad := range []string{"nonsense", "net.ip[9.9.9.9]"} {
		if _, err := full.Reset(bad); err == nil {
			t.Errorf("reset %s succeeds", bad)
		}
	}
	for _, p := range Presets() {
		set(p.Settings...)
	}
}

// FuzzSet: whatever is set can be shown, and what is shown can be set again.
func FuzzSet(f *testing.F) {
	f.Add("net.self.send.loss", "5")
	f.Add("net.ip['1.2.3.4/8'].send.max_size", "1380")
	f.Add("", `{"net":{}}`)
	f.Fuzz(func(t *testing.T, path, value string) {
		s, err := (Settings{}).Set(path, value)
		if err != nil {
			return
		}
		text, err := s.Get("")
		if err != nil {
			t.Fatal(err)
		}
		again, err := (Settings{}).Set("", text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if twice, err := again.Get(""); err != nil || twice != text {
			t.Fatalf("%s %v, want %s", twice, err, text)
		}
	})
}

// wires is a stack that notes what was sent.
type wires struct {
	mu     sync.Mutex
	sent   int
	closed []transport.Flow
	at     []time.Duration
	start  time.Time
}

func (w *wires) SendFlow(context.Context, transport.Flow, []byte, int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent++
	w.at = append(w.at, time.Since(w.start))
	return nil
}

func (w *wires) SendDialInfo(_ context.Context, di wire.DialInfo, _ []byte, _ transport.SendOptions) (transport.Flow, error) {
	w.sent++
	return transport.Flow{Protocol: di.Protocol, Remote: di.Addr}, nil
}
func (w *wires) SendOnce(context.Context, wire.DialInfo, []byte) error { w.sent++; return nil }
func (w *wires) Punch(context.Context, netip.AddrPort, int) error      { w.sent++; return nil }
func (w *wires) Alive(transport.Flow) bool                             { return true }
func (w *wires) Prioritize(transport.Flow)                             {}
func (w *wires) CloseFlow(f transport.Flow)                            { w.closed = append(w.closed, f) }

type sink struct{ received int }

func (s *sink) HandleMessage(transport.Message)       { s.received++ }
func (s *sink) HandleConnClosed(transport.ConnClosed) {}

func flow(p wire.ProtocolType, addr string) transport.Flow {
	return transport.Flow{Protocol: p, Remote: netip.MustParseAddrPort(addr)}
}

func with(t *testing.T, c *Chaos, settings ...string) {
	t.Helper()
	var s Settings
	for _, a := range settings {
		path, value, _ := strings.Cut(a, "=")
		var err error
		if s, err = s.Set(path, value); err != nil {
			t.Fatal(err)
		}
	}
	c.SetSettings(s)
}

func TestLoss(t *testing.T) {
	c := New(rand.New(rand.NewPCG(1, 2)), nil)
	defer c.Close()
	w, in := &wires{}, &sink{}
	s, h := c.Stack(w), c.Handler(in)
	udp := flow(wire.UDP, "192.0.2.1:5150")
	run := func(f transport.Flow) (sent, received int) {
		w.sent, in.received = 0, 0
		for range 1000 {
			if err := s.SendFlow(t.Context(), f, make([]byte, 100), 0); err != nil {
				t.Fatal(err)
			}
			h.HandleMessage(transport.Message{Flow: f, Data: make([]byte, 100), Datagram: 108})
		}
		return w.sent, in.received
	}
	for _, x := range []struct {
		name                    string
		settings                []string
		flow                    transport.Flow
		sendLow, sendHigh       int
		receiveLow, receiveHigh int
	}{
		{"nothing", nil, udp, 1000, 1000, 1000, 1000},
		{"all that is sent", []string{"net.self.send.loss=100"}, udp, 0, 0, 1000, 1000},
		{"half of what comes", []string{"net.self.recv.loss=50"}, udp, 1000, 1000, 400, 600},
		{"a range", []string{"net.ip[192.0.2.0/24].send.loss=100"}, udp, 0, 0, 1000, 1000},
		{"another range", []string{"net.ip[192.0.3.0/24].send.loss=100"}, udp, 1000, 1000, 1000, 1000},
		{"the longest range", []string{"net.ip[0.0.0.0/0].send.loss=100", "net.ip[192.0.2.1].recv.loss=100"}, udp, 1000, 1000, 0, 0},
		{"on top of each other", []string{"net.self.send.loss=50", "net.ip[192.0.2.1].send.loss=50"}, udp, 150, 350, 1000, 1000},
		{"large datagrams", []string{"net.self.send.max_size=99"}, udp, 0, 0, 1000, 1000},
		{"large datagrams that come", []string{"net.self.recv.max_size=107"}, udp, 1000, 1000, 0, 0},
		{"not so large", []string{"net.self.send.max_size=100", "net.self.recv.max_size=108"}, udp, 1000, 1000, 1000, 1000},
		{"a collapse", []string{"net.self.weather.collapse_every_s=1", "net.self.weather.collapse_s=1"}, udp, 1000, 1000, 1000, 1000},
	} {
		with(t, c, x.settings...)
		sent, received := run(x.flow)
		if sent < x.sendLow || sent > x.sendHigh || received < x.receiveLow || received > x.receiveHigh {
			t.Errorf("%s: %d sent, %d received", x.name, sent, received)
		}
	}
	with(t, c, "rpc.value_changed.loss=100")
	if !c.LosesPush() {
		t.Error("a push gets through")
	}
	if got := c.Stats(); got.ValueChanged.Lost != 1 || got.Send.Lost == 0 || got.Recv.Lost == 0 || got.Send.Oversize == 0 || got.Capacity != 100 {
		t.Errorf("stats %+v", got)
	}
}

// A rate makes packets wait their turn; those that find the queue full are lost.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(rand.New(rand.NewPCG(1, 2)), nil)
		defer c.Close()
		w := &wires{start: time.Now()}
		s := c.Stack(w)
		with(t, c, "net.self.send.rate=1000", "net.self.send.queue_ms=1000")
		f := flow(wire.UDP, "192.0.2.1:5150")
		done := make(chan error)
		for range 30 {
			go func() { done <- s.SendFlow(t.Context(), f, make([]byte, 100), 0) }()
		}
		for range 30 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		// 100 ms each: those that begin within the first second pass.
		if w.sent != 11 || w.at[0] != 100*time.Millisecond || w.at[10] != 1100*time.Millisecond {
			t.Errorf("%d sent, at %v", w.sent, w.at)
		}
		if got := c.Stats().Send; got.Overflowed != 19 || got.Held != 11 {
			t.Errorf("stats %+v", got)
		}

		// A wait ends with its context, and with the node.
		with(t, c, "net.self.send.rate=1", "net.self.send.queue_ms=1000000")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.SendFlow(ctx, f, make([]byte, 100), 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait without end: %v", err)
		}
		go func() { done <- s.SendFlow(t.Context(), f, make([]byte, 100), 0) }()
		synctest.Wait()
		c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A packet that is too large stalls its connection, until that is closed.
func TestBlackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(rand.New(rand.NewPCG(1, 2)), nil)
		defer c.Close()
		w := &wires{}
		s := c.Stack(w)
		with(t, c, "net.self.send.max_size=1380", "net.stall_close_ms=70000")
		f, other := flow(wire.TCP, "192.0.2.1:5150"), flow(wire.TCP, "192.0.2.2:5150")
		for _, size := range []int{1000, 5000, 10} {
			if err := s.SendFlow(t.Context(), f, make([]byte, size), 0); err != nil {
				t.Error(err)
			}
		}
		if w.sent != 1 {
			t.Errorf("%d messages passed the hole", w.sent)
		}
		s.SendFlow(t.Context(), other, make([]byte, 10), 0)
		if w.sent != 2 {
			t.Error("another connection is stalled too")
		}
		time.Sleep(71 * time.Second)
		s.SendFlow(t.Context(), f, make([]byte, 10), 0)
		if len(w.closed) != 1 || w.closed[0] != f {
			t.Errorf("closed: %v", w.closed)
		}
	})
}

func TestSwitches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(rand.New(rand.NewPCG(1, 2)), nil)
		defer c.Close()
		w, in := &wires{}, &sink{}
		s, h := c.Stack(w), c.Handler(in)
		udp4, tcp6 := Selector{wire.UDP, wire.IPv4}, Selector{wire.TCP, wire.IPv6}
		c.Disable([]Selector{udp4, tcp6}, 0)
		if got := c.Disabled(); len(got) != 2 || got[0] != udp4 || got[1] != tcp6 || got[0].String() != "UDP/IPV4" {
			t.Errorf("disabled %v", got)
		}
		for addr, p := range map[string]wire.ProtocolType{"192.0.2.1:1": wire.UDP, "[2001:db8::1]:1": wire.WS} {
			di := wire.DialInfo{Protocol: p, Addr: netip.MustParseAddrPort(addr)}
			_, err := s.SendDialInfo(t.Context(), di, []byte("x"), transport.SendOptions{})
			once := s.SendOnce(t.Context(), di, []byte("x"))
			if !errors.Is(err, ErrDisabled) || !errors.Is(once, ErrDisabled) {
				t.Errorf("%v: %v %v", di, err, once)
			}
			h.HandleMessage(transport.Message{Flow: transport.Flow{Protocol: p, Remote: di.Addr}})
		}
		if err := s.Punch(t.Context(), netip.MustParseAddrPort("192.0.2.1:1"), 3); !errors.Is(err, ErrDisabled) {
			t.Errorf("punch: %v", err)
		}
		if err := s.SendFlow(t.Context(), flow(wire.TCP, "192.0.2.1:1"), nil, 0); err != nil || w.sent != 1 || in.received != 0 {
			t.Errorf("what is not disabled: %v; %d sent, %d received", err, w.sent, in.received)
		}
		c.Enable([]Selector{udp4, tcp6}, 0)
		c.Disable([]Selector{udp4}, 10*time.Second)
		time.Sleep(9 * time.Second)
		if len(c.Disabled()) != 1 {
			t.Error("turned back too early")
		}
		c.Disable([]Selector{udp4}, 10*time.Second) // begins anew
		time.Sleep(9 * time.Second)
		if len(c.Disabled()) != 1 {
			t.Error("turned back by the first timer")
		}
		time.Sleep(2 * time.Second)
		if got := c.Disabled(); got != nil {
			t.Errorf("not turned back: %v", got)
		}
		c.Enable([]Selector{tcp6}, time.Second)
		time.Sleep(2 * time.Second)
		if got := c.Disabled(); len(got) != 1 || got[0] != tcp6 {
			t.Errorf("not turned off again: %v", got)
		}
	})
}

// Weather takes capacity away, and collapses come and go.
func TestWeather(t *testing.T) {
	var s sky
	random := rand.New(rand.NewPCG(3, 4))
	w := &Weather{Drift: 50, DriftS: 10, CollapseEveryS: 600, CollapseS: 45, CollapseCut: 30, CollapseLoss: 85}
	least, most, collapsed := 100, 0, 0
	now := time.Unix(1e9, 0)
	const hours = 100
	for range hours * 3600 {
		now = now.Add(time.Second)
		capacity, loss, down := s.look(w, random, now)
		least, most = min(least, capacity), max(most, capacity)
		if down {
			collapsed++
		}
		if down != (loss == 85) {
			t.Fatalf("loss %d, collapsed %v", loss, down)
		}
	}
	if least < 50*70/100-1 || least > 40 || most != 100 {
		t.Errorf("capacity from %d to %d", least, most)
	}
	if n := s.happened(false); n < hours*4 || n > hours*7 || collapsed < int(n)*30 || collapsed > int(n)*60 {
		t.Errorf("%d collapses of %d s together", n, collapsed)
	}
	if capacity, loss, down := s.look(&Weather{}, random, now); capacity != 100 || loss != 0 || down {
		t.Errorf("without weather: %d %d %v", capacity, loss, down)
	}
}

func BenchmarkQuiet(b *testing.B) {
	c := New(rand.New(rand.NewPCG(1, 2)), nil)
	defer c.Close()
	s := c.Stack(&wires{})
	f := flow(wire.UDP, "192.0.2.1:5150")
	msg := make([]byte, 100)
	b.ReportAllocs()
	w := s.Links.(*wires)
	for b.Loop() {
		w.at = w.at[:0]
		if err := s.SendFlow(b.Context(), f, msg, 0); err != nil {
			b.Fatal(err)
		}
	}
}
