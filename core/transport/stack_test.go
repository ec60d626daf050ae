package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/memory"
	"github.com/voile-net/voile/core/wire"
)

var protocols = []wire.ProtocolType{wire.UDP, wire.TCP, wire.WS}

func TestSendBothWays(t *testing.T) {
	for _, p := range protocols {
		for _, size := range []int{0, 1, 200, 1192, 1193, 5000, 65535 - 28, transport.MaxMessage} {
			t.Run(fmt.Sprint(p, size), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := network(t)
					a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
					b.on(func(m transport.Message) {
						if err := b.SendFlow(t.Context(), m.Flow, m.Data, 0); err != nil {
							t.Errorf("answer: %v", err)
						}
					})
					msg := strings.Repeat("m", size)
					flow := send(t, a, b.at(p), msg)
					m := b.message(t)
					check(t, "at b", m.text == msg, true)
					check(t, "inbound", m.Inbound, p != wire.UDP)
					check(t, "protocol", m.Flow.Protocol, p)
					// The peer sees our dial info: the source port is the port we listen on.
					check(t, "remote of b", m.Flow.Remote, netip.MustParseAddrPort("44.0.0.1:5150"))
					datagram := 0
					if p == wire.UDP && size > 0 && size <= 1192 {
						datagram = size + 8
					}
					check(t, "datagram", m.Datagram, datagram)
					m = a.message(t)
					check(t, "at a", m.text == msg, true)
					check(t, "flow of a", m.Flow, flow)
					check(t, "inbound at a", m.Inbound, false)
					check(t, "alive", a.Alive(flow), true)
					check(t, "alive without local", a.Alive(transport.Flow{Protocol: p, Remote: flow.Remote}), true)
				})
			})
		}
	}
}

func TestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		punished := wire.DialInfo{Protocol: wire.TCP, Addr: netip.MustParseAddrPort("44.0.0.3:5150")}
		a.Filter().PunishIP(punished.Addr.Addr(), transport.Manual, time.Now())
		a.SetOwnAddrs([]netip.AddrPort{netip.MustParseAddrPort("[::ffff:44.0.0.1]:5150")})
		for _, tt := range []struct {
			name string
			di   wire.DialInfo
			size int
			want error
		}{
			{"too large", b.at(wire.TCP), transport.MaxMessage + 1, transport.ErrTooLarge},
			{"punished", punished, 1, transport.ErrPunished},
			{"self", a.at(wire.TCP), 1, transport.ErrSelf},
			{"self by UDP", a.at(wire.UDP), 1, transport.ErrSelf},
			{"port 0", b.dialInfo(wire.TCP, 0), 1, transport.ErrAddress},
			{"unspecified", wire.DialInfo{Protocol: wire.UDP, Addr: netip.MustParseAddrPort("0.0.0.0:5150")}, 1, transport.ErrAddress},
			{"WSS", b.at(wire.WSS), 1, transport.ErrUnsupported},
			{"refused", b.dialInfo(wire.TCP, 5151), 1, memory.ErrRefused},
			{"family", wire.DialInfo{Protocol: wire.UDP, Addr: netip.MustParseAddrPort("[2a0f::1]:5150")}, 1, transport.ErrUnsupported},
		} {
			msg := make([]byte, tt.size)
			if _, err := a.SendDialInfo(t.Context(), tt.di, msg, transport.SendOptions{}); !errors.Is(err, tt.want) {
				t.Errorf("%s: SendDialInfo: %v, want %v", tt.name, err, tt.want)
			}
			if err := a.SendOnce(t.Context(), tt.di, msg); !errors.Is(err, tt.want) {
				t.Errorf("%s: SendOnce: %v, want %v", tt.name, err, tt.want)
			}
			if _, err := a.Request(t.Context(), tt.di, msg); !errors.Is(err, tt.want) {
				t.Errorf("%s: Request: %v, want %v", tt.name, err, tt.want)
			}
		}
		for _, p := range protocols {
			f := transport.Flow{Protocol: p, Remote: b.at(p).Addr, Local: netip.MustParseAddrPort("44.0.0.1:7")}
			if err := a.SendFlow(t.Context(), f, nil, 0); !errors.Is(err, transport.ErrNoFlow) {
				t.Errorf("%v: SendFlow: %v, want ErrNoFlow", p, err)
			}
			check(t, "alive", a.Alive(f), false)
		}
		a.Close()
		if _, err := a.SendDialInfo(t.Context(), b.at(wire.UDP), nil, transport.SendOptions{}); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if err := a.Listen(t.Context(), everything); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Listen after Close: %v", err)
		}
	})
}

