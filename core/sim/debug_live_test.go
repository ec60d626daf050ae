//go:build !nodebugapi

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport/memory"
)

// debugger runs lines on a node and remembers which commands were run.
type debugger struct {
	t     *testing.T
	node  *Node
	peers []*Node
	ran   map[string]bool
}

// line runs a command and fails unless its text has all the given parts.
func (d *debugger) line(command string, parts ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), time.Minute)
	defer cancel()
	words := strings.Fields(command + " - -")
	d.ran[words[0]], d.ran[words[0]+" "+words[1]] = true, true
	text, err := d.node.Debug(ctx, command)
	if err != nil {
		d.t.Errorf("%s: %v", command, err)
	}
	if os.Getenv("DEBUG_SHOW") != "" {
		d.t.Logf("> %s\n%s", command, text)
	}
	for _, p := range parts {
		if !strings.Contains(text, p) {
			d.t.Errorf("%s: no %q in\n%s", command, p, text)
		}
	}
	return text
}

// fails runs a command that must fail with a kind.
func (d *debugger) fails(command string, kind core.ErrorKind) {
	d.t.Helper()
	if text, err := d.node.Debug(d.t.Context(), command); core.KindOf(err) != kind {
		d.t.Errorf("%s: %q %v, want %s", command, text, err, kind)
	}
}

// settle lets the virtual clock go on.
func settle(d time.Duration) { time.Sleep(d) }

// Every command of the debug language does what it says on a live network.
func TestDebugLanguage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(11)
		defer net.Memory.Close()
		nodes := start(t, net, 10, nil)
		defer func() { closeAll(t, nodes) }()
		if t.Failed() {
			return
		}
		d := &debugger{t: t, node: nodes[1], peers: nodes, ran: map[string]bool{}}
		other, far := nodes[2].ID().String(), nodes[4]
		d.node.Debug(t.Context(), "ping "+other) // some traffic before the look

		d.line("nodeid", d.node.ID().String())
		d.line("uptime", "since launch: ", "since attachment: ")
		d.line("lifecycle", "Foreground")
		d.node.SetBackground(true)
		d.line("lifecycle", "Background")
		d.node.SetBackground(false)
		d.line("nodeinfo", "Node Ids: ["+d.node.ID().String(), "Self Transfer Stats:", "Routing Table Health:", "total=9, live=9",
			"RPC:", "Recent Peers: ", "Connections: (", "state: Attached", "public_internet_ready: true", "VLD0",
			"Version: 0.5.8", "Features: [\"app-lifecycle\", \"debug-api\",", "Priority Flows: (0/64)")
		d.debugFigures(other)
		d.line("dialinfo", "PublicInternet:", "LocalNetwork:", "Direct:udp|"+IPv4(2).String()+":5150", "Inbound Stage: ReadyToPublish",
			"Confirmed: true", "Need Relay Transports: None", "Bootstrap Records: [")
		d.line("peerinfo", "PublicInternet Published PeerInfo:", d.node.ID().String(), "DHTV", "Direct:tcp|", "relay_info_list:", "signed: true")
		d.line("peerinfo local", "LocalNetwork Published PeerInfo: None")
		d.line("peerinfo local current", "LocalNetwork Current PeerInfo:")
		for _, state := range []string{"", " punished", " dead", " unreliable"} {
			d.line("buckets"+state, "Buckets:\n  VLD0:", "240:")
			if text := d.line("entries"+state, "Entries: 9", "VLD0 Bucket #", other, "Filtered Total: 9", "ROUT"); strings.Count(text, "lastq@") != 9 {
				t.Errorf("entries%s shows\n%s", state, text)
			}
		}
		d.line("buckets reliable", "240:")
		d.line("entries fastest", "   0: ", "Relay Capable: ", "Relaying Through This Node: 0")
		d.line("entries liveness", "Total: 9", "Healthy")
		d.line("entries DHTV,APPM", "Filtered Total: 9")
		d.line("entries ABCD", "Filtered Total: 0")
		d.line("entry "+other, "node_ids: ["+other, "peer_info:", "signed: true", "Direct:udp|"+IPv4(3).String(), "last_flows:", "last_sender_info:",
			"per_transport_stats:", "cm_viability:", "state_reason: ", "ref_count:")
		d.line("entry "+nodes[2].ID().Bare()[:10]+"/udp", other)
		d.line("contact "+other, "Resolved(", "Direct {", "In order:")
		d.line("contact "+other+"+eno/ipv4", "tcp|"+IPv4(3).String())
		d.line("contact "+other+"/loc", "Unreachable")
		d.line("resolve "+far.ID().String(), "Destination: Direct", "Unsafe(pru)", far.ID().String(), "state_reason:")
		d.line("config network.rpc.default_route_hop_count", "1")
		if text := d.line("config"); strings.Contains(text, "VLD0:"+strings.Repeat("A", 3)) || !strings.Contains(text, `"secret_keys": []`) {
			t.Errorf("config shows secrets:\n%s", text)
		}
		if text := d.line("config insecure network.routing_table.secret_keys"); len(text) < 40 {
			t.Errorf("no secret key in %s", text)
		}
		pair := strings.TrimSpace(d.line("keypair", "VLD0:"))
		d.line("keypair VLD0", "VLD0:")
		record := d.line("txtrecord", "V0:\n0|0|"+d.node.ID().String(), "U5150", "T5150", "W5150/ws")
		if strings.Contains(record, "V1:") {
			t.Error("a signed record without a key")
		}
		d.line("txtrecord "+pair, "V1:\n1|0|")
		d.line("help", "record")
		d.line("help record get", "Usage: debug record get")

		d.debugReach(other)
		d.debugTransport(other)
		d.debugRoutes(nodes)
		d.debugRecords(nodes)
		d.debugEnd(other)

		for _, c := range core.DebugCommands() {
			if !d.ran[c.Name] {
				t.Errorf("%s was not run", c.Name)
			}
			for _, s := range c.Commands {
				if !d.ran[c.Name+" "+s.Name] {
					t.Errorf("%s %s was not run", c.Name, s.Name)
				}
			}
		}
	})
}

