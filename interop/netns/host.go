//go:build linux && !android

package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// HostSpec says what kind of place a host is. The zero value is a dual-stack
// host with global addresses and nothing in its way.
type HostSpec struct {
	IPv4Only   bool
	NAT        NAT           // not NATNone: the host is IPv4 only, behind its own router
	Firewalled bool          // unsolicited packets from outside are dropped
	MTU        int           // of the host's interface; 0: 1500
	LossPermil int           // of each thousand packets, lost in each direction
	Delay      time.Duration // added in each direction; needs the kernel's netem
}

// Host is one machine of a network.
type Host struct {
	net        *Network
	spec       HostSpec
	index      int // from 1
	generation int // of the address, see Readdress; guarded by net.mu
	ns         string
	router     string // namespace of its NAT router, "" without one
}

// AddHost adds a host and tells every other host its name.
func (n *Network) AddHost(ctx context.Context, spec HostSpec) (*Host, error) {
	if spec.LossPermil < 0 || spec.LossPermil > 1000 {
		return nil, fmt.Errorf("loss of %d permil: want 0 to 1000", spec.LossPermil)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrClosed
	}
	if len(n.hosts) >= maxHosts {
		return nil, fmt.Errorf("more than %d hosts", maxHosts)
	}
	index := len(n.hosts) + 1
	h := &Host{net: n, spec: spec, index: index, ns: fmt.Sprintf("%s-h%d", n.name, index)}
	if spec.NAT != NATNone {
		h.router = fmt.Sprintf("%s-r%d", n.name, index)
	}
	n.hosts = append(n.hosts, h)
	if err := h.raise(ctx); err != nil {
		return nil, fmt.Errorf("host %s: %w", h.ns, err)
	}
	return h, n.writeNamesLocked()
}

func (h *Host) raise(ctx context.Context) error {
	outer := h.ns // the namespace that is plugged into the switch
	if h.router != "" {
		outer = h.router
		if err := ip(ctx, "netns", "add", h.router); err != nil {
			return err
		}
	}
	if err := ip(ctx, "netns", "add", h.ns); err != nil {
		return err
	}
	port := fmt.Sprintf("p%d", h.index)
	if err := ip(ctx, "link", "add", "eth0", "netns", outer, "type", "veth", "peer", "name", port, "netns", h.net.switchNS()); err != nil {
		return err
	}
	if err := ipBatch(ctx, h.net.switchNS(), fmt.Sprintf("link set %s master br0 up", port)); err != nil {
		return err
	}
	if h.router != "" {
		if err := h.raiseRouter(ctx); err != nil {
			return err
		}
	}
	if err := h.raiseSelf(ctx); err != nil {
		return err
	}
	if err := h.impair(ctx); err != nil {
		return err
	}
	dir := filepath.Join(etcDir, h.ns)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "resolv.conf"), fmt.Appendf(nil, "nameserver %s\n", h.net.Gateway4()), 0o644)
}

func (h *Host) raiseSelf(ctx context.Context) error {
	commands := []string{"link set lo up"}
	if h.spec.MTU != 0 {
		commands = append(commands, fmt.Sprintf("link set eth0 mtu %d", h.spec.MTU))
	}
	commands = append(commands, "link set eth0 up")
	if err := ipBatch(ctx, h.ns, commands...); err != nil {
		return err
	}
	if !h.hasIPv6() {
		if _, err := h.Output(ctx, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"); err != nil {
			return err
		}
	}
	if h.router != "" {
		inside, gateway := h.insideLocked()
		if err := ipBatch(ctx, h.ns,
			fmt.Sprintf("addr add %s/24 dev eth0", inside),
			fmt.Sprintf("route add default via %s", gateway)); err != nil {
			return err
		}
	} else if err := h.addAddressesLocked(ctx, h.ns); err != nil {
		return err
	}
	rules := countRules
	if h.spec.Firewalled {
		rules += firewallRules
	}
	return nft(ctx, h.ns, rules)
}