// TestReuse: raw TCP and WebSocket share connections to one address and port,
// whoever opened them (spec 02 §6.2).
func TestReuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		ws := send(t, a, b.at(wire.WS), "1")
		tcp := send(t, a, b.at(wire.TCP), "2")
		check(t, "flow of the second", tcp, ws)
		b.message(t)
		back := b.message(t).Flow
		check(t, "back", send(t, b, a.at(wire.TCP), "3"), back)
		check(t, "connections", len(b.Connections()), 1)
		check(t, "local", ws.Local, netip.MustParseAddrPort("44.0.0.1:5150"))
	})
}

func TestConcurrentDialsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { send(t, a, b.at(protocols[1+i%2]), "x") })
		}
		wg.Wait()
		for range 50 {
			b.message(t)
		}
		check(t, "connections", len(a.Connections()), 1)

		// A dead address costs all of them one timeout, not one each.
		began := time.Now()
		dead := wire.DialInfo{Protocol: wire.TCP, Addr: netip.MustParseAddrPort("44.0.0.9:5150")}
		for range 50 {
			wg.Go(func() {
				if _, err := a.SendDialInfo(t.Context(), dead, nil, transport.SendOptions{}); !errors.Is(err, transport.ErrConnect) {
					t.Errorf("dead address: %v", err)
				}
			})
		}
		wg.Wait()
		check(t, "time", time.Since(began), transport.DefaultConnectTimeout)
	})
}

// TestSimultaneousOpen: two nodes that dial each other from their listening ports
// at the same time have one connection.
func TestSimultaneousOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		var wg sync.WaitGroup
		wg.Go(func() { send(t, a, b.at(wire.TCP), "from a") })
		wg.Go(func() { send(t, b, a.at(wire.TCP), "from b") })
		wg.Wait()
		check(t, "at a", a.message(t).text, "from b")
		check(t, "at b", b.message(t).text, "from a")
		check(t, "connections", len(a.Connections())+len(b.Connections()), 2)
	})
}

func TestContextEndsConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a := start(t, host(t, n, "44.0.0.1"))
		for _, p := range protocols[1:] {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			di := wire.DialInfo{Protocol: p, Addr: netip.MustParseAddrPort("44.0.0.9:5150"), Request: "x/ws"}
			if _, err := a.SendDialInfo(ctx, di, nil, transport.SendOptions{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: %v", p, err)
			}
			cancel()
		}
	})
}

// TestSilentServer: a server that never answers the upgrade costs ConnectTimeout.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, h := start(t, host(t, n, "44.0.0.1")), host(t, n, "44.0.0.2")
		l, err := h.ListenTCP(t.Context(), netip.MustParseAddrPort("0.0.0.0:5150"), transport.SocketOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		began := time.Now()
		di := wire.DialInfo{Protocol: wire.WS, Addr: netip.MustParseAddrPort("44.0.0.2:5150"), Request: "44.0.0.2:5150/ws"}
		if _, err := a.SendDialInfo(t.Context(), di, nil, transport.SendOptions{}); !errors.Is(err, transport.ErrConnect) {
			t.Errorf("error %v, want ErrConnect", err)
		}
		check(t, "time", time.Since(began), transport.DefaultConnectTimeout)
	})
}

