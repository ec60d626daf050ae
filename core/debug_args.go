//go:build !nodebugapi

package core

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// The arguments of the debug language (spec 07 §9). A function that reads one gives
// ok = false for a word that is none; who calls it knows the command and the name of
// the argument for the error.

// arg is a word, "" if there is none.
func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

func missingArgument(context, argument string) *Error {
	return &Error{Kind: MissingArgument, Context: context, Argument: argument}
}

// readSequencing reads pru, pro, eno or the long names.
func readSequencing(text string) (wire.Sequencing, bool) {
	switch text {
	case "pru", "PreferUnordered":
		return wire.PreferUnordered, true
	case "pro", "PreferOrdered":
		return wire.PreferOrdered, true
	case "eno", "EnsureOrdered":
		return wire.EnsureOrdered, true
	}
	return 0, false
}

// readSafety reads -SEQUENCING, or [ROUTE][,SEQUENCING][,rel|low][,HOPS].
func (n *Node) readSafety(text string) (route.SafetySelection, bool) {
	if seq, unsafe := strings.CutPrefix(text, "-"); unsafe {
		s, ok := readSequencing(seq)
		return route.Unsafe(s), ok
	}
	spec := route.SafetySpec{
		HopCount: int(n.settings().Network.RPC.DefaultRouteHopCount), Stability: route.Reliable, Sequencing: wire.PreferUnordered,
	}
	for i, word := range strings.Split(text, ",") {
		seq, sequencing := readSequencing(word)
		hops, err := strconv.Atoi(word)
		switch {
		case word == "" && i == 0:
		case sequencing:
			spec.Sequencing = seq
		case word == "rel":
			spec.Stability = route.Reliable
		case word == "low":
			spec.Stability = route.LowLatency
		case err == nil && hops >= 1 && hops <= n.opts.Tuning.MaxRouteHopCount:
			spec.HopCount = hops
		case i == 0:
			id, ok := n.readRoute(word)
			if !ok {
				return route.SafetySelection{}, false
			}
			spec.Preferred = id
		default:
			return route.SafetySelection{}, false
		}
	}
	return route.Safe(spec), true
}

// nodeModifiers restrict how a node is reached.
type nodeModifiers struct {
	protocols wire.ProtocolSet
	addresses wire.AddressSet
	domain    *wire.RoutingDomain // nil: the best
}

func (m nodeModifiers) filter() routing.DialFilter {
	return routing.DialFilter{Protocols: m.protocols, Families: m.addresses}
}

// readModifiers reads what stands between slashes: udp|tcp|ws|wss, ipv4|ipv6, pub|loc.
func readModifiers(words []string) (m nodeModifiers, ok bool) {
	m = nodeModifiers{protocols: wire.AllProtocols, addresses: wire.AllAddresses}
	for _, word := range words {
		switch word {
		case "udp":
			m.protocols = wire.Protocols(wire.UDP)
		case "tcp":
			m.protocols = wire.Protocols(wire.TCP)
		case "ws":
			m.protocols = wire.Protocols(wire.WS)
		case "wss":
			m.protocols = wire.Protocols(wire.WSS)
		case "ipv4":
			m.addresses = wire.Addresses(wire.IPv4)
		case "ipv6":
			m.addresses = wire.Addresses(wire.IPv6)
		case "pub", "loc":
			d := wire.PublicInternet
			if word == "loc" {
				d = wire.LocalNetwork
			}
			m.domain = &d
		default:
			return m, false
		}
	}
	return m, true
}

// readNode finds an entry by its id, or by the beginning of it if only one fits.
func (n *Node) readNode(text string) (*routing.Entry, bool) {
	if id, err := crypto.Parse[crypto.NodeID](text); err == nil {
		e := n.table.Lookup(id)
		return e, e != nil
	}
	prefix := strings.TrimPrefix(text, n.crypto.Kinds().Best().String()+":")
	var found []*routing.Entry
	for _, e := range n.table.Entries() {
		if prefix != "" && slices.ContainsFunc(e.NodeIDs(), func(id crypto.NodeID) bool { return strings.HasPrefix(id.Bare(), prefix) }) {
			found = append(found, e)
		}
	}
	if len(found) != 1 {
		return nil, false
	}
	return found[0], true
}

