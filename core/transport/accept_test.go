package transport_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/wire"
)

const upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

const upgraded = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

// TestDetection is the table of spec 02 §5.1, with first flights in parts.
func TestDetection(t *testing.T) {
	const binary4 = "\x82\x84\x00\x00\x00\x00BOOT"
	for _, tt := range []struct {
		name   string
		writes []string // each arrives by itself
		msgs   []string
		answer string
		after  time.Duration // until the reset; 0: at once
		stays  bool
	}{
		{name: "frame", writes: []string{"VL\x04\x00BOOT"}, msgs: []string{"BOOT"}, stays: true},
		{name: "two frames", writes: []string{"VL\x04\x00BOOTVL\x04\x00B01T"}, msgs: []string{"BOOT", "B01T"}, stays: true},
		{name: "frame by the byte", writes: strings.Split("VL\x04\x00BOOT", ""), msgs: []string{"BOOT"}, stays: true},
		{name: "first segment of one byte", writes: []string{"V", "L\x04\x00BOOT"}, msgs: []string{"BOOT"}, stays: true},
		{name: "empty frame first", writes: []string{"VL\x00\x00", "VL\x04\x00BOOT"}, msgs: []string{"", "BOOT"}, stays: true},
		{name: "upgrade", writes: []string{upgrade, binary4}, msgs: []string{"BOOT"}, answer: upgraded, stays: true},
		{name: "upgrade and message at once", writes: []string{upgrade + binary4}, msgs: []string{"BOOT"}, answer: upgraded, stays: true},
		{name: "upgrade in two segments", writes: []string{upgrade[:60], upgrade[60:]}},
		{name: "other path", writes: []string{strings.Replace(upgrade, "/ws", "/", 1)}},
		{name: "too many headers", writes: []string{strings.Replace(upgrade, "\r\n", "\r\n"+strings.Repeat("A: b\r\n", 30), 1)}, answer: "HTTP/1.1 404 Not Found\r\n\r\n"},
		{name: "long header", writes: []string{strings.Replace(upgrade, "\r\n", "\r\nA: "+strings.Repeat("b", 600)+"\r\n", 1)}, answer: "HTTP/1.1 404 Not Found\r\n\r\n"},
		{name: "TLS", writes: []string{"\x16\x03\x01"}},
		{name: "garbage", writes: []string{"XY"}},
		{name: "half a magic, then garbage", writes: []string{"V", "X"}},
		{name: "nothing", after: 5 * time.Second},
		{name: "one byte", writes: []string{"V"}, after: 5 * time.Second},
		{name: "one byte of a request", writes: []string{"G"}, after: 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := network(t)
				a, h := start(t, host(t, n, "44.0.0.1")), host(t, n, "44.0.0.2")
				s := raw(t, h, a.at(wire.TCP))
				for _, w := range tt.writes {
					s.Write([]byte(w)) // may be reset meanwhile
					time.Sleep(100 * time.Millisecond)
				}
				for _, want := range tt.msgs {
					check(t, "message", a.message(t).text, want)
				}
				check(t, "connections", len(a.Connections()) == 1, tt.stays)
				if tt.stays {
					s.SetReadDeadline(time.Now().Add(time.Second))
					got := make([]byte, 1000)
					k, _ := s.Read(got)
					check(t, "answer", string(got[:k]), tt.answer)
					return
				}
				began := time.Now()
				got, _, err := drainRaw(t, s)
				check(t, "answer", string(got), tt.answer)
				if !errors.Is(err, memory.ErrReset) && tt.answer == "" {
					t.Errorf("ended by %v, want a reset", err)
				}
				if late := time.Since(began) - tt.after; late > 50*time.Millisecond || late < -150*time.Millisecond {
					t.Errorf("ended after %v, want %v", time.Since(began), tt.after)
				}
				// Whoever only says something strange at the door is not punished (spec 02 §3).
				check(t, "punished", a.Filter().IPPunished(netip.MustParseAddr("44.0.0.2"), time.Now()), false)
			})
		})
	}
}