// addAddressesLocked gives the outside interface its present addresses and routes.
func (h *Host) addAddressesLocked(ctx context.Context, ns string) error {
	commands := []string{
		fmt.Sprintf("addr add %s/16 dev eth0", h.ipv4Locked()),
		fmt.Sprintf("route replace default via %s", h.net.Gateway4()),
	}
	if h.hasIPv6() {
		commands = append(commands,
			fmt.Sprintf("addr add %s/32 dev eth0 nodad", h.ipv6Locked()),
			fmt.Sprintf("route replace default via inet6 %s", h.net.Gateway6()))
	}
	return ipBatch(ctx, ns, commands...)
}

// Readdress moves the host to addresses it never had, in other IP blocks than
// before: its process keeps running, its flows die.
func (h *Host) Readdress(ctx context.Context) error {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.closed {
		return ErrClosed
	}
	if h.generation >= 250 {
		return errors.New("no address is left")
	}
	outer := h.ns
	if h.router != "" {
		outer = h.router
	}
	h.generation++
	// A flush takes the routes along; addAddressesLocked makes them anew.
	if err := ipBatch(ctx, outer, "addr flush dev eth0 scope global"); err != nil {
		return err
	}
	if err := h.addAddressesLocked(ctx, outer); err != nil {
		return err
	}
	return h.net.writeNamesLocked()
}

// Index is the host's number, from 1.
func (h *Host) Index() int { return h.index }

// Name is a name that every host of the network resolves to this host.
func (h *Host) Name() string { return fmt.Sprintf("n%d.lab", h.index) }

// IPv4 is the address others see: behind a NAT that of the router.
func (h *Host) IPv4() netip.Addr {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.ipv4Locked()
}

// IPv6 is the zero Addr on a host without IPv6.
func (h *Host) IPv6() netip.Addr {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if !h.hasIPv6() {
		return netip.Addr{}
	}
	return h.ipv6Locked()
}

func (h *Host) hasIPv6() bool { return !h.spec.IPv4Only && h.router == "" }

func (h *Host) ipv4Locked() netip.Addr {
	return netip.AddrFrom4([4]byte{44, h.net.subnet, byte(h.generation), byte(10 + h.index)})
}

// ipv6Locked puts every host and every generation in a /56 of its own, since
// nodes of one /56 do not serve each other as relays (spec 04 §15.3).
func (h *Host) ipv6Locked() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0x2a, 1: 0x0f, 3: h.net.subnet, 5: byte(h.generation), 6: byte(h.index), 15: 1})
}

func (h *Host) insideLocked() (host, gateway netip.Addr) {
	return netip.AddrFrom4([4]byte{10, 0, byte(h.index), 2}), netip.AddrFrom4([4]byte{10, 0, byte(h.index), 1})
}

// Dial connects from inside the host. The address must be a literal, so that
// one attempt on one goroutine makes the socket.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err
	}
	var conn net.Conn
	err := inNamespace(h.ns, func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// ListenPacket opens a UDP socket on the host.
func (h *Host) ListenPacket(address string) (net.PacketConn, error) {
	var conn net.PacketConn
	err := inNamespace(h.ns, func() (err error) {
		conn, err = net.ListenPacket("udp", address)
		return err
	})
	return conn, err
}

// writeNamesLocked writes the hosts file of every host. It writes in place:
// running programs see the file through a bind mount of its inode.
func (n *Network) writeNamesLocked() error {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, h := range n.hosts {
		fmt.Fprintf(&b, "%s %s\n", h.ipv4Locked(), h.Name())
		if h.hasIPv6() {
			fmt.Fprintf(&b, "%s %s\n", h.ipv6Locked(), h.Name())
		}
	}
	for _, h := range n.hosts {
		if err := os.WriteFile(filepath.Join(etcDir, h.ns, "hosts"), []byte(b.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}
