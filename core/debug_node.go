//go:build !nodebugapi

package core

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network/bootstrap"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// Commands about this node itself.

func debugNodeID(n *Node, _ context.Context, _ []string) (string, error) {
	return joined(n.ids(), "\n") + "\n", nil
}

func debugUptime(n *Node, _ context.Context, _ []string) (string, error) {
	s := n.attachmentStatus(n.attach.Status())
	text := fmt.Sprintf("Uptime...\n  since launch: %s\n", seconds(s.Uptime))
	if s.AttachedUptime > 0 {
		text += fmt.Sprintf("  since attachment: %s\n", seconds(s.AttachedUptime))
	}
	return text, nil
}

func debugLifecycle(n *Node, _ context.Context, _ []string) (string, error) {
	if n.debug.background.Load() {
		return "Background", nil
	}
	return "Foreground", nil
}

func debugAttach(n *Node, _ context.Context, _ []string) (string, error) {
	if err := n.Attach(); err != nil {
		return "", err
	}
	return "Attached", nil
}

func debugDetach(n *Node, _ context.Context, _ []string) (string, error) {
	if err := n.Detach(); err != nil {
		return "", err
	}
	return "Detached", nil
}

// mustBeAttached is the error of commands that need the network.
func (n *Node) mustBeAttached() error {
	if n.attach.Started() {
		return nil
	}
	return errorf(Internal, nil, "Must be attached first")
}

func debugNetworkRestart(n *Node, _ context.Context, _ []string) (string, error) {
	if !n.attach.Started() {
		return "", errorf(Internal, nil, "Must be attached to restart network")
	}
	n.attach.Restart()
	return "Network restarted", nil
}

func debugPurgeBuckets(n *Node, _ context.Context, _ []string) (string, error) {
	if n.attach.Status().State != attach.Detached {
		return "", errorf(Internal, nil, "Must be detached to purge")
	}
	for _, e := range n.table.Entries() {
		n.table.Remove(e)
	}
	return "Buckets purged", nil
}

func debugPurgeConnections(n *Node, _ context.Context, _ []string) (string, error) {
	n.attach.CloseConnections()
	return "Connections purged", nil
}

func debugPurgeRoutes(n *Node, _ context.Context, _ []string) (string, error) {
	n.routes.Purge()
	return "Routes purged", nil
}

// debugConfig shows a part of the configuration; keys of every level are in the
// order of their names.
func debugConfig(n *Node, _ context.Context, args []string) (string, error) {
	cfg, key := redacted(*n.settings()), arg(args, 0)
	switch {
	case key == "insecure":
		cfg, key = *n.settings(), arg(args, 1)
	case len(args) > 1:
		return "", invalidArgument("debug_config", "arg_1", args[1])
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		return "", err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return "", err
	}
	if key != "" {
		for part := range strings.SplitSeq(key, ".") {
			m, _ := tree.(map[string]any)
			next, ok := m[part]
			if !ok {
				return "", &Error{Kind: ParseError, Message: fmt.Sprintf("invalid subkey in key '%s'", key), Value: part}
			}
			tree = next
		}
	}
	text, err = json.MarshalIndent(tree, "", "  ")
	return string(text), err
}

// redacted is a configuration without its secrets.
func redacted(c config.Config) config.Config {
	c.Network.RoutingTable.SecretKeys = []config.Secret{}
	hide := func(s *config.Secret) *config.Secret {
		if s == nil {
			return nil
		}
		hidden := config.Secret("")
		return &hidden
	}
	c.Network.NetworkKeyPassword = hide(c.Network.NetworkKeyPassword)
	c.ProtectedStore.DeviceEncryptionKeyPassword = ""
	c.ProtectedStore.NewDeviceEncryptionKeyPassword = hide(c.ProtectedStore.NewDeviceEncryptionKeyPassword)
	return c
}

func debugKeyPair(n *Node, _ context.Context, args []string) (string, error) {
	kind, err := n.kindArg("debug_keypair", arg(args, 0))
	if err != nil {
		return "", err
	}
	sys, err := n.crypto.Get(kind)
	if err != nil {
		return "", err
	}
	pair, err := sys.GenerateKeyPair()
	if err != nil {
		return "", err
	}
	return pair.Text(), nil
}

// kindArg is the kind that a word names, the best one if there is none.
func (n *Node) kindArg(command, text string) (crypto.Kind, error) {
	if text == "" {
		return n.crypto.Kinds().Best(), nil
	}
	k, err := crypto.ParseKind(text)
	if err != nil || !n.crypto.Kinds().Contains(k) {
		return k, invalidArgument(command, "kind", text)
	}
	return k, nil
}