// TestFaults: what ends an accepted connection, what it costs, what is said.
func TestFaults(t *testing.T) {
	for _, tt := range []struct {
		name     string
		first    string
		then     string
		answer   string
		reason   transport.CloseReason
		punished bool
	}{
		{"bad magic", "VL\x04\x00BOOT", "XX\x04\x00BOOT", "", transport.ClosedFraming, true},
		{"too long", "VL\x04\x00BOOT", "VL\xff\xff", "", transport.ClosedFraming, true},
		{"ping", upgrade, "\x89\x82\x00\x00\x00\x00hi", upgraded + "\x88\x00\x8a\x02hi", transport.ClosedWebSocket, false},
		{"pong", upgrade, "\x8a\x80\x00\x00\x00\x00", upgraded + "\x88\x00", transport.ClosedWebSocket, false},
		{"text", upgrade, "\x81\x82\x00\x00\x00\x00hi", upgraded + "\x88\x00", transport.ClosedWebSocket, false},
		{"close", upgrade, "\x88\x82\x00\x00\x00\x00\x03\xe8", upgraded + "\x88\x02\x03\xe8", transport.ClosedWebSocket, false},
		{"unmasked", upgrade, "\x82\x04BOOT", upgraded + "\x88\x00", transport.ClosedFraming, true},
		{"oversized", upgrade, "\x82\xff\x00\x00\x00\x00\x00\x00\xff\xe4", upgraded + "\x88\x00", transport.ClosedFraming, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := network(t)
				a, h := start(t, host(t, n, "44.0.0.1")), host(t, n, "44.0.0.2")
				s := raw(t, h, a.at(wire.TCP))
				s.Write([]byte(tt.first))
				time.Sleep(time.Second)
				s.Write([]byte(tt.then))
				got, after, err := drainRaw(t, s)
				check(t, "answer", string(got), tt.answer)
				check(t, "after", after, 40*time.Millisecond) // one round trip
				if !errors.Is(err, memory.ErrReset) {
					t.Errorf("ended by %v, want a reset", err)
				}
				c := a.closing(t)
				check(t, "reason", c.Reason, tt.reason)
				check(t, "inbound", c.Inbound, true)
				check(t, "punished", a.Filter().IPPunished(netip.MustParseAddr("44.0.0.2"), time.Now()), tt.punished)
				check(t, "connections", len(a.Connections()), 0)
				if tt.punished {
					again := raw(t, h, a.at(wire.TCP))
					if _, after, err := drainRaw(t, again); !errors.Is(err, memory.ErrReset) || after > 50*time.Millisecond {
						t.Errorf("a punished address connects: %v after %v", err, after)
					}
				}
			})
		})
	}
}

// TestOutboundFaultIsNotPunished (spec 02 §7.2).
func TestOutboundFaultIsNotPunished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, h := start(t, host(t, n, "44.0.0.1")), host(t, n, "44.0.0.2")
		l, err := h.ListenTCP(t.Context(), netip.MustParseAddrPort("0.0.0.0:5150"), transport.SocketOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		send(t, a, wire.DialInfo{Protocol: wire.TCP, Addr: netip.MustParseAddrPort("44.0.0.2:5150")}, strings.Repeat("e", 200))
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		// The first flight is one whole frame (spec 02 §5.2).
		buf := make([]byte, 1000)
		if k, err := s.Read(buf); k != 204 || err != nil || string(buf[:4]) != "VL\xc8\x00" {
			t.Errorf("first read: %d bytes, %v", k, err)
		}
		s.Write([]byte("HTTP/1.1 400"))
		c := a.closing(t)
		check(t, "reason", c.Reason, transport.ClosedFraming)
		check(t, "inbound", c.Inbound, false)
		check(t, "punished", a.Filter().IPPunished(netip.MustParseAddr("44.0.0.2"), time.Now()), false)
	})
}

// TestHalfFrames: a connection lost inside a frame is nobody's fault, and one
// that never finishes a frame is idle, however busy.
func TestHalfFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, h := start(t, host(t, n, "44.0.0.1")), host(t, n, "44.0.0.2")
		s := raw(t, h, a.at(wire.TCP))
		s.Write([]byte("VL\x04\x00BO"))
		time.Sleep(time.Second)
		s.Close()
		c := a.closing(t)
		check(t, "reason", c.Reason, transport.ClosedRemote)
		check(t, "punished", a.Filter().IPPunished(netip.MustParseAddr("44.0.0.2"), time.Now()), false)

		slow := raw(t, h, a.at(wire.TCP))
		slow.Write([]byte("VL\xff\x7f"))
		began := time.Now()
		for len(a.closed) == 0 && time.Since(began) < 2*time.Minute {
			slow.Write([]byte{0})
			time.Sleep(time.Second)
		}
		c = a.closing(t)
		check(t, "reason", c.Reason, transport.ClosedIdle)
		check(t, "life", c.Lived.Round(time.Second), 60*time.Second)
		check(t, "messages", len(a.messages), 0)
	})
}

