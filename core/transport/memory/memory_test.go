package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func network(t *testing.T, seed uint64) *Network {
	n := New(seed)
	t.Cleanup(n.Close)
	return n
}

func host(t *testing.T, n *Network, c HostConfig, addrs ...string) *Host {
	t.Helper()
	for _, a := range addrs {
		c.Addrs = append(c.Addrs, netip.MustParseAddr(a))
	}
	h, err := n.Host(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func listen(t *testing.T, h *Host, a string) transport.PacketConn {
	t.Helper()
	p, err := h.ListenUDP(t.Context(), netip.MustParseAddrPort(a), transport.SocketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func write(t *testing.T, p transport.PacketConn, msg, to string) {
	t.Helper()
	if err := p.Write([]byte(msg), len(msg), netip.MustParseAddrPort(to)); err != nil {
		t.Fatal(err)
	}
}

// read gives what came and from where, or "" after a second without anything.
func read(t *testing.T, p transport.PacketConn) (msg, from string) {
	t.Helper()
	buf := make([]byte, 2000)
	p.SetReadDeadline(time.Now().Add(time.Second))
	n, _, a, err := p.Read(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n]), a.String()
}

func expect(t *testing.T, what string, p transport.PacketConn, msg, from string) {
	t.Helper()
	if m, f := read(t, p); m != msg || f != from {
		t.Errorf("%s: got %q from %q, want %q from %q", what, m, f, msg, from)
	}
}

// TestNAT runs the usual experiment with each kind: a host inside writes to one
// server, and others try the address that the server saw.
func TestNAT(t *testing.T) {
	for _, tt := range []struct {
		name                      string
		kind                      NATKind
		samePort, otherPort, host bool // what passes: the server, another port of it, another host
		sameMapping               bool // towards another server
	}{
		{"full cone", FullCone, true, true, true, true},
		{"address restricted", AddressRestricted, true, true, false, true},
		{"port restricted", PortRestricted, true, false, false, true},
		{"symmetric", Symmetric, true, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := network(t, 1)
				nat, err := n.NAT(NATConfig{Kind: tt.kind, Public: netip.MustParseAddr("44.0.0.1")})
				if err != nil {
					t.Fatal(err)
				}
				in := listen(t, host(t, n, HostConfig{NAT: nat}, "10.0.0.2"), "0.0.0.0:5150")
				h := host(t, n, HostConfig{}, "44.0.0.7")
				server, second := listen(t, h, "0.0.0.0:1"), listen(t, h, "0.0.0.0:2")
				other := listen(t, host(t, n, HostConfig{}, "44.0.0.8"), "0.0.0.0:1")

				write(t, server, "early", "44.0.0.1:5150")
				expect(t, "unsolicited", in, "", "")
				write(t, in, "out", "44.0.0.7:1")
				_, seen := read(t, server)
				if kept := seen == "44.0.0.1:5150"; kept != (tt.kind != Symmetric) {
					t.Errorf("seen as %s", seen)
				}
				for _, x := range []struct {
					from   transport.PacketConn
					name   string
					passes bool
				}{{server, "44.0.0.7:1", tt.samePort}, {second, "44.0.0.7:2", tt.otherPort}, {other, "44.0.0.8:1", tt.host}} {
					write(t, x.from, "in", seen)
					if m, f := read(t, in); (m == "in" && f == x.name) != x.passes {
						t.Errorf("from %s: %q from %q; passes: want %v", x.name, m, f, x.passes)
					}
				}
				write(t, in, "out", "44.0.0.8:1")
				if _, seen2 := read(t, other); (seen2 == seen) != tt.sameMapping {
					t.Errorf("seen as %s and %s", seen, seen2)
				}
				// Traffic keeps the mapping, silence ends it.
				for range 5 {
					time.Sleep(20 * time.Second)
					write(t, in, "keep", "44.0.0.7:1")
					read(t, server)
				}
				write(t, server, "in", seen)
				expect(t, "kept alive", in, "in", "44.0.0.7:1")
				time.Sleep(30 * time.Second)
				write(t, server, "in", seen)
				expect(t, "after the timeout", in, "", "")
			})
		})
	}
}