// figure reads one number of a text.
func (d *debugger) figure(text, pattern string) float64 {
	d.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		d.t.Errorf("no %q in\n%s", pattern, text)
		return -1
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		d.t.Errorf("%q: %v", pattern, err)
	}
	return v
}

// debugFigures: what nodeinfo measures rises with the traffic.
func (d *debugger) debugFigures(other string) {
	t := d.t
	const pings = 3
	answered, served := `(?m)^ +StatusA: .* \(n=(\d+)\)$`, `(?m)^ +StatusQ: .* \(n=(\d+)\)$`
	hits, misses := `DH Cache Hits/Misses/LRU: (\d+) /`, `DH Cache Hits/Misses/LRU: \d+ / (\d+) / 0\n`
	settle(time.Minute) // in which each looks for peers and tests its routes
	before := d.line("nodeinfo", "RPC Worker Dequeue Latency:\n    ", "RPC Worker Process Latency:\n    ", "RPC Message Processing Latency:\n",
		"Relay Worker Dequeue Latency:\n    0.000ms slow", "Relay Worker Process Latency:\n    0.000ms slow")
	for _, kind := range []string{"StatusQ", "StatusA", "FindNodeQ", "FindNodeA", "Route"} {
		if n := d.figure(before, `(?m)^ +`+kind+`: [0-9.]+ms slow \|.* \(n=(\d+)\)$`); n < 1 {
			t.Errorf("%.0f messages %s", n, kind)
		}
	}
	if strings.Contains(before, "AppCallQ") {
		t.Errorf("calls that nobody made in\n%s", before)
	}
	// A link takes 4 ms, and all else no time in virtual time.
	if ms := d.figure(before, `Self Latency Stats:\n    [0-9.]+ms slow \| ([0-9.]+)ms avg`); ms != 8 {
		t.Errorf("round trips of %v ms, want 8", ms)
	}
	low := d.figure(before, `PUB:\n(?:.*\n)+? +Low Water Mark:\n +VLD0: \{any=(\d+)`)
	if low < 1 || low > 9 {
		t.Errorf("low-water mark %v of 9 peers", low)
	}
	for range pings {
		d.line("ping "+other, "Answer {")
	}
	synctest.Wait() // a worker counts a message once it has handled it, after it has woken who waits
	after := d.line("nodeinfo")
	if rose := d.figure(after, answered) - d.figure(before, answered); rose < pings {
		t.Errorf("%v more answers after %d pings", rose, pings)
	}
	if rose := d.figure(after, hits) - d.figure(before, hits); rose < 2*pings { // to seal and to open
		t.Errorf("%v more hits after %d pings", rose, pings)
	}
	if a, b := d.figure(before, misses), d.figure(after, misses); a < 1 || a > b {
		t.Errorf("%v key agreements and later %v", a, b)
	}
	asked := &debugger{t: t, node: d.node, ran: d.ran}
	for _, n := range d.peers {
		if n.ID().String() == other {
			asked.node = n
		}
	}
	if n := d.figure(asked.line("nodeinfo"), served); n < pings {
		t.Errorf("the other node has handled %v StatusQ, want %d and more", n, pings)
	}
}