func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a := start(t, host(t, n, "44.0.0.1"), func(c *transport.Config) { c.SendQueue = 100_000 })
		b := start(t, host(t, n, "44.0.0.2"))
		stop := make(chan struct{})
		defer close(stop)
		b.on(func(transport.Message) { <-stop })
		flow := send(t, a, b.at(wire.TCP), "first")
		msg := make([]byte, 10_000)
		var err error
		sent := 0
		for ; sent < 1000 && err == nil; sent++ {
			began := time.Now()
			if err = a.SendFlow(t.Context(), flow, msg, 0); err != nil {
				// From when the connection moved last, which is not long after.
				if waited := time.Since(began) - transport.DefaultSendTimeout; waited < 0 || waited > 100*time.Millisecond {
					t.Errorf("waited %v longer than the timeout", waited)
				}
			}
		}
		if !errors.Is(err, transport.ErrSendTimeout) {
			t.Fatalf("after %d messages: %v, want ErrSendTimeout", sent, err)
		}
		if sent < 10 || sent > 100 {
			t.Errorf("%d messages fit", sent)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := a.SendFlow(ctx, flow, msg, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a context: %v", err)
		}
		check(t, "still alive", a.Alive(flow), true)
		go func() { // who waits for room learns that the connection ends
			time.Sleep(time.Second)
			a.CloseFlow(flow)
		}()
		if err := a.SendFlow(t.Context(), flow, msg, 0); !errors.Is(err, transport.ErrNoFlow) {
			t.Errorf("closed while waiting: %v", err)
		}
		check(t, "reason", a.closing(t).Reason, transport.ClosedLocal)
	})
}

func TestInactivity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		for _, p := range protocols[1:] {
			began := time.Now()
			flow := send(t, a, b.at(p), "hello")
			back := b.message(t).Flow
			time.Sleep(40 * time.Second)
			// Received at a only: a's timer starts again, b's does not.
			if err := b.SendFlow(t.Context(), back, nil, 0); err != nil {
				t.Fatal(err)
			}
			a.message(t)
			c := b.closing(t)
			check(t, "reason at b", c.Reason, transport.ClosedIdle)
			check(t, "inbound at b", c.Inbound, true)
			check(t, "life at b", c.Lived.Round(time.Second), 60*time.Second)
			c = a.closing(t)
			want := transport.ClosedRemote
			if p == wire.WS {
				want = transport.ClosedWebSocket // by a Close frame
			}
			check(t, "reason at a", c.Reason, want)
			check(t, "flow at a", c.Flow, flow)
			check(t, "time", time.Since(began).Round(time.Second), 60*time.Second)
		}
	})
}

func TestProtectedIsNotIdled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		both := func(netip.Addr) bool { return true }
		a.SetProtected(both)
		b.SetProtected(both)
		flow := send(t, a, b.at(wire.TCP), "hello")
		time.Sleep(time.Hour)
		check(t, "alive", a.Alive(flow), true)
		a.SetProtected(nil)
		check(t, "reason", a.closing(t).Reason, transport.ClosedIdle)
	})
}

func TestUDPFlowLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		flow := send(t, a, b.at(wire.UDP), "hello")
		back := b.message(t).Flow
		check(t, "sent only", a.Alive(flow), false)
		check(t, "received", b.Alive(back), true)
		time.Sleep(15*time.Second - time.Nanosecond)
		check(t, "just before 15 s", b.Alive(back), true)
		time.Sleep(time.Nanosecond)
		check(t, "after 15 s", b.Alive(back), false)
		send(t, a, b.at(wire.UDP), "")
		b.message(t)
		check(t, "after an empty datagram", b.Alive(back), true)
		b.CloseFlow(back)
		check(t, "forgotten", b.Alive(back), false)
	})
}

