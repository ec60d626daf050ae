package core

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// debugCommand is one word of the debug language (spec 07 §9).
type debugCommand struct {
	name, usage, about string
	run                func(n *Node, ctx context.Context, args []string) (string, error)
}

func debugCommands() []debugCommand {
	return []debugCommand{
		{"nodeid", "", "this node's ids", debugNodeID},
		{"nodeinfo", "", "everything about this node", debugNodeInfo},
		{"dialinfo", "", "dial info per routing domain", debugDialInfo},
		{"peerinfo", "[public|local] [published|current]", "our peer info", debugPeerInfo},
		{"uptime", "", "since the start, and since attaching", debugUptime},
		{"buckets", "", "entries per bucket", debugBuckets},
		{"entries", "[dead|unreliable|reliable] [CAP,...]", "entries of the routing table", debugEntries},
		{"entry", "NODE", "one entry", debugEntry},
		{"contact", "NODE", "how a node is reached", debugContact},
		{"relay", "", "our relays", debugRelay},
		{"transport", "", "connections and counters", debugTransport},
		{"punish", "list|clear|add ID|remove ID", "punishments of the address filter", debugPunish},
		{"route", "list|print R|allocate [SEQ] [COUNT]|release R|publish R [full]|unpublish R|import BLOB|test R", "private routes", debugRoute},
		{"record", "list local|remote|info KEY|purge local|remote [BYTES]", "records of the distributed store", debugRecord},
		{"config", "[insecure] [KEY]", "a part of the configuration", debugConfig},
		{"txtrecord", "[KEYPAIR]", "bootstrap records of this node", debugTXTRecord},
		{"keypair", "[KIND]", "a new key pair", debugKeyPair},
		{"purge", "buckets|connections|routes", "forget some state", debugPurge},
		{"attach", "", "attach to the network", func(n *Node, _ context.Context, _ []string) (string, error) { return "Attached", n.Attach() }},
		{"detach", "", "detach from the network", func(n *Node, _ context.Context, _ []string) (string, error) { return "Detached", n.Detach() }},
		{"network", "restart|stats", "the network of this node", debugNetwork},
		{"ping", "NODE", "ask a node for its status", debugPing},
		{"resolve", "NODE", "find a node in the network", debugResolve},
		{"appcall", "#ROUTE DATA", "call an application", debugAppCall},
		{"appmessage", "#ROUTE DATA", "send a message to an application", debugAppMessage},
		{"appreply", "#ID DATA", "answer a call", debugAppReply},
		{"help", "[COMMAND]", "this list", debugHelp},
	}
}

// Debug runs a line of the debug language and returns its text, which is for people
// and not for programs. Errors: Generic for an unknown command, InvalidArgument and
// MissingArgument for bad arguments, ParseError for a missing quote.
func (n *Node) Debug(ctx context.Context, line string) (string, error) {
	if err := n.usable(); err != nil {
		return "", err
	}
	words, err := splitWords(line)
	if err != nil {
		return "", err
	}
	if len(words) == 0 {
		words = []string{"help"}
	}
	for _, c := range debugCommands() {
		if c.name == words[0] {
			text, err := c.run(n, ctx, words[1:])
			if err != nil {
				return "", apiError(err)
			}
			return text, nil
		}
	}
	return "", errorf(Generic, nil, "Unknown debug command")
}

// splitWords splits a line like a shell does, as far as quotes go.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, in := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, in = r, true
		case r == ' ' || r == '\t' || r == '\n' || r == '\r':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 {
		return nil, &Error{Kind: ParseError, Message: "missing closing quote", Value: line}
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}

func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// subcommand picks the function of a command family.
func subcommand[F any](family, argument string, args []string, table map[string]F) (F, error) {
	var none F
	if len(args) == 0 {
		return none, &Error{Kind: MissingArgument, Context: "debug_" + family, Argument: argument}
	}
	f, ok := table[args[0]]
	if !ok {
		return none, errorf(Generic, nil, "Unknown %s subcommand", family)
	}
	return f, nil
}

func debugHelp(_ *Node, _ context.Context, args []string) (string, error) {
	var b strings.Builder
	for _, c := range debugCommands() {
		switch {
		case len(args) == 0:
			fmt.Fprintf(&b, "%-11s %s\n", c.name, c.about)
		case args[0] == c.name:
			return fmt.Sprintf("%s\n\nUsage: debug %s\n", c.about, strings.TrimSpace(c.name+" "+c.usage)), nil
		}
	}
	if len(args) > 0 {
		return "", errorf(Generic, nil, "Unknown debug command")
	}
	return b.String(), nil
}