// debugTables: what table info counts is what the application did.
func (d *debugger) debugTables() {
	t, ctx := d.t, d.t.Context()
	db, err := d.node.OpenTable(ctx, "counted", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, key := range []string{"a", "b"} {
		if err := db.Store(ctx, 0, []byte(key), make([]byte, 99)); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, err := db.Load(ctx, 0, []byte("a")); !found || err != nil {
		t.Fatal(found, err)
	}
	if _, found, err := db.Delete(ctx, 0, []byte("b")); !found || err != nil {
		t.Fatal(found, err)
	}
	const did = "Transactions:          3\n    Reads:                 2\n    Cache reads:           0\n    Writes:                2\n" +
		"    Bytes read:         200B\n    Cache bytes read:     0B\n    Bytes written:      200B\n    Deletes:               1\n    Prefix deletes:        0\n" +
		"    Write size buckets:\n         128:      2\n    Transaction write size buckets:\n           0:      1  0us\n         128:      2  0us\n"
	const nothing = "Transactions:          0\n    Reads:                 0\n"
	for i, since := range []string{did, nothing, nothing} {
		text := d.line("table info counted", "Owner: application", "Column 0:\n  Key Count: 1\n  Size: 100B")
		_, text, _ = strings.Cut(text, "IO Stats (since previous query):")
		lately, all, _ := strings.Cut(text, "IO Stats (overall):")
		if !strings.Contains(lately, since) {
			t.Errorf("look %d: since the one before:\n%s", i, lately)
		}
		if !strings.Contains(all, did) {
			t.Errorf("look %d: overall:\n%s", i, all)
		}
	}
}

// debugReach: ping, punish, relay.
func (d *debugger) debugReach(other string) {
	for _, mods := range []string{"", "/udp", "/tcp", "/ws/ipv6", "+-eno", "+pro,low,1"} {
		text := d.line("ping "+other+mods, "Answer {", "latency: ", "destination: Direct")
		if want := strings.Contains(mods, "/tcp"); want && !strings.Contains(text, "TCP ") {
			d.t.Errorf("ping by TCP went otherwise:\n%s", text)
		}
	}
	d.line("punish list", "punishments_by_ip4: {}", "punishments_by_node_id: {}", "max_connections_per_ip4: 32")
	d.line("punish add 192.0.2.7", "address punishment added")
	d.line("punish add "+other, "node id punishment added")
	d.line("punish list", "192.0.2.7: Manual until ", other+": Manual until ")
	d.line("entries punished", "[PUNISH]")
	d.line("entry "+other, "punishment: true")
	d.line("punish remove 192.0.2.7", "forgiven")
	d.line("punish remove "+other, "forgiven")
	d.line("punish add 192.0.2.8", "added")
	d.line("punish clear", "cleared")
	d.line("punish list", "punishments_by_ip4: {}", "punishments_by_node_id: {}")
	d.line("relay "+other+" public", "Relay changed: 0 of 1") // nothing is missing that a relay could supply
	d.line("relay", "Relay changed")
}

// debugTransport: transports that are off, and bad links.
func (d *debugger) debugTransport(other string) {
	d.line("transport stats", "[PublicInternet]", "disabled: (none)", "UDP: ", "Connection Table:")
	d.line("transport disable udp tcp/ipv6", "disabled: UDP/IPV6, UDP/IPV4, TCP/IPV6", "now disabled: ")
	if text, err := d.node.Debug(d.t.Context(), "ping "+other+"/udp"); err == nil {
		d.t.Errorf("UDP is off and works: %s", text)
	}
	d.line("transport enable udp tcp", "enabled: UDP/IPV6, UDP/IPV4, TCP/IPV6, TCP/IPV4", "now disabled: (none)")
	d.line("transport clear", "transport stats cleared")
	d.line("transport toggle udp/ipv4 3s", "disabled [UDP/IPV4]", "reverting in 3s", "now disabled: UDP/IPV4")
	settle(4 * time.Second)
	d.line("transport stats", "disabled: (none)")
	d.line("ping "+other+"/udp/ipv4", "Answer {")

	d.line("chaos", `"value_changed"`, `"stall_close_ms": 0`)
	d.line("chaos net.self.send.loss=100 net.self.recv.rate=500", `"loss": 100`, `"rate": 500`)
	if text, err := d.node.Debug(d.t.Context(), "ping "+other+"/udp"); core.KindOf(err) != core.Timeout {
		d.t.Errorf("everything is lost, and: %s %v", text, err)
	}
	var stats struct{ Send struct{ Lost int } }
	if err := json.Unmarshal([]byte(d.line("chaos stats", `"capacity":100`)), &stats); err != nil || stats.Send.Lost == 0 {
		d.t.Errorf("nothing counted as lost: %+v %v", stats, err)
	}
	d.line("chaos net.self.send", `"loss": 100`)
	d.line("chaos net.ip['44.1.0.0/16'].recv.loss=25", `"44.1.0.0/16"`)
	d.line("chaos reset net.ip", `"ip": {}`)
	d.line("chaos preset", "mobile-bad", "mtu-blackhole")
	d.line("chaos preset mobile mtu-blackhole net.self.send.loss=3", `"rate": 500000`, `"max_size": 1380`, `"loss": 3`)
	d.line("chaos reset", `"ip": {}`)
	settle(10 * time.Second)
	d.line("ping "+other+"/udp", "Answer {")
}

var idPattern = regexp.MustCompile(`VLD0:[A-Za-z0-9_-]{43}`)

// debugRoutes: a route from allocation to its end, and messages through it.
func (d *debugger) debugRoutes(nodes []*Node) {
	t := d.t
	d.line("route list", "Allocated Routes: (count = ", "auto=true", "hops=[VLD0:", "Remote Routes: (count = 0)")
	avoided := nodes[5].ID().String()
	id := idPattern.FindString(d.line("route allocate pro rel 1 avoid "+avoided, "VLD0:"))
	if id == "" {
		t.Fatal("no route")
	}
	text := d.line("route print "+id, id, "auto=false", "dirs=In|Out", "hop 0: ")
	if strings.Contains(text, avoided) {
		t.Errorf("the route passes a node to avoid:\n%s", text)
	}
	d.line("route diag "+id, "hop 0: ", "from us, ", "Direct {")
	d.line("route test "+id, "SUCCESS")
	d.line("route publish "+id, "Published route "+id)
	blob := strings.TrimSpace(d.line("route publish "+id+" full", "Published route "+id))
	blob = blob[strings.LastIndexByte(blob, '\n')+1:]

	sender := &debugger{t: t, node: nodes[3], ran: d.ran}
	sender.line("route import "+blob, "Private route #0 imported: "+id)
	sender.line("route list", id, "Remote Routes: (count = 1)")
	sender.line("route print "+id, "remote:")
	sender.line("route test "+id, "SUCCESS")
	sender.line("ping #0", "PrivateRoute { route: "+id)
	sender.line("resolve #"+id[:20], "PrivateRoute { route: "+id)

	updates := d.node.Subscribe(0)
	defer updates.Close()
	sender.line("appmessage #0 'two  words'", "Sent 10 bytes")
	next := func() core.Update {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for {
			u, err := updates.Next(ctx)
			if err != nil {
				t.Fatalf("no message: %v", err)
			}
			switch u.(type) {
			case core.AppMessage, core.AppCall:
				return u
			}
		}
	}
	if m, ok := next().(core.AppMessage); !ok || string(m.Message) != "two  words" {
		t.Errorf("message %+v", m)
	}
	d.fails("appreply", core.Generic)
	d.fails("appreply fine", core.ParseError)
	d.fails("appreply 12 fine", core.Internal)
	for i, reply := range []string{"appreply fine", "appreply #%x #0aff"} {
		answered := make(chan string, 1)
		go func() {
			text, err := sender.node.Debug(t.Context(), "appcall #"+id+"+pro,1 #00ff")
			answered <- fmt.Sprint(text, err)
		}()
		call, ok := next().(core.AppCall)
		if !ok || string(call.Message) != "\x00\xff" {
			t.Errorf("call %+v", call)
		}
		command := reply
		if strings.Contains(reply, "%") {
			command = fmt.Sprintf(reply, call.CallID)
		}
		d.line(command, "Replied with ")
		if got, want := <-answered, []string{`received: "fine"`, `received: "\n\xff"`}[i]; !strings.Contains(got, want) {
			t.Errorf("answer %s, want %s", got, want)
		}
	}
	d.fails("appreply fine", core.ParseError) // both have been answered
	sender.ran["appcall"] = true
	sender.line("route release "+id, "Released")
	d.line("route unpublish "+id, "Route unpublished")
	d.line("route release "+id, "Released")
	d.fails("route release "+id, core.InvalidArgument)
	d.line("route reallocate", "released ", "allocated ")
	settle(20 * time.Second)
	d.line("route list", "auto=true")
}

// debugRecords: a record from its making to its end.
func (d *debugger) debugRecords(nodes []*Node) {
	t := d.t
	d.fails("record get 0", core.MissingArgument)
	d.line("record list opened", "Opened Records:\n[\n]")
	created := d.line("record create 3 VLD0 pro,rel,1", "Created: VLD0:", "owner_secret: Some(", `"o_cnt":3`)
	words := strings.Fields(created)
	key, writer := words[1], words[2]
	opaque := key[:len("VLD0:")+43]
	d.line("record list opened", key+" "+writer)
	d.line("record set 0 hello", "Success")
	d.line("record set "+key+" 1 'two words'", "Success")
	d.line("record set 2 #00ff offline 41", "Success")
	d.line("record get 0", `ValueData { seq: 0, data: "hello"`)
	d.line("record get "+key+" 1 force", `data: "two words"`)
	d.line("record get 2", "seq: 41", `data: "\x00\xff"`)
	d.line("record get 9", "Can't get DHT value", "subkey out of range")
	d.line("record get 0 nonsense", "Unknown force: nonsense")
	settle(10 * time.Second)
	d.line("record inspect syncget 0..=1", "subkeys: 0..=1", "local_seqs: [0,0]", "remote_seqs: [0,0]")
	d.line("record inspect", "local_seqs: [0,0,41]", "remote_seqs: [-,-,-]")
	d.line("record info "+key, "Local Info:", "subkey_seqs: [0,0,41]", "safety_selection: Safe(pro,rel,1)", "Opened Record:", "Remote Info:")
	d.line("record info "+key+" 0", "Local Subkey Info:", "seq: 0", "encrypted: true", "Remote Subkey Info:")
	d.line("record list local", opaque, "subkeys=0..=2", "Total Storage Space: ")
	d.line("record list offline", "Offline Records:")
	d.line("record rehydrate "+key+" 0..=1 5", "Request added")
	d.line("record list offline", opaque, "rehydrate: 0..=1")

	reader := &debugger{t: t, node: nodes[6], ran: d.ran}
	reader.line("record open "+key+"+eno,1", "Opened: "+key, "owner_secret: None")
	reader.line("record get 0 force", `data: "hello"`)
	reader.line("record watch 0..=1 10m 5", "Success")
	reader.line("record list watched", "outbound_watches(1)", "subkeys=0..=1", "count=5")
	settle(10 * time.Second)
	reader.line("record list watched", "per_node_states(", "watch_id=", "active=true")
	holders, watched := 0, 0
	for _, n := range nodes {
		h := &debugger{t: t, node: n, ran: d.ran}
		text := h.line("record list remote", "Remote Records:")
		if strings.Contains(text, opaque) {
			holders++
		}
		if strings.Contains(text, "watch_id=") {
			watched++
		}
	}
	if holders < 5 || watched == 0 {
		t.Errorf("%d nodes hold the record, %d are watched", holders, watched)
	}
	d.line("record set 0 again online", "Success")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var whole crypto.RecordKey
	if err := whole.UnmarshalText([]byte(key)); err != nil {
		t.Fatal(err)
	}
	tx, err := d.node.Transact(ctx, []crypto.RecordKey{whole}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Set(ctx, whole, 1, []byte("in a transaction"), core.SetOptions{}); err != nil {
		t.Error(err)
	}
	d.line("record list transactions", "transactions(1)", "stage=open", opaque+": wrote=1..=1 nodes=[VLD0:")
	inbound := 0
	for _, n := range nodes {
		text, err := n.Debug(ctx, "record list transactions")
		if err != nil {
			t.Error(err)
		}
		inbound += strings.Count(text, "staged=")
	}
	if inbound < 5 {
		t.Errorf("%d nodes take part in the transaction", inbound)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Error(err)
	}
	d.line("record list transactions", "transactions(0)")
	reader.line("record cancel 1", "Watch partially cancelled")
	reader.line("record cancel", "Watch cancelled")
	reader.fails("record set 0 x y z", core.InvalidArgument)
	reader.line("record set 0 mine", "Can't set DHT value")
	reader.line("record set "+key+" 0 theirs "+writer+" online max-5", "Success")
	d.line("record get 0 force", `data: "theirs"`, "seq: 4294967289")
	reader.line("record close", "Closed: "+key)
	reader.fails("record close", core.MissingArgument)
	reader.line("record delete "+key, "DHT record deleted")
	reader.line("record delete "+key, "Can't delete DHT record")

	d.line("record purge local --keys "+opaque, "Local records purged: 1 records")
	d.line("record create", "Created: ")
	d.line("record purge local 100000", "purged 0 bytes")
	d.line("record list opened", "Opened Records:\n[\n]")
	d.line("record purge local", "now 0 bytes total")
	holder := nodes[7]
	h := &debugger{t: t, node: holder, ran: d.ran}
	h.line("record purge remote --keys="+opaque, "Remote records purged: ")
	if text := h.line("record list remote"); strings.Contains(text, opaque) {
		t.Errorf("purged and there:\n%s", text)
	}
	h.line("record purge remote 1000000", "purged 0 bytes")
	h.line("record purge remote", "now 0 bytes total")
}

// debugEnd: tables, and what ends connections, routes and the attachment.
func (d *debugger) debugEnd(other string) {
	t := d.t
	d.debugTables()
	d.line("table list", "TableStore tables:", "local_records", "remote_records", "state")
	d.line("table info local_records", "Table info for 'local_records':", "Column Count: ", "Key Count: ")
	d.line("table info nonsense", "Not found")
	if text := d.line("table list"); strings.Contains(text, "nonsense") {
		t.Error("table info has made a table")
	}
	d.line("network stats", "Transfer stats:", "Down: ", "Contact methods:\n  ", "Direct: ", "Online State:",
		"Relay Worker Dequeue Latency:", "Relay Worker Process Latency:", "Node Contact Method Cache\n", "Cache size: 0 (", "Cache hits: 0/", "% of all\n")
	d.line("purge connections", "Connections purged")
	d.line("ping "+other, "Answer {")
	d.line("purge routes", "Routes purged")
	d.line("route list", "Allocated Routes: (count = 0)", "Remote Routes: (count = 0)")
	d.fails("purge buckets", core.Internal)
	d.fails("attach", core.Generic)
	d.line("network restart", "Network restarted")
	settle(time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.node.WaitReady(ctx); err != nil {
		t.Errorf("not ready after the restart: %v", err)
	}
	d.line("detach", "Detached")
	settle(time.Second)
	d.fails("detach", core.Generic)
	d.fails("network restart", core.Internal)
	for _, command := range []string{"ping ", "resolve ", "appmessage ", "appcall "} {
		d.fails(command+other, core.Internal)
	}
	d.fails("appreply x", core.Internal)
	d.line("uptime", "since launch")
	d.line("transport stats", "Network not started")
	d.line("nodeinfo", "state: Detached")
	d.line("purge buckets", "Buckets purged")
	d.line("entries punished", "Entries: 0")
	d.line("attach", "Attached")
	if err := d.node.WaitReady(ctx); err != nil {
		t.Errorf("not ready after it was attached again: %v", err)
	}
}

// A node behind a translator shows and changes its relays, and is reached by way of
// them.
func TestDebugRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(12)
		defer net.Memory.Close()
		nodes := start(t, net, 6, nil)
		defer func() { closeAll(t, nodes) }()
		if t.Failed() {
			return
		}
		nat, err := net.Memory.NAT(memory.NATConfig{Public: IPv4(11), Kind: memory.PortRestricted})
		if err != nil {
			t.Fatal(err)
		}
		cfg := net.Config(11, nodes[0].ID().String())
		on := true
		cfg.Network.DetectAddressChanges = &on
		hidden, err := net.Start(t.Context(), 11, cfg, memory.HostConfig{
			Addrs: []netip.Addr{netip.MustParseAddr("192.168.11.2")}, NAT: nat, Link: memory.Link{Latency: 2 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, hidden)
		if err := hidden.Attach(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		if err := hidden.WaitReady(ctx); err != nil {
			t.Fatal(err)
		}
		d := &debugger{t: t, node: hidden, ran: map[string]bool{}}
		d.line("dialinfo", "Need Relay Transports: UDP", "PortRestrictedNAT")
		info := d.line("peerinfo", "relay_info_list:", "node_ids: [VLD0:")
		var other *Node
		for _, n := range nodes[:6] {
			if !strings.Contains(info[strings.Index(info, "relay_info_list:"):], n.ID().String()) {
				other = n
			}
		}
		d.line("relay "+other.ID().String()+" public", "Relay changed: 1 of 1", other.ID().String())
		settle(5 * time.Second)
		info = d.line("peerinfo", "relay_info_list:")
		if relays := info[strings.Index(info, "relay_info_list:"):]; !strings.Contains(relays, other.ID().String()) {
			t.Errorf("the new relay is not published:\n%s", info)
		}
		d.line("relay", "Relay changed: 0 of 0")
		settle(10 * time.Second)
		info = d.line("peerinfo", "0: Inbound node_ids: [VLD0:") // chosen by rule again

		asker := &debugger{t: t, ran: map[string]bool{}}
		for _, n := range nodes[1:6] { // neither relay has to be asked the way
			if n != other && !strings.Contains(info, n.ID().String()) {
				asker.node = n
			}
		}
		id := hidden.ID().String()
		asker.line("resolve "+id, id)
		asker.line("contact "+id, "relay: VLD0:")
		info = asker.line("entry "+id, "relay_info_list:")
		relay := idPattern.FindString(info[strings.Index(info, "relay_info_list:"):])
		asker.line("ping "+id, "Answer {")
		asker.line("ping "+relay+"@"+id, "Answer {", "Relay { relay_di: ")
		at := regexp.MustCompile(`(tcp\|44\.[0-9.]+:5150)`).FindString(info[strings.Index(info, "relay_info_list:"):])
		asker.line("ping "+id+"@"+at, "Answer {", "Relay { relay_di: "+at)
	})
}
