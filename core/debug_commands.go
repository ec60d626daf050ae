//go:build !nodebugapi

package core

import (
	"context"
	"slices"
	"strings"
)

// DebugCommand describes a word of the debug language (spec 07 §9), for the help of
// a program and for completing what a person types.
type DebugCommand struct {
	Name      string          // the word itself; of a subcommand, the second word
	About     string          // one line
	Arguments []DebugArgument // in their order
	Commands  []DebugCommand  // the second words; empty: it has none
}

// DebugArgument is what may stand at one place behind a command.
type DebugArgument struct {
	Name     string   // what it is: "node", "destination", "route", "key", ...
	About    string   // one line; "" if the name says it all
	Words    []string // words that may stand there; empty: anything
	Optional bool
	Repeated bool // it may stand several times
}

// Usage is the command with its arguments in one line, as help shows it: <required>,
// [optional] and ... for what may be repeated.
func (c DebugCommand) Usage() string {
	parts := []string{c.Name}
	if len(c.Commands) > 0 {
		names := make([]string, len(c.Commands))
		for i, s := range c.Commands {
			names[i] = s.Name
		}
		parts = append(parts, strings.Join(names, "|"))
	}
	for _, a := range c.Arguments {
		parts = append(parts, a.usage())
	}
	return strings.Join(parts, " ")
}

func (a DebugArgument) usage() string {
	text := "<" + a.Name + ">"
	if a.Optional {
		text = "[" + a.Name + "]"
	}
	if a.Repeated {
		text += "..."
	}
	return text
}

// DebugCommands lists the commands of [Node.Debug], in the order of its help. The
// list is the caller's.
func DebugCommands() []DebugCommand { return describeAll(debugLanguage()) }

func describeAll(list []debugCommand) []DebugCommand {
	var all []DebugCommand
	for _, c := range list {
		all = append(all, DebugCommand{Name: c.name, About: c.about, Arguments: slices.Clone(c.args), Commands: describeAll(c.commands)})
	}
	return all
}

// debugFunc does the work of a command. args are the words behind the command, as
// many as its arguments allow.
type debugFunc func(n *Node, ctx context.Context, args []string) (string, error)

// debugCommand is a word with what it does: run, or what its second word says.
type debugCommand struct {
	name, about string
	args        []DebugArgument
	run         debugFunc      // nil: a second word decides
	commands    []debugCommand // second words
	missing     string         // name of the second word in errors
}

// fits reports whether that many words may stand behind the command.
func (c *debugCommand) fits(words int) bool {
	least, most := 0, len(c.args)
	for _, a := range c.args {
		if !a.Optional {
			least++
		}
		if a.Repeated {
			return words >= least
		}
	}
	return least <= words && words <= most
}

// Shorthands for the table below.
func need(name, about string, words ...string) DebugArgument {
	return DebugArgument{Name: name, About: about, Words: words}
}

func may(name, about string, words ...string) DebugArgument {
	return DebugArgument{Name: name, About: about, Words: words, Optional: true}
}

func many(name, about string, words ...string) DebugArgument {
	return DebugArgument{Name: name, About: about, Words: words, Optional: true, Repeated: true}
}

// What several commands say of their arguments.
const (
	aboutNode        = "a node id, or the beginning of one, of the routing table"
	aboutNodeRef     = "NODE[+SEQUENCING][/udp|tcp|ws|wss][/ipv4|ipv6][/pub|loc]"
	aboutDestination = "NODE[+SAFETY][/udp|tcp|ws|wss][/ipv4|ipv6][/pub|loc], RELAY@TARGET[...], or #ROUTE[+SAFETY]; " +
		"SAFETY is -SEQUENCING (unhidden) or [ROUTE][,SEQUENCING][,rel|low][,HOPS]; SEQUENCING is pru, pro or eno"
	aboutData    = "a word, quoted text, or # and hexadecimal digits"
	aboutRoute   = "a route id, or the beginning of one"
	aboutKey     = "the record's key; it may be left out if only one record is open"
	aboutSubkeys = "numbers and ranges: 2 or 1..=3,5..=8; all if left out"
)

