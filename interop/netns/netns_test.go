//go:build interop && linux && !android

package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func newNetwork(t *testing.T, name string) *Network {
	t.Helper()
	n, err := New(t.Context(), name)
	if errors.Is(err, ErrNeedsRoot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func addHost(t *testing.T, n *Network, spec HostSpec) *Host {
	t.Helper()
	h, err := n.AddHost(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func listen(t *testing.T, h *Host, address string) net.PacketConn {
	t.Helper()
	c, err := h.ListenPacket(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// send delivers one datagram or reports that it did not arrive in time.
func send(t *testing.T, from, to net.PacketConn, address string) (seen net.Addr, arrived bool) {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.WriteTo([]byte("ping"), a); err != nil {
		return nil, false
	}
	// A quarter of a second is long for a packet inside one kernel.
	if err := to.SetReadDeadline(time.Now().Add(250 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	_, seen, err = to.ReadFrom(buf)
	return seen, err == nil
}

func TestHostsReachEachOther(t *testing.T) {
	n := newNetwork(t, "ihnsreach")
	a, b := addHost(t, n, HostSpec{}), addHost(t, n, HostSpec{})
	for _, ip := range []netip.Addr{b.IPv4(), b.IPv6()} {
		at := netip.AddrPortFrom(ip, 7000).String()
		if _, ok := send(t, listen(t, a, ":0"), listen(t, b, at), at); !ok {
			t.Errorf("a packet to %s did not arrive", at)
		}
	}
	if got, err := b.Arrived(t.Context(), a.IPv4(), "udp"); err != nil || got != 1 {
		t.Errorf("%d packets counted, %v; want 1", got, err)
	}
	if got, err := a.Arrived(t.Context(), b.IPv4(), "udp"); err != nil || got != 0 {
		t.Errorf("%d packets counted the other way, %v; want none", got, err)
	}
	if out, err := a.Output(t.Context(), "getent", "ahosts", b.Name()); err != nil || !strings.Contains(out, b.IPv4().String()) {
		t.Errorf("%s resolves to %q, %v; want %s", b.Name(), out, err, b.IPv4())
	}
}

func TestReaddress(t *testing.T) {
	n := newNetwork(t, "ihnsmove")
	a, b := addHost(t, n, HostSpec{}), addHost(t, n, HostSpec{})
	old4, old6 := b.IPv4(), b.IPv6()
	if err := b.Readdress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.IPv4() == old4 || b.IPv6() == old6 {
		t.Fatalf("addresses %s %s stayed", old4, old6)
	}
	to := listen(t, b, ":7000")
	for _, c := range []struct {
		at   netip.Addr
		want bool
	}{{b.IPv4(), true}, {b.IPv6(), true}, {old4, false}, {old6, false}} {
		if _, got := send(t, listen(t, a, ":0"), to, netip.AddrPortFrom(c.at, 7000).String()); got != c.want {
			t.Errorf("packet to %s arrived: %t, want %t", c.at, got, c.want)
		}
	}
}

func TestFirewalled(t *testing.T) {
	n := newNetwork(t, "ihnsfire")
	out, in := addHost(t, n, HostSpec{}), addHost(t, n, HostSpec{Firewalled: true})
	o, i := listen(t, out, ":7000"), listen(t, in, ":7000")
	if _, ok := send(t, o, i, fmt.Sprintf("%s:7000", in.IPv4())); ok {
		t.Error("an unsolicited packet came in")
	}
	if _, ok := send(t, i, o, fmt.Sprintf("%s:7000", out.IPv4())); !ok {
		t.Error("a packet did not get out")
	}
	if _, ok := send(t, o, i, fmt.Sprintf("%s:7000", in.IPv4())); !ok {
		t.Error("the answer did not come in")
	}
}

func TestNAT(t *testing.T) {
	for _, c := range []struct {
		kind                              NAT
		samePort, otherPort, otherAddress bool // who may answer through the mapping, besides the one asked
	}{
		{kind: NATFullCone, samePort: true, otherPort: true, otherAddress: true},
		{kind: NATAddressRestricted, samePort: true, otherPort: true},
		{kind: NATPortRestricted, samePort: true},
		{kind: NATSymmetric},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			n := newNetwork(t, "ihnsnat")
			h, p, q := addHost(t, n, HostSpec{NAT: c.kind}), addHost(t, n, HostSpec{}), addHost(t, n, HostSpec{})
			inside, peer := listen(t, h, ":5150"), listen(t, p, ":5150")
			before, err := net.ResolveUDPAddr("udp", fmt.Sprintf("%s:5150", h.IPv4()))
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := send(t, peer, inside, before.String()); ok {
				t.Error("an unsolicited packet came in")
			}
			seen, ok := send(t, inside, peer, fmt.Sprintf("%s:5150", p.IPv4()))
			if !ok {
				t.Fatal("nothing gets out")
			}
			if _, ok := send(t, peer, inside, seen.String()); !ok {
				t.Error("the one asked cannot answer")
			}
			if got := seen.String() == before.String(); got != c.samePort {
				t.Errorf("outside address %s, inside port 5150: same %t, want %t", seen, got, c.samePort)
			}
			if _, got := send(t, listen(t, p, ":5151"), inside, seen.String()); got != c.otherPort {
				t.Errorf("another port of the peer comes in: %t, want %t", got, c.otherPort)
			}
			if _, got := send(t, listen(t, q, ":5150"), inside, seen.String()); got != c.otherAddress {
				t.Errorf("another address comes in: %t, want %t", got, c.otherAddress)
			}
			other, ok := send(t, inside, listen(t, q, ":5152"), fmt.Sprintf("%s:5152", q.IPv4()))
			if !ok {
				t.Fatal("nothing gets out to the second peer")
			}
			if got := other.String() == seen.String(); got != c.samePort {
				t.Errorf("two destinations see one address: %t, want %t", got, c.samePort)
			}
		})
	}
}

func TestLoss(t *testing.T) {
	n := newNetwork(t, "ihnsloss")
	a, b := addHost(t, n, HostSpec{}), addHost(t, n, HostSpec{LossPermil: 300})
	from, to := listen(t, a, ":0"), listen(t, b, ":7000")
	at := &net.UDPAddr{IP: b.IPv4().AsSlice(), Port: 7000}
	const sent = 100 // of which 70 +- 14 (three standard deviations) arrive
	for range sent {
		if _, err := from.WriteTo([]byte("x"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.SetReadDeadline(time.Now().Add(250 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	got, buf := 0, make([]byte, 8)
	for {
		if _, _, err := to.ReadFrom(buf); err != nil {
			break
		}
		got++
	}
	if got < 50 || got > 90 {
		t.Errorf("%d of %d packets arrived, want about 70", got, sent)
	}
}

func TestProcessesEndWithTheNetwork(t *testing.T) {
	n := newNetwork(t, "ihnsproc")
	h := addHost(t, n, HostSpec{})
	p, err := h.Start(Spec{Path: "sleep", Args: []string{"60"}})
	if err != nil {
		t.Fatal(err)
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(name)); got != "sleep" && got != "ip" { // ip: not yet exec'ed
		t.Errorf("the process is %q, want the program itself", got)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.Done():
	default:
		t.Error("the process runs on after Close")
	}
	if _, err := h.Start(Spec{Path: "true"}); !errors.Is(err, ErrClosed) {
		t.Errorf("Start after Close: %v, want ErrClosed", err)
	}
	if out, err := exec.Command("ip", "netns", "list").Output(); err != nil || strings.Contains(string(out), "ihnsproc-") {
		t.Errorf("namespaces after Close: %q, %v", out, err)
	}
}

func TestOneOwnerPerName(t *testing.T) {
	n := newNetwork(t, "ihnsone")
	if _, err := New(t.Context(), "ihnsone"); !errors.Is(err, ErrInUse) {
		t.Errorf("a second network of the name: %v, want ErrInUse", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	again, err := New(t.Context(), "ihnsone")
	if err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestNewRemovesLeftovers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip(ErrNeedsRoot)
	}
	ctx := context.Background()
	if err := ip(ctx, "netns", "add", "ihnsold-h7"); err != nil {
		t.Fatal(err)
	}
	orphan := exec.Command("ip", "netns", "exec", "ihnsold-h7", "sleep", "60")
	if err := orphan.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- orphan.Wait() }()
	// The orphan counts once it is inside its namespace.
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if out, _ := output(ctx, "ip", "netns", "pids", "ihnsold-h7"); strings.TrimSpace(out) != "" {
			break
		}
	}
	newNetwork(t, "ihnsold")
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Error("the orphan still runs")
	}
	if out, err := exec.Command("ip", "netns", "list").Output(); err != nil || strings.Contains(string(out), "ihnsold-h7") {
		t.Errorf("namespaces: %q, %v", out, err)
	}
}

func TestMTU(t *testing.T) {
	n := newNetwork(t, "ihnsmtu")
	h := addHost(t, n, HostSpec{MTU: 1300})
	if out, err := h.Output(t.Context(), "ip", "link", "show", "eth0"); err != nil || !strings.Contains(out, "mtu 1300 ") {
		t.Errorf("interface %q, %v; want an MTU of 1300", out, err)
	}
}

func TestDelay(t *testing.T) {
	n := newNetwork(t, "ihnslate")
	const delay = 50 * time.Millisecond
	a := addHost(t, n, HostSpec{})
	b, err := n.AddHost(t.Context(), HostSpec{Delay: delay})
	if errors.Is(err, ErrNoNetem) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	from, to := listen(t, a, ":0"), listen(t, b, ":7000")
	began := time.Now()
	if _, ok := send(t, from, to, fmt.Sprintf("%s:7000", b.IPv4())); !ok || time.Since(began) < delay {
		t.Errorf("a packet arrived: %t, after %s; want it after %s", ok, time.Since(began), delay)
	}
}
