package privnet

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// Ports are looked for below the range that systems take the ports of outgoing
// connections from, so that no node of the network takes the port of another.
const (
	firstPort = 10000
	portCount = 20000
)

// Ticket is what a node needs to join: give both to another node's configuration.
type Ticket struct {
	NetworkKey string // password of the network
	Bootstrap  string // bootstrap record of the first node; "": there is none yet
}

// NewTicket makes a network key that nobody else has.
func NewTicket() Ticket {
	var key [24]byte
	rand.Read(key[:]) // never fails
	return Ticket{NetworkKey: base64.RawURLEncoding.EncodeToString(key[:])}
}

// Config is the configuration of a node that listens at an address of this machine,
// or at all if it is not valid, and joins by the ticket.
func (t Ticket) Config(name string, at netip.AddrPort) config.Config {
	cfg := config.Default()
	cfg.ProgramName = name
	n := &cfg.Network
	key, detect := config.Secret(t.NetworkKey), false
	n.PrivateNetwork, n.NetworkKeyPassword = true, &key
	n.UPnP, n.DetectAddressChanges = false, &detect
	n.MaxConnections = 128
	if at.IsValid() {
		n.Protocol.UDP.ListenAddress = at.String()
		n.Protocol.TCP.ListenAddress = at.String()
		n.Protocol.WS.ListenAddress = at.String()
	}
	n.RoutingTable.Bootstrap, n.RoutingTable.BootstrapKeys = []string{}, []string{}
	if t.Bootstrap != "" {
		n.RoutingTable.BootstrapRecords = []string{t.Bootstrap}
	}
	return cfg
}

// Record is the bootstrap record of a node that listens at an address (spec 02
// §13.2): version, envelope versions, node ids, host, ports by protocol.
func Record(id crypto.NodeID, at netip.AddrPort) string {
	return fmt.Sprintf("0|0|%s|%s|U%d,T%d,W%[3]d/ws", id, at.Addr(), at.Port(), at.Port())
}

// Network is a running private network.
type Network struct {
	Ticket Ticket
	Nodes  []Node
}

// Node is a node of it. Node 0 is the one that the others join by.
type Node struct {
	*core.Node
	Name string
	At   netip.AddrPort
}

// Options change how a network is started. The zero value is good.
type Options struct {
	Host   netip.Addr   // address of this machine to listen at; zero: 127.0.0.1
	Logger *slog.Logger // nil: no log
	// Change is called with each configuration before its node starts; nil: nothing
	// is changed.
	Change func(i int, c *config.Config)
	// Started is called with each node when it has been started, from several
	// goroutines; nil: nobody is told.
	Started func(i int, n Node)
}

// Start starts one node for each name and attaches it: the first one, then all
// others at once. It does not wait until they are ready. The caller closes the
// network.
func Start(ctx context.Context, names []string, o Options) (*Network, error) {
	w := &Network{Ticket: NewTicket(), Nodes: make([]Node, len(names))}
	if !o.Host.IsValid() {
		o.Host = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	ports, err := FreePorts(ctx, o.Host, len(names))
	if err != nil {
		return nil, err
	}
	errs := make([]error, len(names))
	start := func(i int) {
		w.Nodes[i] = Node{Name: names[i], At: ports[i]}
		if w.Nodes[i].Node, errs[i] = startNode(ctx, w.Ticket, w.Nodes[i], i, o); errs[i] == nil && o.Started != nil {
			o.Started(i, w.Nodes[i])
		}
	}
	start(0)
	if errs[0] == nil {
		w.Ticket.Bootstrap = Record(w.Nodes[0].ID(), ports[0])
		var all sync.WaitGroup
		for i := 1; i < len(names); i++ {
			all.Go(func() { start(i) })
		}
		all.Wait()
	}
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func startNode(ctx context.Context, t Ticket, n Node, i int, o Options) (*core.Node, error) {
	cfg := t.Config(n.Name, n.At)
	if o.Change != nil {
		o.Change(i, &cfg)
	}
	opts := core.Options{}
	if o.Logger != nil {
		opts.Logger = o.Logger.With("node", n.Name)
	}
	node, err := core.Start(ctx, cfg, opts)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", n.Name, err)
	}
	if err := node.Attach(); err != nil {
		return nil, errors.Join(fmt.Errorf("attach %s: %w", n.Name, err), node.Close())
	}
	return node, nil
}

// Close stops all nodes and waits for them.
func (w *Network) Close() error {
	errs := make([]error, len(w.Nodes))
	var all sync.WaitGroup
	for i, n := range w.Nodes {
		if n.Node != nil { // was started
			all.Go(func() { errs[i] = n.Close() })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

// WaitReady waits until every node is ready; the error names those that are not.
func (w *Network) WaitReady(ctx context.Context) error {
	var errs []error
	for _, n := range w.Nodes {
		if err := n.WaitReady(ctx); err != nil {
			s, _ := n.State()
			a := s.Attachment
			errs = append(errs, fmt.Errorf("%s is not ready: %s, %s, %d live peers %s", n.Name, a.State, a.Stage, a.LivePeers, a.StartError))
		}
	}
	return errors.Join(errs...)
}

// FreePorts finds addresses of a host, which is this machine, whose ports are free
// for streams and datagrams.
func FreePorts(ctx context.Context, host netip.Addr, n int) ([]netip.AddrPort, error) {
	var r [2]byte
	rand.Read(r[:])
	at := (int(r[0])<<8 | int(r[1])) % portCount
	var found []netip.AddrPort
	var last error
	for range portCount {
		a := netip.AddrPortFrom(host, uint16(firstPort+at))
		at = (at + 1) % portCount
		switch err := tryPort(ctx, a); {
		case errors.Is(err, syscall.EADDRNOTAVAIL): // no other port will do
			return nil, fmt.Errorf("%v is no address of this machine: %w", host, err)
		case err != nil:
			last = err
			continue
		}
		if found = append(found, a); len(found) == n {
			return found, nil
		}
	}
	return nil, fmt.Errorf("%d free ports of %v: %w", n, host, last)
}

func tryPort(ctx context.Context, a netip.AddrPort) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", a.String())
	if err != nil {
		return err
	}
	defer l.Close()
	p, err := lc.ListenPacket(ctx, "udp", a.String())
	if err != nil {
		return err
	}
	return p.Close()
}