// debugLanguage is the whole language (spec 07 §9).
func debugLanguage() []debugCommand {
	return []debugCommand{
		{name: "nodeid", about: "this node's ids", run: debugNodeID},
		{name: "buckets", about: "entries of the routing table by bucket", run: debugBuckets, args: []DebugArgument{
			may("state", "the least state that counts", "punished", "dead", "unreliable", "reliable"),
		}},
		{name: "dialinfo", about: "dial info and state of this node's routing domains", run: debugDialInfo},
		{name: "peerinfo", about: "this node's peer info", run: debugPeerInfo, args: []DebugArgument{
			many("which", "a routing domain, and whether as published or as it is now",
				"public", "local", "pub", "loc", "publicinternet", "localnetwork", "published", "current"),
		}},
		{name: "contact", about: "how a node is reached", run: debugContact, args: []DebugArgument{need("node", aboutNodeRef)}},
		{name: "keypair", about: "make a key pair and show it", run: debugKeyPair, args: []DebugArgument{may("kind", "a kind of cryptosystem", "VLD0")}},
		{name: "entries", about: "entries of the routing table", run: debugEntries, args: []DebugArgument{
			many("filter", "the least state, the order or columns, or capabilities with commas between",
				"punished", "dead", "unreliable", "reliable", "fastest", "liveness"),
		}},
		{name: "entry", about: "everything about one entry of the routing table", run: debugEntry, args: []DebugArgument{need("node", aboutNodeRef)}},
		{name: "punish", about: "punishments of the address filter", missing: "command", commands: []debugCommand{
			{name: "list", about: "list punishments, loads and limits", run: debugPunishList},
			{name: "clear", about: "end all punishments", run: debugPunishClear},
			{name: "add", about: "punish a node or an address for an hour", run: debugPunishAdd, args: []DebugArgument{need("target", "a node id or an IP address")}},
			{name: "remove", about: "end one punishment", run: debugPunishRemove, args: []DebugArgument{need("target", "a node id or an IP address")}},
		}},
		{name: "txtrecord", about: "bootstrap records of this node", run: debugTXTRecord, args: []DebugArgument{
			may("keypairs", "key pairs to sign with, one each of a kind, in brackets with commas between if several"),
		}},
		{name: "relay", about: "change the relays in use; without nodes, use none", run: debugRelay, args: []DebugArgument{
			many("relay", "nodes ("+aboutNodeRef+"), then the routing domain", "public", "local"),
		}},
		{name: "transport", about: "health and availability of the transports", run: debugTransport, args: []DebugArgument{
			many("action", "stats, clear, or enable, disable, toggle with selectors (udp, tcp, ipv4, ipv6, udp/ipv6, ...); "+
				"toggle may end with a duration such as 30s, after which it turns back", transportWords()...),
		}},
		{name: "chaos", about: "lose, delay or limit this node's packets, to test bad networks", run: debugChaos, args: []DebugArgument{
			many("setting", "PATH shows, PATH=VALUE sets, reset [PATH], preset [NAME...] [PATH=VALUE...], stats; nothing shows all", chaosWords()...),
		}},
		{name: "ping", about: "ask a node for its status", run: debugPing, args: []DebugArgument{need("destination", aboutDestination)}},
		{name: "appmessage", about: "send a message to an application", run: debugAppMessage, args: []DebugArgument{
			need("destination", aboutDestination), many("data", aboutData),
		}},
		{name: "appcall", about: "call an application and wait for its reply", run: debugAppCall, args: []DebugArgument{
			need("destination", aboutDestination), many("data", aboutData),
		}},
		{name: "appreply", about: "reply to a call that waits", run: debugAppReply, args: []DebugArgument{
			may("id", "the call's number in hexadecimal, # before it or not; the newest call if left out"), many("data", aboutData),
		}},
		{name: "resolve", about: "find a destination in the network", run: debugResolve, args: []DebugArgument{need("destination", aboutDestination)}},
		{name: "nodeinfo", about: "everything about this node", run: debugNodeInfo},
		{name: "purge", about: "forget some state", missing: "parameter", commands: []debugCommand{
			{name: "buckets", about: "forget all entries of the routing table", run: debugPurgeBuckets},
			{name: "connections", about: "close all connections", run: debugPurgeConnections},
			{name: "routes", about: "forget all private routes", run: debugPurgeRoutes},
		}},
		{name: "attach", about: "attach to the network", run: debugAttach},
		{name: "detach", about: "detach from the network", run: debugDetach},
		{name: "config", about: "show the configuration", run: debugConfig, args: []DebugArgument{
			may("mode", "insecure shows secrets too; else this is the key", "insecure"),
			may("key", "a part, such as network.protocol.udp"),
		}},
		{name: "network", about: "restart the network, or show its statistics", missing: "arg_0", commands: []debugCommand{
			{name: "restart", about: "restart the network of this node", run: debugNetworkRestart},
			{name: "stats", about: "traffic, and how peers were reached", run: debugNetworkStats},
		}},
		{name: "route", about: "private routes", missing: "command", commands: []debugCommand{
			{name: "allocate", about: "make a route", run: debugRouteAllocate, args: []DebugArgument{
				many("option", "sequencing, stability, number of hops, direction, and avoid with nodes that must not be hops",
					"pru", "pro", "eno", "rel", "low", "in", "out", "avoid"),
			}},
			{name: "release", about: "forget a route", run: debugRouteRelease, args: []DebugArgument{need("route", aboutRoute)}},
			{name: "publish", about: "show the blob of a route, for import on another node", run: debugRoutePublish, args: []DebugArgument{
				need("route", aboutRoute), may("full", "a blob that needs no knowledge of the first hop", "full"),
			}},
			{name: "unpublish", about: "note that a route is not published any more", run: debugRouteUnpublish, args: []DebugArgument{need("route", aboutRoute)}},
			{name: "print", about: "everything about a route", run: debugRoutePrint, args: []DebugArgument{need("route", aboutRoute)}},
			{name: "list", about: "list own and imported routes", run: debugRouteList},
			{name: "import", about: "import the blob of a route", run: debugRouteImport, args: []DebugArgument{need("blob", "as route publish shows it")}},
			{name: "test", about: "test an own or imported route", run: debugRouteTest, args: []DebugArgument{need("route", aboutRoute)}},
			{name: "reallocate", about: "replace the routes that the node has made for itself", run: debugRouteReallocate},
			{name: "diag", about: "the hops of a route, and how each is reached from the one before", run: debugRouteDiag, args: []DebugArgument{need("route", aboutRoute)}},
		}},
		{name: "record", about: "records of the distributed store", missing: "command", commands: debugRecordCommands()},
		{name: "table", about: "tables of the encrypted store", missing: "command", commands: []debugCommand{
			{name: "list", about: "list all tables", run: debugTableList},
			{name: "info", about: "size and traffic of a table", run: debugTableInfo, args: []DebugArgument{need("name", "as table list shows it")}},
		}},
		{name: "uptime", about: "time since the start, and since attaching", run: debugUptime},
		{name: "lifecycle", about: "whether the application is in the foreground or background", run: debugLifecycle},
		{name: "help", about: "this list, or the help of a command", run: debugHelp, args: []DebugArgument{
			many("command", "a command, and the second word of one that has them"),
		}},
	}
}