// nodeRef is NODE[+SEQUENCING][MODS].
type nodeRef struct {
	entry *routing.Entry
	seq   wire.Sequencing
	nodeModifiers
}

func (n *Node) readNodeRef(text string) (r nodeRef, ok bool) {
	words := strings.Split(text, "/")
	if r.nodeModifiers, ok = readModifiers(words[1:]); !ok {
		return r, false
	}
	name, seq, some := strings.Cut(words[0], "+")
	r.seq = wire.PreferUnordered
	if some {
		if r.seq, ok = readSequencing(seq); !ok {
			return r, false
		}
	}
	r.entry, ok = n.readNode(name)
	return r, ok
}

// readRoute finds a route of ours or an imported one by its id, or by the beginning
// of it.
func (n *Node) readRoute(text string) (crypto.RouteID, bool) {
	id, err := crypto.Parse[crypto.RouteID](text)
	bare := strings.TrimPrefix(text, n.crypto.Kinds().Best().String()+":")
	if bare == "" {
		return crypto.RouteID{}, false
	}
	now := time.Now()
	var all []crypto.RouteID
	for _, r := range n.routes.Routes(now) {
		all = append(all, r.ID)
	}
	for _, r := range n.routes.Remotes(now) {
		all = append(all, r.ID)
	}
	for _, have := range all {
		if err == nil && have == id || err != nil && strings.HasPrefix(have.Bare(), bare) {
			return have, true
		}
	}
	return crypto.RouteID{}, false
}

// destination is what a DEST comes to.
type destination struct {
	rpc.Destination
	text string          // what it is
	node *routing.Entry  // nil: a route
	seq  wire.Sequencing // of a node
}

// readDestination reads NODE[+SAFETY][MODS], RELAY@TARGET[+SAFETY][MODS] (RELAY may
// also be a dial info, behind the @) or #ROUTE[+SAFETY], where ROUTE may also be the
// number that route import gave. lookup finds a node that is not in the table; nil:
// such a one is none.
func (n *Node) readDestination(text string, lookup func(crypto.NodeID) *routing.Entry) (d destination, ok bool) {
	if rest, private := strings.CutPrefix(text, "#"); private {
		return n.readRouteDestination(rest)
	}
	left, right, relayed := strings.Cut(text, "@")
	var relay *wire.DialInfo
	if relayed {
		if di, ok := readDialInfo(right); ok {
			relay, text = &di, left
		} else {
			text = right
		}
	}
	words := strings.Split(text, "/")
	mods, ok := readModifiers(words[1:])
	if !ok {
		return d, false
	}
	name, safety, some := strings.Cut(words[0], "+")
	selection := route.Unsafe(wire.PreferUnordered)
	if some {
		if selection, ok = n.readSafety(safety); !ok {
			return d, false
		}
	}
	d.seq = selection.Sequencing()
	if d.node, ok = n.readNode(name); !ok {
		id, err := crypto.Parse[crypto.NodeID](name)
		if err != nil || lookup == nil {
			return d, false
		}
		if d.node = lookup(id); d.node == nil {
			return d, false
		}
	}
	d.text = "Direct { node: " + d.node.BestID().String()
	d.Destination = rpc.SafeNode(d.node, selection).Over(mods.protocols, mods.addresses)
	if relayed {
		if relay == nil {
			r, ok := n.readNode(left)
			if !ok {
				return d, false
			}
			if relay = relayDialInfo(r, mods); relay == nil {
				return d, false
			}
		}
		d.text = "Relay { relay_di: " + relay.String() + ", node: " + d.node.BestID().String()
		d.Destination = rpc.NodeAt(d.node, *relay)
	}
	d.text += ", safety_selection: " + safetyText(selection) + " }"
	return d, true
}