// debugTXTRecord prints a record for each host that our dial info has; with key pairs
// it is signed by each.
func debugTXTRecord(n *Node, _ context.Context, args []string) (string, error) {
	var signers []crypto.KeyPair
	if text := arg(args, 0); text != "" {
		for part := range strings.SplitSeq(strings.Trim(text, "[]"), ",") {
			var pair crypto.KeyPair
			if err := pair.UnmarshalText([]byte(part)); err != nil {
				return "", invalidArgument("debug_txtrecord", "signing_key_pairs", "(not a key pair)")
			}
			signers = append(signers, pair)
		}
	}
	list := n.table.Own(wire.PublicInternet).DialInfo()
	if len(list) == 0 {
		return "No PublicInternet DialInfo for TXT Record", nil
	}
	var b strings.Builder
	b.WriteString("Bootstrap TXT Records:\nV0:\n")
	records := n.bootstrapRecords(list)
	for _, r := range records {
		fmt.Fprintln(&b, r.Text())
	}
	if len(signers) > 0 {
		b.WriteString("V1:\n")
	}
	for _, r := range records {
		for _, pair := range signers {
			r.Version, r.Timestamp = 1, uint64(time.Now().Unix())
			text, err := r.Sign(n.crypto, pair)
			if err != nil {
				return "", invalidArgument("debug_txtrecord", "signing_key_pairs", pair.Public)
			}
			fmt.Fprintln(&b, text)
		}
	}
	return b.String(), nil
}

// bootstrapRecords are those of our dial info: of a host name if there is one, else
// of each address.
func (n *Node) bootstrapRecords(list []wire.DialInfoDetail) []bootstrap.Record {
	hosts := make(map[string]*bootstrap.Record)
	var order []string
	add := func(host string, d wire.DialInfo) {
		r := hosts[host]
		if r == nil {
			r = &bootstrap.Record{EnvelopeVersions: []wire.EnvelopeVersion{wire.ENV0}, Hostname: host}
			for _, id := range n.ids() {
				r.PublicKeys = append(r.PublicKeys, crypto.PublicKeyOf(id))
			}
			hosts[host] = r
			order = append(order, host)
		}
		_, path, _ := strings.Cut(d.Request, "/")
		short := bootstrap.ShortDial{Protocol: d.Protocol, Port: d.Addr.Port(), Path: path}
		if !slices.Contains(r.Dials, short) {
			r.Dials = append(r.Dials, short)
		}
	}
	var name string
	for _, d := range list {
		if u, err := wire.ParseURL(d.DialInfo.URL()); err == nil && d.DialInfo.Request != "" {
			if _, literal := parseAddr(u.Host); !literal {
				name = u.Host
			}
		}
	}
	for _, d := range list {
		host := name
		if host == "" {
			host = d.DialInfo.Addr.Addr().String()
		}
		add(host, d.DialInfo)
	}
	records := make([]bootstrap.Record, len(order))
	for i, host := range order {
		records[i] = *hosts[host]
	}
	return records
}