// TestReconnect: a peer that opens its connection again from the same port is let
// in, though the handler still holds the old one.
func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, h := start(t, host(t, n, "44.0.0.1")), host(t, n, "44.0.0.2")
		busy := make(chan struct{})
		a.on(func(m transport.Message) {
			if string(m.Data) == "one" {
				<-busy
			}
		})
		from := transport.DialOptions{Local: netip.MustParseAddrPort("44.0.0.2:5150")}
		for _, msg := range []string{"one", "two"} {
			s, err := h.DialTCP(t.Context(), a.at(wire.TCP).Addr, from)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.Write([]byte("VL\x03\x00" + msg))
			time.Sleep(time.Second)
			if msg == "one" {
				s.Close()
			}
		}
		check(t, "message", a.message(t).text, "two")
		check(t, "connections", len(a.Connections()), 1)
		check(t, "counted", a.Filter().Snapshot(time.Now()).Loads[0].Connections, 1)
		close(busy)
		check(t, "message", a.message(t).text, "one")
		check(t, "reason", a.closing(t).Reason, transport.ClosedRemote)
		check(t, "connections", len(a.Connections()), 1)
	})
}

// TestPunishedLater: a connection of an address that becomes punished ends with
// its next message, which is not delivered (spec 02 §6.2).
func TestPunishedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		send(t, b, a.at(wire.TCP), "1")
		send(t, b, a.at(wire.UDP), "2")
		a.message(t)
		a.message(t)
		a.Filter().PunishIP(b.addr, transport.ShortPacket, time.Now())
		time.Sleep(time.Second)
		check(t, "connections", len(a.Connections()), 1)
		send(t, b, a.at(wire.TCP), "3")
		send(t, b, a.at(wire.UDP), "4")
		check(t, "reason", a.closing(t).Reason, transport.ClosedPunished)
		time.Sleep(time.Second)
		check(t, "messages", len(a.messages), 0)
		check(t, "ignored", a.Stats().DatagramsIgnored, uint64(1))
	})
}

// hostN adds a host with the i-th address.
func hostN(t *testing.T, n *memory.Network, i int) *memory.Host {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 0x2c010000+uint32(i))
	return host(t, n, netip.AddrFrom4(b).String())
}

func TestSilentClientsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, h := start(t, host(t, n, "44.0.0.1")), host(t, n, "44.0.0.2")
		for range transport.MaxConnectionsPerBlock + 10 {
			raw(t, h, a.at(wire.TCP))
		}
		time.Sleep(time.Second)
		check(t, "refused at once", a.Stats().AcceptsRefused, uint64(10))
		other := raw(t, host(t, n, "44.0.0.3"), a.at(wire.TCP))
		other.Write([]byte("VL\x04\x00BOOT"))
		check(t, "another block", a.message(t).text, "BOOT")
		time.Sleep(5 * time.Second)
		check(t, "refused in the end", a.Stats().AcceptsRefused, uint64(10+transport.MaxConnectionsPerBlock))
	})
}

func TestBlockLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a := start(t, host(t, n, "44.0.0.1"), func(c *transport.Config) { c.MaxConnections = 500 })
		h := host(t, n, "44.0.0.2")
		dial := func() transport.Stream {
			s := raw(t, h, a.at(wire.TCP))
			s.Write([]byte("VL\x00\x00"))
			time.Sleep(50 * time.Millisecond)
			return s
		}
		var last transport.Stream
		for range transport.MaxConnectionsPerBlock + 3 {
			last = dial()
		}
		check(t, "connections", len(a.Connections()), transport.MaxConnectionsPerBlock)
		if _, _, err := drainRaw(t, last); !errors.Is(err, memory.ErrReset) {
			t.Errorf("beyond the limit: %v", err)
		}
		// From our side too.
		b := start(t, h)
		if _, err := a.SendDialInfo(t.Context(), b.at(wire.TCP), nil, transport.SendOptions{}); !errors.Is(err, transport.ErrLimit) {
			t.Errorf("dial beyond the limit: %v", err)
		}
		a.CloseAll()
		for range 200 {
			dial().Close()
			time.Sleep(50 * time.Millisecond)
		}
		check(t, "rate", a.Filter().Snapshot(time.Now()).Loads[0].Rate, transport.MaxRatePerBlock)
		check(t, "punished", a.Filter().IPPunished(h.Addrs()[0], time.Now()), false)
		if _, err := a.SendDialInfo(t.Context(), b.at(wire.TCP), nil, transport.SendOptions{}); !errors.Is(err, transport.ErrRate) {
			t.Errorf("dial beyond the rate: %v", err)
		}
	})
}

func TestEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		const limit = 8 // of these 2 may have priority
		a := start(t, host(t, n, "44.0.0.1"), func(c *transport.Config) { c.MaxConnections = limit })
		peers := make([]node, limit+7)
		for i := range peers {
			peers[i] = start(t, hostN(t, n, i))
		}
		var flows []transport.Flow
		connect := func(i int) {
			flows = append(flows, send(t, a, peers[i].at(wire.TCP), fmt.Sprint(i)))
			time.Sleep(time.Second)
		}
		for i := range limit {
			connect(i)
		}
		evicted := func(i int) {
			t.Helper()
			c := a.closing(t)
			check(t, "reason", c.Reason, transport.ClosedEvicted)
			check(t, "who", c.Flow, flows[i])
		}
		for _, i := range []int{7, 0, 1} { // the third puts the first out of the set
			a.Prioritize(flows[i])
		}
		release := a.Hold(flows[2])
		a.SetProtected(func(x netip.Addr) bool { return x == peers[3].addr })
		send(t, a, peers[4].at(wire.TCP), "used again")
		connect(8)
		evicted(5)
		connect(9)
		evicted(6)
		connect(10)
		evicted(7)
		connect(11)
		evicted(4)
		release()
		release()
		connect(12)
		evicted(2)
		for _, i := range []int{8, 9, 10, 11, 12} {
			a.Hold(flows[i])
		}
		if _, err := a.SendDialInfo(t.Context(), peers[13].at(wire.TCP), nil, transport.SendOptions{}); !errors.Is(err, transport.ErrTableFull) {
			t.Errorf("nobody can go: %v", err)
		}
		check(t, "connections", len(a.Connections()), limit)
		check(t, "evicted", a.Stats().ConnectionsEvicted, uint64(5))
		// What was counted for the refused one is given back.
		for _, l := range a.Filter().Snapshot(time.Now()).Loads {
			if l.Block == peers[13].addr && l.Connections != 0 {
				t.Errorf("%d connections are counted for the refused one", l.Connections)
			}
		}
	})
}

func TestInterfaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		h, err := n.Host(memory.HostConfig{Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("44.0.0.1")}, Link: delayed})
		if err != nil {
			t.Fatal(err)
		}
		a, b := start(t, h), start(t, host(t, n, "44.0.0.2"))
		global := netip.MustParseAddr("44.0.0.1")
		a.SetInterfaces(t.Context(), h.Addrs(), global, netip.Addr{})
		for _, p := range protocols[:2] {
			flow := send(t, a, b.at(p), "x")
			want := netip.AddrPortFrom(global, 5150)
			check(t, "local", flow.Local, want)
			m := b.message(t)
			check(t, "remote at b", m.Flow.Remote, want)
			if err := b.SendFlow(t.Context(), m.Flow, []byte("y"), 0); err != nil {
				t.Fatal(err)
			}
			check(t, "flow of the answer", a.message(t).Flow, flow)
		}
		check(t, "bound", len(a.BoundAddrs()), 4)
		a.SetInterfaces(t.Context(), h.Addrs()[:1], netip.Addr{}, netip.Addr{})
		check(t, "reason", a.closing(t).Reason, transport.ClosedAddress)
		check(t, "bound", len(a.BoundAddrs()), 3)
	})
}