// TestPunch: two hosts behind port restricted translators reach each other once
// both have sent, also with a time to live that ends between them.
func TestPunch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1)
		var in []transport.PacketConn
		for i := range 2 {
			nat, err := n.NAT(NATConfig{Kind: PortRestricted, Public: netip.MustParseAddr(fmt.Sprintf("44.0.0.%d", i+1))})
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, listen(t, host(t, n, HostConfig{NAT: nat}, "10.0.0.2"), "0.0.0.0:5150"))
		}
		for i, ttl := range []int{3, 8} {
			to := netip.MustParseAddrPort(fmt.Sprintf("44.0.0.%d:5150", 2-i))
			if err := in[i].WriteTTL(nil, to, ttl); err != nil {
				t.Fatal(err)
			}
			expect(t, "the punch itself", in[1-i], "", "")
		}
		write(t, in[0], "a", "44.0.0.2:5150")
		expect(t, "through", in[1], "a", "44.0.0.1:5150")
		write(t, in[1], "b", "44.0.0.1:5150")
		expect(t, "and back", in[0], "b", "44.0.0.2:5150")
	})
}

func TestForwardHairpinAndLAN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1)
		for i, hairpin := range []bool{false, true} {
			public := fmt.Sprintf("44.0.0.%d", i+1)
			nat, err := n.NAT(NATConfig{Kind: PortRestricted, Public: netip.MustParseAddr(public), Hairpin: hairpin})
			if err != nil {
				t.Fatal(err)
			}
			a := listen(t, host(t, n, HostConfig{NAT: nat}, "10.0.0.2"), "0.0.0.0:5150")
			b := listen(t, host(t, n, HostConfig{NAT: nat}, "10.0.0.3"), "0.0.0.0:5150")
			out := listen(t, host(t, n, HostConfig{}, "44.0.1."+fmt.Sprint(i)), "0.0.0.0:9")
			write(t, a, "lan", "10.0.0.3:5150")
			expect(t, "LAN", b, "lan", "10.0.0.2:5150")
			if err := nat.Forward(6000, netip.MustParseAddrPort("10.0.0.2:5150")); err != nil {
				t.Fatal(err)
			}
			if nat.Forward(6000, netip.MustParseAddrPort("10.0.0.3:5150")) == nil {
				t.Error("a port was forwarded twice")
			}
			nat.Reset()
			time.Sleep(time.Hour)
			write(t, out, "in", public+":6000")
			expect(t, "forwarded", a, "in", "44.0.1."+fmt.Sprint(i)+":9")
			write(t, a, "out", "44.0.1."+fmt.Sprint(i)+":9")
			expect(t, "answer leaves from the forwarded port", out, "out", public+":6000")
			write(t, b, "hairpin", public+":6000")
			if hairpin {
				expect(t, "hairpin", a, "hairpin", public+":5150")
			} else {
				expect(t, "no hairpin", a, "", "")
			}
		}
	})
}

func TestFirewalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1)
		fh := host(t, n, HostConfig{Firewall: Stateful}, "44.0.0.1")
		guarded := listen(t, fh, "0.0.0.0:1")
		noUDP := listen(t, host(t, n, HostConfig{BlockUDP: true}, "44.0.0.2"), "0.0.0.0:1")
		oh := host(t, n, HostConfig{}, "44.0.0.3")
		open := listen(t, oh, "0.0.0.0:1")
		write(t, open, "x", "44.0.0.1:1")
		expect(t, "unsolicited", guarded, "", "")
		write(t, guarded, "x", "44.0.0.3:1")
		expect(t, "out", open, "x", "44.0.0.1:1")
		write(t, open, "y", "44.0.0.1:1")
		expect(t, "answer", guarded, "y", "44.0.0.3:1")
		write(t, noUDP, "x", "44.0.0.3:1")
		expect(t, "UDP out", open, "", "")
		write(t, open, "x", "44.0.0.2:1")
		expect(t, "UDP in", noUDP, "", "")

		for _, h := range []*Host{fh, oh} {
			l, err := h.ListenTCP(t.Context(), netip.MustParseAddrPort("0.0.0.0:80"), transport.SocketOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := oh.DialTCP(ctx, netip.MustParseAddrPort("44.0.0.1:80"), transport.DialOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("TCP through the firewall: %v", err)
		}
		s, err := fh.DialTCP(t.Context(), netip.MustParseAddrPort("44.0.0.3:80"), transport.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
	})
}

func TestLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1)
		link := Link{Latency: 20 * time.Millisecond, MTU: 1300}
		ah := host(t, n, HostConfig{Link: link}, "44.0.0.1", "2a0f::1")
		bh := host(t, n, HostConfig{Link: Link{Latency: 10 * time.Millisecond}}, "44.0.0.2", "2a0f::2")
		a, b := listen(t, ah, "0.0.0.0:1"), listen(t, bh, "0.0.0.0:1")
		began := time.Now()
		write(t, a, "x", "44.0.0.2:1")
		expect(t, "latency", b, "x", "44.0.0.1:1")
		if d := time.Since(began); d != 30*time.Millisecond {
			t.Errorf("took %v", d)
		}
		for size, passes := range map[int]bool{1272: true, 1273: false} {
			write(t, b, string(make([]byte, size)), "44.0.0.1:1")
			if m, _ := read(t, a); (len(m) == size) != passes {
				t.Errorf("IPv4 datagram of %d: %d came", size, len(m))
			}
		}
		a6, b6 := listen(t, ah, "[::]:1"), listen(t, bh, "[::]:1")
		for size, passes := range map[int]bool{1252: true, 1253: false} {
			write(t, b6, string(make([]byte, size)), "[2a0f::1]:1")
			if m, _ := read(t, a6); (len(m) == size) != passes {
				t.Errorf("IPv6 datagram of %d: %d came", size, len(m))
			}
		}
		ah.SetLink(Link{Rate: 10_000})
		began = time.Now()
		for range 5 {
			write(t, a, string(make([]byte, 972)), "44.0.0.2:1") // 1000 with headers
		}
		for range 5 {
			read(t, b)
		}
		if d := time.Since(began); d != 510*time.Millisecond {
			t.Errorf("five datagrams of 100 ms took %v", d)
		}
		n.Partition(ah)
		write(t, a, "x", "44.0.0.2:1")
		expect(t, "partition", b, "", "")
		n.Heal()
		write(t, a, "y", "44.0.0.2:1")
		expect(t, "healed", b, "y", "44.0.0.1:1")
		bh.SetDown(true)
		write(t, a, "x", "44.0.0.2:1")
		expect(t, "down", b, "", "")
	})
}

// TestLossRepeats: which packets are lost depends on the seed alone.
func TestLossRepeats(t *testing.T) {
	run := func(seed uint64) (got []byte) {
		synctest.Test(t, func(t *testing.T) {
			n := network(t, seed)
			a := listen(t, host(t, n, HostConfig{Link: Link{Loss: 0.3, Jitter: time.Millisecond}}, "44.0.0.1"), "0.0.0.0:1")
			b := listen(t, host(t, n, HostConfig{}, "44.0.0.2"), "0.0.0.0:1")
			for i := range 250 {
				write(t, a, string([]byte{byte(i)}), "44.0.0.2:1")
			}
			for {
				m, _ := read(t, b)
				if m == "" {
					return
				}
				got = append(got, m...)
			}
		})
		return got
	}
	one, again, other := run(1), run(1), run(2)
	if !bytes.Equal(one, again) {
		t.Error("the same seed gives another run")
	}
	if bytes.Equal(one, other) {
		t.Error("another seed gives the same run")
	}
	if len(one) < 150 || len(one) > 200 {
		t.Errorf("%d of 250 arrived", len(one))
	}
	if slices.IsSorted(one) {
		t.Error("jitter reorders nothing")
	}
}