func (n *Node) readRouteDestination(text string) (d destination, ok bool) {
	name, safety, some := strings.Cut(text, "+")
	selection := route.Safe(n.Context().safety)
	if some {
		if selection, ok = n.readSafety(safety); !ok {
			return d, false
		}
	}
	id, ok := n.debug.imported(name)
	if !ok {
		if id, ok = n.readRoute(name); !ok {
			return d, false
		}
	}
	pr, err := n.routes.RemoteRoute(id, time.Now())
	if err != nil {
		return d, false
	}
	d.Destination = rpc.PrivateRoute(pr, selection)
	d.text = "PrivateRoute { route: " + id.String() + ", safety_selection: " + safetyText(selection) + " }"
	return d, true
}

// relayDialInfo is a dial info of a node that can be dialled and fits.
func relayDialInfo(e *routing.Entry, m nodeModifiers) *wire.DialInfo {
	p := e.PeerInfo(wire.PublicInternet)
	if p == nil {
		return nil
	}
	for _, d := range p.Info.DialInfo {
		if !d.Class.NeedsSignal() && m.filter().Matches(routing.TransportOf(d.DialInfo)) {
			return &d.DialInfo
		}
	}
	return nil
}

// readDialInfo reads udp|ADDR:PORT, tcp|ADDR:PORT or ws|ADDR|REQUEST.
func readDialInfo(text string) (wire.DialInfo, bool) {
	parts := strings.SplitN(text, "|", 3)
	var d wire.DialInfo
	if len(parts) < 2 {
		return d, false
	}
	url := parts[0] + "://" + parts[len(parts)-1]
	u, err := wire.ParseURL(url)
	if err != nil {
		return d, false
	}
	host := u.Host
	if len(parts) == 3 {
		host = parts[1]
	}
	a, ok := parseAddr(host)
	if !ok {
		return d, false
	}
	d, err = u.At(a)
	return d, err == nil
}

// safetyText is a selection in the form that readSafety reads.
func safetyText(s route.SafetySelection) string {
	seq := [...]string{"pru", "pro", "eno"}[min(int(s.Sequencing()), 2)]
	spec, safe := s.Spec()
	if !safe {
		return "Unsafe(" + seq + ")"
	}
	words := []string{seq, "rel", strconv.Itoa(spec.HopCount)}
	if spec.Stability == route.LowLatency {
		words[1] = "low"
	}
	if !spec.Preferred.IsZero() {
		words = append([]string{spec.Preferred.String()}, words...)
	}
	return "Safe(" + strings.Join(words, ",") + ")"
}

// readData reads a word, or # and hexadecimal digits.
func readData(text string) ([]byte, bool) {
	if digits, ok := strings.CutPrefix(text, "#"); ok {
		b, err := hex.DecodeString(digits)
		return b, err == nil
	}
	return []byte(text), true
}

// readSubkeys reads 2 or 1..=3,5..=8.
func readSubkeys(text string) ([]SubkeyRange, bool) {
	var ranges []SubkeyRange
	for part := range strings.SplitSeq(text, ",") {
		first, last, ok := strings.Cut(part, "..=")
		if !ok {
			last = first
		}
		a, err1 := strconv.ParseUint(first, 10, 32)
		b, err2 := strconv.ParseUint(last, 10, 32)
		if err1 != nil || err2 != nil || a > b {
			return nil, false
		}
		ranges = append(ranges, SubkeyRange{Start: uint32(a), End: uint32(b)})
	}
	return ranges, true
}

// readMoment reads microseconds since 1970, a number of microseconds from now, or a
// duration such as 10m; 0 is never, the zero time.
func readMoment(text string, now time.Time) (time.Time, bool) {
	us, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil && us == 0:
		return time.Time{}, true
	case err == nil && us > 0 && time.UnixMicro(us).After(time.Unix(1e9, 0)):
		return time.UnixMicro(us), true
	case err == nil && us > 0:
		return now.Add(time.Duration(us) * time.Microsecond), true
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return time.Time{}, false
	}
	return now.Add(d), true
}