func TestListen(t *testing.T) {
	parse := func(s string) transport.Listen {
		l, err := transport.ParseListen(s, func(string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("44.0.0.1"), netip.MustParseAddr("2a0f::1")}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, tt := range []struct {
		name  string
		taken []string // TCP ports of others
		tcp   string
		ws    string
		types wire.AddressSet
		want  string
		err   error
	}{
		{name: "default", want: "TCP 0.0.0.0:5150, TCP [::]:5150, WS 0.0.0.0:5150, WS [::]:5150"},
		{name: "next port for both families", taken: []string{"[::]:5150"}, want: "TCP 0.0.0.0:5151, TCP [::]:5151, WS 0.0.0.0:5151, WS [::]:5151"},
		{name: "IPv4 only", types: wire.Addresses(wire.IPv4), want: "TCP 0.0.0.0:5150, WS 0.0.0.0:5150"},
		{name: "fixed port", tcp: ":7000", ws: "7001", want: "TCP 0.0.0.0:7000, TCP [::]:7000, WS 0.0.0.0:7001, WS [::]:7001"},
		{name: "fixed port taken", taken: []string{"44.0.0.1:7000"}, tcp: ":7000", err: transport.ErrAddrInUse},
		{name: "port 0 searches", taken: []string{"0.0.0.0:5150"}, tcp: ":0", ws: "0", want: "TCP 0.0.0.0:5151, TCP [::]:5151, WS 0.0.0.0:5151, WS [::]:5151"},
		{name: "host", tcp: "44.0.0.1", ws: "44.0.0.1:5150", want: "TCP 44.0.0.1:5150, WS 44.0.0.1:5150"},
		{name: "name", tcp: "example.net:6000", ws: "[2a0f::1]:6000", want: "TCP 44.0.0.1:6000, TCP [2a0f::1]:6000, WS [2a0f::1]:6000"},
		{name: "IPv6 literal", tcp: "2a0f::1", ws: "[2a0f::1]", want: "TCP [2a0f::1]:5150, WS [2a0f::1]:5150"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := network(t)
				h, err := n.Host(memory.HostConfig{Addrs: []netip.Addr{netip.MustParseAddr("44.0.0.1"), netip.MustParseAddr("2a0f::1")}})
				if err != nil {
					t.Fatal(err)
				}
				for _, a := range tt.taken {
					l, err := h.ListenTCP(t.Context(), netip.MustParseAddrPort(a), transport.SocketOptions{})
					if err != nil {
						t.Fatal(err)
					}
					defer l.Close()
				}
				s, err := transport.New(transport.Config{Host: h, Handler: newRecorder()})
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				err = s.Listen(t.Context(), transport.ListenConfig{TCP: parse(tt.tcp), WS: parse(tt.ws), AddressTypes: tt.types})
				if !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				var got []string
				for _, b := range s.BoundAddrs() {
					got = append(got, fmt.Sprint(b.Protocol, " ", b.Addr))
				}
				check(t, "bound", strings.Join(got, ", "), tt.want)
			})
		})
	}
	for _, bad := range []string{"host:x", ":70000", "host:-1"} {
		if l, err := transport.ParseListen(bad, func(string) ([]netip.Addr, error) { return nil, nil }); err == nil {
			t.Errorf("%q: %+v", bad, l)
		}
	}
}

// TestWrapAround: a search that passes 65535 goes on at 1024 (spec 02 §5.3).
func TestWrapAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		h := host(t, n, "44.0.0.1")
		a := netip.MustParseAddr("44.0.0.1")
		for port := 5150; port <= 65535; port++ {
			pc, err := h.ListenUDP(t.Context(), netip.AddrPortFrom(a, uint16(port)), transport.SocketOptions{Join: true})
			if err != nil {
				t.Fatal(err)
			}
			defer pc.Close()
		}
		s, err := transport.New(transport.Config{Host: h, Handler: newRecorder()})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		l := transport.Listen{Enabled: true, Addrs: []netip.AddrPort{netip.AddrPortFrom(a, 0)}}
		if err := s.Listen(t.Context(), transport.ListenConfig{UDP: l}); err != nil {
			t.Fatal(err)
		}
		check(t, "port", s.BoundAddrs()[0].Addr.Port(), uint16(1024))
	})
}