// pipe connects two hosts.
func pipe(t *testing.T, a, b *Host) (client, server transport.Stream) {
	t.Helper()
	to := netip.AddrPortFrom(b.Addrs()[0], 80)
	l, err := b.ListenTCP(t.Context(), to, transport.SocketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err = a.DialTCP(t.Context(), to, transport.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 3)
		link := Link{Latency: 10 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.05}
		a, b := host(t, n, HostConfig{Link: link}, "44.0.0.1"), host(t, n, HostConfig{Link: link}, "44.0.0.2")
		c, s := pipe(t, a, b)
		if c.LocalAddr().String() != s.RemoteAddr().String() || c.RemoteAddr().String() != s.LocalAddr().String() {
			t.Errorf("addresses %v %v %v %v", c.LocalAddr(), c.RemoteAddr(), s.LocalAddr(), s.RemoteAddr())
		}
		want := make([]byte, 1<<20)
		for i := range want {
			want[i] = byte(i * i >> 8)
		}
		go func() {
			for rest := want; len(rest) > 0; {
				k := min(len(rest), 10_000)
				if _, err := c.Write(rest[:k]); err != nil {
					t.Errorf("write: %v", err)
				}
				rest = rest[k:]
			}
			c.CloseWrite()
		}()
		got, err := io.ReadAll(s)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		s.Write([]byte("bye"))
		s.Close()
		got, err = io.ReadAll(c)
		if string(got) != "bye" || !errors.Is(err, ErrReset) {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, ErrReset) {
			t.Errorf("write after a reset: %v", err)
		}
		if _, err := s.Read(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	})
}

func TestStreamWindowAndDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t, 1)
		a, b := host(t, n, HostConfig{}, "44.0.0.1"), host(t, n, HostConfig{}, "44.0.0.2")
		c, s := pipe(t, a, b)
		c.SetWriteDeadline(time.Now().Add(time.Second))
		k, err := c.Write(make([]byte, 2*window))
		if k != window || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d, %v", k, err)
		}
		c.SetWriteDeadline(time.Time{})
		done := make(chan error)
		go func() {
			_, err := c.Write(make([]byte, 2*window))
			done <- err
		}()
		time.Sleep(time.Second)
		if _, err := io.ReadFull(s, make([]byte, window+1)); err != nil {
			t.Error(err)
		}
		s.Close()
		if err := <-done; !errors.Is(err, ErrReset) {
			t.Errorf("write that waits when the stream is reset: %v", err)
		}
		began := time.Now()
		c, s = pipe(t, a, b)
		c.SetReadDeadline(began.Add(time.Minute))
		go func() {
			time.Sleep(time.Second)
			c.SetReadDeadline(time.Now().Add(time.Second)) // earlier, while a Read waits
		}()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		c.SetReadDeadline(time.Time{})
		n.Partition(a)
		s.Write([]byte("late"))
		time.Sleep(10 * time.Second)
		n.Heal()
		if k, err := c.Read(make([]byte, 10)); k != 4 || err != nil {
			t.Errorf("after a partition: %d, %v", k, err)
		}
	})
}

func TestBind(t *testing.T) {
	n := network(t, 1)
	h := host(t, n, HostConfig{}, "44.0.0.1")
	a, any := netip.MustParseAddrPort("44.0.0.1:5150"), netip.MustParseAddrPort("0.0.0.0:5150")
	listen(t, h, "0.0.0.0:5150")
	if _, err := h.ListenUDP(t.Context(), any, transport.SocketOptions{Shared: true}); !errors.Is(err, transport.ErrAddrInUse) {
		t.Errorf("twice: %v", err)
	}
	if _, err := h.ListenUDP(t.Context(), a, transport.SocketOptions{}); !errors.Is(err, transport.ErrAddrInUse) {
		t.Errorf("beside the unspecified one: %v", err)
	}
	p, err := h.ListenUDP(t.Context(), a, transport.SocketOptions{Shared: true, Join: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	p.Close()
	if err := p.Write(nil, 0, a); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write on a closed socket: %v", err)
	}
	if _, err := h.ListenUDP(t.Context(), netip.MustParseAddrPort("[::]:5150"), transport.SocketOptions{}); !errors.Is(err, transport.ErrUnsupported) {
		t.Errorf("family: %v", err)
	}
	if _, err := h.ListenUDP(t.Context(), netip.MustParseAddrPort("44.0.0.2:5150"), transport.SocketOptions{}); err == nil {
		t.Error("bound to an address of nobody")
	}
	if _, err := n.Host(HostConfig{Addrs: []netip.Addr{a.Addr()}}); err == nil {
		t.Error("one address for two hosts")
	}
}