func TestRequestAndSendOnce(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := network(t)
				a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
				if err := a.SendOnce(t.Context(), b.at(p), []byte("receipt")); err != nil {
					t.Fatal(err)
				}
				m := b.message(t)
				check(t, "receipt", m.text, "receipt")
				check(t, "fresh port", m.Flow.Remote.Port() != 5150, true)
				reply := strings.Repeat("r", 7000)
				b.on(func(m transport.Message) {
					// Another address answers first, which must not count.
					other := transport.Flow{Protocol: wire.UDP, Remote: m.Flow.Remote}
					if p == wire.UDP {
						pc, err := b.host.ListenUDP(t.Context(), netip.MustParseAddrPort("44.0.0.2:0"), transport.SocketOptions{})
						if err != nil {
							t.Error(err)
							return
						}
						pc.Write([]byte("\x01\x00\x00\x00\x00\x00\x00\x04evil"), 12, other.Remote)
						pc.Close()
					}
					b.SendFlow(t.Context(), m.Flow, []byte(reply), 0)
				})
				got, err := a.Request(t.Context(), b.at(p), []byte("BOOT"))
				if err != nil || string(got) != reply {
					t.Errorf("reply of %d bytes, %v", len(got), err)
				}
				b.on(nil)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				if _, err := a.Request(ctx, b.at(p), []byte("BOOT")); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("no reply: %v", err)
				}
				check(t, "wait", time.Since(began), 5*time.Second)
				check(t, "connections of a", len(a.Connections()), 0)
				check(t, "loads of a's filter", len(a.Filter().Snapshot(time.Now()).Loads), 0)
				go func() {
					time.Sleep(time.Second)
					a.Close()
				}()
				if _, err := a.Request(t.Context(), b.at(p), []byte("BOOT")); !errors.Is(err, transport.ErrClosed) {
					t.Errorf("closed while waiting: %v", err)
				}
			})
		})
	}
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		send(t, a, b.at(wire.UDP), "1234")
		send(t, a, b.at(wire.TCP), "123")
		send(t, a, b.at(wire.TCP), "12")
		for range 3 {
			b.message(t)
		}
		check(t, "sent", a.Stats(), transport.Stats{
			UDP: transport.Counters{MessagesSent: 1, BytesSent: 4},
			TCP: transport.Counters{MessagesSent: 2, BytesSent: 5},
		})
		check(t, "received", b.Stats(), transport.Stats{
			UDP: transport.Counters{MessagesReceived: 1, BytesReceived: 4},
			TCP: transport.Counters{MessagesReceived: 2, BytesReceived: 5},
		})
		infos := b.Connections()
		if len(infos) != 1 || infos[0].BytesReceived != 5 || infos[0].BytesSent != 0 || !infos[0].LastSent.IsZero() || !infos[0].Inbound {
			t.Errorf("connections %+v", infos)
		}
	})
}

// TestCloseJoins: Close returns with everything ended, whatever is under way.
func TestCloseJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := network(t)
		a, b := start(t, host(t, n, "44.0.0.1")), start(t, host(t, n, "44.0.0.2"))
		send(t, a, b.at(wire.TCP), "x")
		raw(t, host(t, n, "44.0.0.3"), b.at(wire.TCP)) // under detection
		dead := wire.DialInfo{Protocol: wire.TCP, Addr: netip.MustParseAddrPort("44.0.0.9:5150")}
		done := make(chan error)
		go func() {
			_, err := a.SendDialInfo(t.Context(), dead, nil, transport.SendOptions{})
			done <- err
		}()
		time.Sleep(time.Second)
		began := time.Now()
		a.Close()
		b.Close()
		check(t, "time", time.Since(began), time.Duration(0))
		if err := <-done; err == nil {
			t.Error("a connect succeeded")
		}
		check(t, "reason", a.closing(t).Reason, transport.ClosedShutdown)
		a.Close()
	})
}