func debugRecordCommands() []debugCommand {
	key := may("key", aboutKey)
	return []debugCommand{
		{name: "list", about: "list records", run: debugRecordList, args: []DebugArgument{
			need("scope", "", "local", "remote", "opened", "offline", "watched", "transactions"),
		}},
		{name: "purge", about: "forget records; open ones are closed first", run: debugRecordPurge, args: []DebugArgument{
			need("scope", "", "local", "remote"),
			many("limit", "how many bytes may stay, or --keys and the keys to forget with commas between", "--keys"),
		}},
		{name: "create", about: "make a record and open it", run: debugRecordCreate, args: []DebugArgument{
			may("schema", "a number of subkeys, or JSON text"), may("kind", "a kind of cryptosystem", "VLD0"),
			may("safety", "-SEQUENCING or [ROUTE][,SEQUENCING][,rel|low][,HOPS]"),
		}},
		{name: "open", about: "open a record", run: debugRecordOpen, args: []DebugArgument{
			need("key", "the record's key, with +SAFETY if not the default"), may("writer", "a key pair to write with"),
		}},
		{name: "close", about: "close a record", run: debugRecordClose, args: []DebugArgument{key}},
		{name: "get", about: "read a subkey", run: debugRecordGet, args: []DebugArgument{
			key, may("subkey", "a number"), may("force", "ask the network", "force"),
		}},
		{name: "set", about: "write a subkey", run: debugRecordSet, args: []DebugArgument{
			key, may("subkey", "a number"), may("data", aboutData), may("writer", "a key pair to write with"),
			may("offline", "whether the value may wait for the network", "offline", "online"),
			may("minseq", "the least sequence number: a number, max or max-N", "max"),
		}},
		{name: "delete", about: "forget a record on this device", run: debugRecordDelete, args: []DebugArgument{need("key", "the record's key")}},
		{name: "info", about: "what this node has of a record", run: debugRecordInfo, args: []DebugArgument{
			need("key", "the record's key"), may("subkey", "a number"),
		}},
		{name: "watch", about: "watch a record", run: debugRecordWatch, args: []DebugArgument{
			key, may("subkeys", aboutSubkeys), may("expiration", "microseconds since 1970, or a duration such as 10m; 0 is never"),
			may("count", "how many changes; any number if left out"),
		}},
		{name: "cancel", about: "end a watch, or a part of it", run: debugRecordCancel, args: []DebugArgument{key, may("subkeys", aboutSubkeys)}},
		{name: "inspect", about: "compare sequence numbers with the network", run: debugRecordInspect, args: []DebugArgument{
			key, may("scope", "", "local", "syncget", "syncset", "updateget", "updateset"), may("subkeys", aboutSubkeys),
		}},
		{name: "rehydrate", about: "write what is here to the network again", run: debugRecordRehydrate, args: []DebugArgument{
			need("key", "the record's key"), may("subkeys", aboutSubkeys), may("nodes", "how many nodes have to have it"),
		}},
	}
}