func debugNodeInfo(n *Node, _ context.Context, _ []string) (string, error) {
	var b strings.Builder
	now := time.Now()
	fmt.Fprintf(&b, "Node Ids: [%s]\n\nVersion: %s (Voile)\n\nFeatures: [\"%s\"]\nKinds: %s\n\nSelf Transfer Stats:\n%s",
		joined(n.ids(), ","), APIVersion, strings.Join(Features(), "\", \""), joined(n.crypto.Kinds(), ", "), indent(n.traffic.text(), 4))
	latency, _ := n.table.Latency()
	fmt.Fprintf(&b, "\nSelf Latency Stats:\n    %s\n", latencyText(&latency))
	fmt.Fprintf(&b, "\nRouting Table Health:\n%s", indent(n.healthText(now), 4))
	fmt.Fprintf(&b, "%sOnline State:\n%s\n%s%s%s", n.relayTimingsText(), indent(n.onlineText(), 4), n.rpcTimingsText(), n.rpcText(), n.reachedText())
	recent := n.networkStatus().Peers
	fmt.Fprintf(&b, "Recent Peers: %d (max %d)\n", len(recent), maxPeers)
	for _, p := range recent {
		latency := "None"
		if l := p.Stats.Latency; l != nil {
			latency = seconds(time.Duration(l.Average) * time.Microsecond)
		}
		fmt.Fprintf(&b, "   %v | %s | %s | %s/s down | %s/s up\n", p.NodeIDs[0], p.Address, latency,
			bytesText(p.Stats.Down.Average), bytesText(p.Stats.Up.Average))
	}
	b.WriteString("Connection Table:\n" + indent(n.connectionsText(now), 2))
	for _, d := range domains() {
		fmt.Fprintf(&b, "%v relays: %d\n", d, len(n.table.Own(d).Relays()))
	}
	dh := n.crypto.DHStats()
	fmt.Fprintf(&b, "Crypto Stats:\n    DH Cache Hits/Misses/LRU: %d / %d / %d\n", dh.Hits, dh.Misses, dh.Evicted)
	local, remote := n.dht.local.Stats(), n.dht.remote.Stats()
	fmt.Fprintf(&b, "Records: %d local (%s), %d remote (%s)\nRoutes: %d allocated, %d remote\n", local.Records, bytesText(uint64(local.Bytes)),
		remote.Records, bytesText(uint64(remote.Bytes)), len(n.routes.Routes(now)), len(n.routes.Remotes(now)))
	a := n.attachmentStatus(n.attach.Status())
	fmt.Fprintf(&b, "VeilidStateAttachment:\n    state: %v\n    stage: %s\n    public_internet_ready: %v\n    local_network_ready: %v\n    uptime: %s\n    attached_uptime: %s\n"+
		"    reliable_peer_count: %d\n    live_peer_count: %d\n    estimated_network_size: %d\n    median_latency: %s\n    over_attached_nodes: %d\n",
		a.State, a.Stage, a.PublicInternetReady, a.LocalNetworkReady, seconds(a.Uptime), seconds(a.AttachedUptime),
		a.ReliablePeers, a.LivePeers, a.EstimatedSize, seconds(a.MedianLatency), a.OverAttached)
	if a.StartError != "" {
		fmt.Fprintf(&b, "    start_error: %s\n", a.StartError)
	}
	return b.String(), nil
}

// text shows what the whole node has moved.
func (m *trafficMeter) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("Down: %s\nUp:   %s\n", transferText(m.down.Transfer()), transferText(m.up.Transfer()))
}

func (n *Node) healthText(now time.Time) string {
	var b strings.Builder
	states := map[routing.State]int{}
	live := 0
	entries := n.table.Entries()
	for _, e := range entries {
		s := e.State(now)
		states[s]++
		if s.Live() {
			live++
		}
	}
	fmt.Fprintf(&b, "All Domains:\n    total=%d, live=%d (%s)\n", len(entries), live, statesText(states, ", "))
	for _, d := range domains() {
		own := n.table.Own(d)
		summary := own.Summary(now)
		fmt.Fprintf(&b, "%s:\n    Inbound: %v\n    Published: %v\n    Confirmed: %v\n    Summary:\n%s    Low Water Mark:\n%s", domainCode(d),
			own.InboundStage(now), own.Published() != nil, own.Confirmed(), indent(summaryText(summary), 8), indent(lowWaterText(summary), 8))
	}
	return b.String()
}

// statesText is the numbers of entries by state, the best first.
func statesText(states map[routing.State]int, between string) string {
	var parts []string
	for s := routing.StateReliable; ; s-- {
		if states[s] > 0 {
			parts = append(parts, fmt.Sprintf("%v=%d", s, states[s]))
		}
		if s == routing.StatePunished {
			return strings.Join(parts, between)
		}
	}
}

func domains() []wire.RoutingDomain {
	return []wire.RoutingDomain{wire.LocalNetwork, wire.PublicInternet}
}

func domainCode(d wire.RoutingDomain) string {
	if d == wire.LocalNetwork {
		return "LOC"
	}
	return "PUB"
}

func tallyText(t routing.Tally) string {
	return fmt.Sprintf("{any=%d, connectivity=%d, distance_metric=%d}", t.Any, t.Connectivity, t.Distance)
}

// lowWaterText is the fewest responsive entries outside our own network since the last
// bootstrap or refresh of peers ended.
func lowWaterText(list []routing.KindSummary) string {
	var b strings.Builder
	for _, k := range list {
		if k.LowWater != nil {
			fmt.Fprintf(&b, "%v: %s\n", k.Kind, tallyText(*k.LowWater))
		}
	}
	if b.Len() == 0 {
		return "None\n"
	}
	return b.String()
}

func summaryText(list []routing.KindSummary) string {
	var b strings.Builder
	for _, k := range list {
		fmt.Fprintf(&b, "%v:\n    total: %s\n    maybe_live: %s\n    live: %s\n    live_external: %s\n    responsive: %s\n", k.Kind,
			tallyText(k.Total), tallyText(k.MaybeLive), tallyText(k.Live), tallyText(k.LiveExternal), tallyText(k.Responsive))
	}
	return b.String()
}
