package core

import (
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
)

// Metrics is what the parts of a node count, for whoever watches it. Counters
// begin at 0 with the node, those of Transport with the network; all else is as
// of now.
type Metrics struct {
	Attachment AttachmentStatus
	// Entries of the routing table by state, from punished to reliable.
	Entries map[routing.State]int

	Questions, Answered, Lost uint64 // asked; of these answered and not
	Statements, Answers       uint64 // sent
	Received, Forwarded       uint64 // handled; passed on for others' routes
	Dropped, Shed             uint64 // not accepted; no place or too old
	Handling                  rpc.Timings
	DHCache                   crypto.DHStats

	Traffic   network.Traffic
	Reached   network.Reached
	Transport transport.Stats // zero while the network is not started
	// Connections that are open, by protocol.
	Connections map[string]int

	LocalRecords, RemoteRecords dht.StoreStats
	DHTClient                   dht.ClientStats
	DHTServer                   dht.ServerStats

	Routes, RemoteRoutes int // allocated; imported
}

// Metrics is a snapshot. Errors: NotInitialized for a closed node.
func (n *Node) Metrics() (Metrics, error) {
	if err := n.usable(); err != nil {
		return Metrics{}, err
	}
	now := time.Now()
	c := n.rpc.Counters()
	m := Metrics{
		Attachment: n.attachmentStatus(n.attach.Status()), Entries: map[routing.State]int{}, Connections: map[string]int{},
		Questions: c.Questions.Load(), Answered: c.Answered.Load(), Lost: c.Lost.Load(),
		Statements: c.Statements.Load(), Answers: c.Answers.Load(),
		Received: c.Received.Load(), Forwarded: c.Forwarded.Load(), Dropped: c.Dropped.Load(), Shed: c.Shed.Load(),
		Handling: n.rpc.Timings(), DHCache: n.crypto.DHStats(),
		Traffic: n.network.Traffic(), Reached: n.network.Reached(),
		LocalRecords: n.dht.local.Stats(), RemoteRecords: n.dht.remote.Stats(),
		DHTClient: n.dht.client.Stats(), DHTServer: n.dht.server.Stats(),
		Routes: len(n.routes.Routes(now)), RemoteRoutes: len(n.routes.Remotes(now)),
	}
	m.Transport, _ = n.attach.TransportStats()
	for _, e := range n.table.Entries() {
		m.Entries[e.State(now)]++
	}
	for _, conn := range n.attach.Connections() {
		m.Connections[conn.Flow.Protocol.String()]++
	}
	return m, nil
}
