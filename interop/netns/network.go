//go:build linux && !android

package netns

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	stateDir = "/run/voile-interop" // lock files
	etcDir   = "/etc/netns"         // ip netns exec mounts its files over /etc
	maxHosts = 200                  // one byte of the address, with the gateway below
)

// Errors that say why no network can be made here.
var (
	ErrNeedsRoot = errors.New("network namespaces need root")
	ErrInUse     = errors.New("a network of this name is in use by another process")
	ErrNoNetem   = errors.New("the kernel has no netem, which delay needs")
)

var validName = regexp.MustCompile(`^[a-z][a-z0-9]{0,15}$`)

// Check reports why networks cannot be made on this machine, nil if they can.
func Check() error {
	if os.Geteuid() != 0 {
		return ErrNeedsRoot
	}
	for _, tool := range []string{"ip", "nft", "sysctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("network namespaces need %s (packages iproute2, nftables, procps): %w", tool, err)
		}
	}
	probe := fmt.Sprintf("voileprobe%d", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", probe).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot make a network namespace: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return exec.Command("ip", "netns", "del", probe).Run()
}

// Network is a switch with hosts. Its methods may be called from any goroutine.
// Goroutines: one that starts processes, and one for each running process;
// all end in Close.
type Network struct {
	name    string
	subnet  byte // second byte of the IPv4 addresses, second word of the IPv6 ones
	lock    *os.File
	starter *starter

	mu     sync.Mutex
	hosts  []*Host
	procs  map[*Process]struct{}
	closed bool
}

// New makes an empty network, after removing what a crashed run under the same
// name left. The caller must Close it.
func New(ctx context.Context, name string) (*Network, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("network name %q: want %s", name, validName)
	}
	if err := Check(); err != nil {
		return nil, err
	}
	lock, err := acquire(name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(name))
	n := &Network{
		name:    name,
		subnet:  1 + sum[0]%200,
		lock:    lock,
		starter: newStarter(),
		procs:   map[*Process]struct{}{},
	}
	if err := n.raise(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Network) raise(ctx context.Context) error {
	if err := removeLeftovers(ctx, n.name); err != nil {
		return err
	}
	if err := ip(ctx, "netns", "add", n.switchNS()); err != nil {
		return err
	}
	return ipBatch(ctx, n.switchNS(),
		"link set lo up",
		"link add br0 type bridge",
		fmt.Sprintf("addr add %s/16 dev br0", n.Gateway4()),
		fmt.Sprintf("addr add %s/32 dev br0 nodad", n.Gateway6()),
		"link set br0 up")
}

// Close kills every process in the network and removes it. It may be called twice.
func (n *Network) Close() error {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil
	}
	n.closed = true
	procs := make([]*Process, 0, len(n.procs))
	for p := range n.procs {
		procs = append(procs, p)
	}
	n.mu.Unlock()

	for _, p := range procs {
		p.Kill()
	}
	for _, p := range procs {
		<-p.Done()
	}
	// The caller's context may have ended already; clean-up has its own time.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := removeLeftovers(ctx, n.name)
	n.starter.close()
	return errors.Join(err, n.lock.Close())
}

// Gateway4 is the switch's own IPv4 address, the default gateway of every host.
func (n *Network) Gateway4() netip.Addr { return netip.AddrFrom4([4]byte{44, n.subnet, 0, 1}) }

// Gateway6 is the switch's own IPv6 address.
func (n *Network) Gateway6() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0x2a, 1: 0x0f, 3: n.subnet, 15: 1})
}

// ListenPacket opens a UDP socket at the switch, which every host reaches.
func (n *Network) ListenPacket(address string) (net.PacketConn, error) {
	var conn net.PacketConn
	err := inNamespace(n.switchNS(), func() (err error) {
		conn, err = net.ListenPacket("udp4", address)
		return err
	})
	return conn, err
}

// Listen opens a TCP listener at the switch.
func (n *Network) Listen(address string) (net.Listener, error) {
	var l net.Listener
	err := inNamespace(n.switchNS(), func() (err error) {
		l, err = net.Listen("tcp4", address)
		return err
	})
	return l, err
}

func (n *Network) switchNS() string { return n.name + "-sw" }

// acquire takes the lock of a name; closing the file gives it back.
func acquire(name string) (*os.File, error) {
	if err := os.MkdirAll(stateDir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(stateDir, name+".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: %s", ErrInUse, name)
	}
	return f, nil
}

// removeLeftovers kills what runs in the namespaces of a network and deletes them.
func removeLeftovers(ctx context.Context, name string) error {
	list, err := output(ctx, "ip", "netns", "list")
	if err != nil {
		return err
	}
	var errs []error
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], name+"-") {
			continue
		}
		ns := fields[0]
		if pids, err := output(ctx, "ip", "netns", "pids", ns); err == nil {
			for _, pid := range strings.Fields(pids) {
				killPid(pid)
			}
		}
		errs = append(errs, ip(ctx, "netns", "del", ns), os.RemoveAll(filepath.Join(etcDir, ns)))
	}
	return errors.Join(errs...)
}