func debugNodeID(n *Node, _ context.Context, _ []string) (string, error) {
	return fmt.Sprint(n.ids()), nil
}

func debugUptime(n *Node, _ context.Context, _ []string) (string, error) {
	s := n.attachmentStatus(n.attach.Status())
	return fmt.Sprintf("Uptime: %v since launch, %v since attachment", s.Uptime.Round(time.Second), s.AttachedUptime.Round(time.Second)), nil
}

func debugConfig(n *Node, _ context.Context, args []string) (string, error) {
	cfg := n.cfg
	insecure := arg(args, 0) == "insecure"
	if insecure {
		args = args[1:]
	} else {
		cfg = redacted(cfg)
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		return "", err
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return "", err
	}
	if key := arg(args, 0); key != "" {
		for part := range strings.SplitSeq(key, ".") {
			m, ok := tree.(map[string]any)
			if !ok || m[part] == nil {
				return "", invalidArgument("debug_config", "arg_1", key)
			}
			tree = m[part]
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
	kind := n.crypto.Kinds().Best()
	if text := arg(args, 0); text != "" {
		k, err := crypto.ParseKind(text)
		if err != nil || !n.crypto.Kinds().Contains(k) {
			return "", invalidArgument("debug_keypair", "kind", text)
		}
		kind = k
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

func debugPurge(n *Node, _ context.Context, args []string) (string, error) {
	f, err := subcommand("purge", "parameter", args, map[string]func() string{
		"buckets": func() string {
			for _, e := range n.table.Entries() {
				n.table.Remove(e)
			}
			return "Buckets purged"
		},
		"connections": func() string { n.attach.CloseConnections(); return "Connections purged" },
		"routes":      func() string { n.routes.Purge(); return "Routes purged" },
	})
	if err != nil {
		return "", err
	}
	return f(), nil
}

func debugNetwork(n *Node, ctx context.Context, args []string) (string, error) {
	f, err := subcommand("network", "command", args, map[string]func() (string, error){
		"restart": func() (string, error) {
			if !n.attach.Started() {
				return "", errorf(Internal, nil, "Not attached")
			}
			n.attach.Restart()
			return "Network restarted", nil
		},
		"stats": func() (string, error) { return n.networkStats(ctx) },
	})
	if err != nil {
		return "", err
	}
	return f()
}

// node finds an entry by its id or the beginning of it.
func (n *Node) entryArg(command, text string) (id crypto.NodeID, err error) {
	if id, err = crypto.Parse[crypto.NodeID](text); err == nil {
		return id, nil
	}
	prefix := strings.TrimPrefix(text, n.crypto.Kinds().Best().String()+":")
	var found []crypto.NodeID
	for _, e := range n.table.Entries() {
		for _, have := range e.NodeIDs() {
			if prefix != "" && strings.HasPrefix(have.Bare(), prefix) {
				found = append(found, have)
			}
		}
	}
	if found = slices.Compact(found); len(found) == 1 {
		return found[0], nil
	}
	return id, invalidArgument(command, "node_id", text)
}

// networkStats tells how peers were reached, and the counters of the transports.
func (n *Node) networkStats(ctx context.Context) (string, error) {
	r := n.network.Reached()
	total := r.Existing + r.Direct + r.ReverseConnect + r.HolePunch + r.InboundRelay
	var b strings.Builder
	b.WriteString("Contact methods:\n")
	for _, m := range []struct {
		name  string
		count uint64
	}{
		{"Existing", r.Existing}, {"Direct", r.Direct}, {"SignalReverse", r.ReverseConnect},
		{"SignalHolePunch", r.HolePunch}, {"InboundRelay", r.InboundRelay},
	} {
		if m.count > 0 {
			fmt.Fprintf(&b, "  %s: %d/%d %.2f%%\n", m.name, m.count, m.count, 100*float64(m.count)/float64(total))
		}
	}
	fmt.Fprintf(&b, "Unanswered signals: %d\nFor others: %d reverse connected, %d holes punched, %d relayed\n",
		r.SignalsUnanswered, r.ReverseConnected, r.HolesPunched, r.RelayedForOthers)
	text, err := debugTransport(n, ctx, nil)
	return b.String() + text, err
}
