package core

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/table"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform/host"
	"github.com/voile-net/voile/platform/igd"
	"github.com/voile-net/voile/platform/memory"
	"github.com/voile-net/voile/platform/sockets"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// checkHost refuses settings that the host cannot serve (spec 04 §14).
func checkHost(cfg *config.Config, h transport.Host) error {
	if !transport.OnlyWebSockets(h) {
		return nil
	}
	p := &cfg.Network.Protocol
	for _, s := range []struct {
		key string
		on  bool
	}{
		{"network.protocol.udp.enabled", p.UDP.Enabled},
		{"network.protocol.tcp.connect", p.TCP.Connect},
		{"network.protocol.tcp.listen", p.TCP.Listen},
		{"network.protocol.ws.listen", p.WS.Listen},
	} {
		if s.on {
			return errorf(Generic, nil, "%s: must be false in a browser, which makes WebSocket connections out and nothing else", s.key)
		}
	}
	return nil
}

// openPlatform fills in the options that were left out.
func (n *Node) openPlatform(ctx context.Context) error {
	o, cfg := &n.opts, &n.cfg
	if err := checkHost(cfg, o.Host); err != nil {
		return err
	}
	if o.ProtectedStore == nil {
		if cfg.ProtectedStore.Directory == "" {
			o.ProtectedStore = memory.NewProtectedStore()
		} else {
			s, err := host.OpenProtectedStore(ctx, host.SecretsConfig{
				Program: cfg.ProgramName, Namespace: cfg.Namespace, Directory: cfg.ProtectedStore.Directory,
				AllowInsecureFallback:    cfg.ProtectedStore.AllowInsecureFallback,
				AlwaysUseInsecureStorage: cfg.ProtectedStore.AlwaysUseInsecureStorage,
			})
			if err != nil {
				return fmt.Errorf("protected store: %w", err)
			}
			n.owned = append(n.owned, s)
			o.ProtectedStore = s
			n.log.Info("protected store opened", "kind", string(s.Kind), "where", s.Where, "err", s.Reason)
		}
	}
	if o.KeyValueStore == nil {
		if cfg.TableStore.Directory == "" {
			o.KeyValueStore = memory.NewKeyValueStore()
		} else {
			s, err := host.OpenKeyValueStore(ctx, cfg.TableStore.Directory, storeName(cfg.Namespace))
			if err != nil {
				return fmt.Errorf("table store: %w", err)
			}
			n.owned = append(n.owned, s)
			o.KeyValueStore = s
		}
	}
	if cfg.TableStore.Delete {
		if err := table.Wipe(ctx, o.KeyValueStore); err != nil {
			return fmt.Errorf("table_store.delete: %w", err)
		}
	}
	if o.NetInfo == nil {
		i, err := host.NetInfo(ctx, o.Panic)
		if err != nil {
			return fmt.Errorf("network interfaces: %w", err)
		}
		n.owned = append(n.owned, i)
		o.NetInfo = i
	}
	if o.Host == nil {
		o.Host = sockets.Host{}
	}
	if o.Resolver == nil && !transport.OnlyWebSockets(o.Host) { // such a host resolves by itself
		o.Resolver = host.Resolver()
	}
	if o.PortMapper == nil && wantsMapper(cfg) {
		n.mapper = n.openMapper()
		o.PortMapper = n.mapper
	}
	return nil
}

// storeName is the name of the file of a namespace.
func storeName(namespace string) string {
	if namespace == "" {
		return "voile"
	}
	return "voile_" + namespace
}

// nodes is what routes need of the routing table.
type nodes struct{ table *routing.Table }

func (n nodes) Published() *wire.PeerInfo { return n.table.Own(wire.PublicInternet).Published() }

func (n nodes) PeerInfo(id crypto.NodeID) *wire.PeerInfo {
	if e := n.table.Lookup(id); e != nil {
		return e.SignedPeerInfo(wire.PublicInternet)
	}
	return nil
}

func (n nodes) Candidates(kinds crypto.Kinds, o route.Ordering, now time.Time) []route.Candidate {
	hops := n.table.HopCandidates(routing.HopQuery{
		Ordering: routing.Ordering(o), Sequencing: o.Strict(), Kinds: kinds,
	}, now)
	list := make([]route.Candidate, len(hops))
	for i, h := range hops {
		list[i] = route.Candidate{
			PeerInfo: h.PeerInfo, Latency: time.Duration(h.TM90) * time.Microsecond,
			Reliable: h.State == routing.StateReliable, Steady: h.SteadySince, Added: h.Added,
			NearUs: h.SharesBlock, RelayCapable: h.RelayCapable, Blocks: h.Blocks,
		}
	}
	return list
}

func (n nodes) CanContact(from, to *wire.PeerInfo, o route.Ordering) bool {
	return n.table.ContactPossible(from, to, routing.Ordering(o))
}

func (n nodes) ValidEntry(p *wire.PeerInfo) bool {
	d, ok := n.table.Domains().Assign(&p.Info, wire.PublicInternet)
	return ok && d == wire.PublicInternet
}

// source is what newcomers are told.
type source struct{ n *Node }

func (s source) ServesBootstrap() bool            { return s.n.attach.ServesBootstrap() }
func (s source) BootstrapPeers() []*wire.PeerInfo { return s.n.attach.BootstrapPeers() }
func (s source) BootstrapRecords() []string       { return s.n.attach.BootstrapRecords() }

// app hands what other applications send to our subscribers.
type app struct{ n *Node }

func (a app) AppMessage(ctx context.Context, m rpc.AppMessage) {
	a.n.updates.deliver(ctx, AppMessage{RouteID: m.RouteID, Message: m.Message})
}

func (a app) AppCall(ctx context.Context, c rpc.AppCall) {
	a.n.debug.noteCall(c.ID)
	a.n.updates.deliver(ctx, AppCall{RouteID: c.RouteID, Message: c.Message, CallID: c.ID})
}

// validators picks nodes of other networks that can dial an address for somebody
// else (spec 04 §9.4).
func (n *Node) validators(di wire.DialInfo, asker *routing.Entry) []*routing.Entry {
	transport := routing.TransportOf(di)
	return n.table.Fastest(routing.MaxFindNode, func(e *routing.Entry, s routing.State) bool {
		p := e.SignedPeerInfo(wire.PublicInternet)
		return s.Live() && e != asker && p != nil && e.PeerInfo(wire.LocalNetwork) == nil &&
			slices.Contains(p.Info.Capabilities, wire.CapDIAL) && routing.OnlyDirect(&p.Info) &&
			p.Info.OutboundProtocols.Has(transport.Protocol) && p.Info.AddressTypes.Has(transport.Family) &&
			!hasHost(&p.Info, di.Addr.Addr())
	}, time.Now())
}

// hasHost reports whether a node is at an address: it would dial itself.
func hasHost(info *wire.NodeInfo, a netip.Addr) bool {
	return slices.ContainsFunc(info.DialInfo, func(d wire.DialInfoDetail) bool { return d.DialInfo.Addr.Addr() == a })
}

// openMapper opens the port mapping protocol of the device, if it has one.
func (n *Node) openMapper() attach.PortMapper {
	m, err := igd.Open(n.cfg.ProgramName, n.log, n.opts.Panic)
	if err != nil {
		n.log.Info("ports are not mapped", "err", err)
		return nil
	}
	n.owned = append(n.owned, m)
	return m
}
