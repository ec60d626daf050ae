package monitor

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/transport"
)

// collector reads all metrics at once when it is asked.
type collector struct {
	server *Server
	descs  map[string]*prometheus.Desc
}

// names are all metrics with their labels and help. What ends in _total only
// grows, while the node runs.
func names() []struct {
	name, help string
	labels     []string
} {
	return []struct {
		name, help string
		labels     []string
	}{
		{"voile_up", "1 while the node runs.", nil},
		{"voile_uptime_seconds", "Time since the node was started.", nil},
		{"voile_attached_seconds", "Time since it was told to attach; 0: detached.", nil},
		{"voile_attachment_state", "1 for the state that the attachment is in.", []string{"state"}},
		{"voile_ready", "1 while the node is ready for routes and records.", []string{"domain"}},
		{"voile_peers", "Peers by how they answer.", []string{"kind"}},
		{"voile_peer_latency_median_seconds", "Median latency of reliable peers.", nil},
		{"voile_network_size", "Estimated number of nodes in the network.", nil},
		{"voile_routing_entries", "Entries of the routing table by state.", []string{"state"}},
		{"voile_routing_over_attached", "Entries above the depth of their buckets.", nil},
		{"voile_rpc_questions_total", "Questions asked, by what came of them.", []string{"outcome"}},
		{"voile_rpc_sent_total", "Statements and answers sent.", []string{"kind"}},
		{"voile_rpc_received_total", "Messages that arrived, by what was done with them.", []string{"outcome"}},
		{"voile_rpc_messages_total", "Messages handled, by their kind.", []string{"kind"}},
		{"voile_rpc_processing_seconds", "Mean time to handle the newest 50 of a kind, without waits in the queue.", []string{"kind"}},
		{"voile_crypto_dh_cache_total", "Key agreements that were remembered, computed, and forgotten for want of room.", []string{"outcome"}},
		{"voile_traffic_bytes_total", "Bytes of messages, without framing.", []string{"direction"}},
		{"voile_traffic_dropped_total", "Messages that no queue had room for.", nil},
		{"voile_reached_total", "Messages sent, by contact method.", []string{"method"}},
		{"voile_helped_total", "What was done for other nodes.", []string{"what"}},
		{"voile_signals_unanswered_total", "Signals that nobody followed.", nil},
		{"voile_transport_bytes_total", "Bytes on the wire since the network was started.", []string{"protocol", "direction"}},
		{"voile_transport_messages_total", "Messages since the network was started.", []string{"protocol", "direction"}},
		{"voile_transport_connections", "Connections that are open.", []string{"protocol"}},
		{"voile_dht_records", "Records that are kept: own ones, and those of others.", []string{"store"}},
		{"voile_dht_subkeys", "Subkeys with a value.", []string{"store"}},
		{"voile_dht_bytes", "Bytes on disk, as estimated.", []string{"store"}},
		{"voile_dht_cached_bytes", "Bytes of values in memory.", []string{"store"}},
		{"voile_dht_damaged_total", "Rows that were found damaged.", []string{"store"}},
		{"voile_dht_open_records", "Records that applications have open.", nil},
		{"voile_dht_offline_writes", "Subkeys that wait to be written to the network.", nil},
		{"voile_dht_operations", "Operations on the network under way.", nil},
		{"voile_dht_watches", "Watches: own ones, and those of others here.", []string{"of"}},
		{"voile_dht_transactions", "Transactions: own ones, and those of others here.", []string{"of"}},
		{"voile_routes", "Private routes: allocated here, and imported.", []string{"kind"}},
		{"voile_api_clients", "Connections of the API.", nil},
	}
}

func descriptions() map[string]*prometheus.Desc {
	descs := map[string]*prometheus.Desc{}
	for _, n := range names() {
		descs[n.name] = prometheus.NewDesc(n.name, n.help, n.labels, nil)
	}
	return descs
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, n := range names() {
		to <- c.descs[n.name]
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	w := writer{c, to}
	m, ok := c.server.metrics()
	w.gauge("voile_up", flag(ok))
	if clients := c.server.clients.Load(); clients != nil {
		w.gauge("voile_api_clients", float64((*clients)()))
	}
	if !ok {
		return
	}
	w.node(&m)
	w.rpc(&m)
	w.transport(&m)
	w.dht(&m)
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

type writer struct {
	c  *collector
	to chan<- prometheus.Metric
}

func (w writer) gauge(name string, value float64, labels ...string) {
	w.to <- prometheus.MustNewConstMetric(w.c.descs[name], prometheus.GaugeValue, value, labels...)
}

func (w writer) counter(name string, value uint64, labels ...string) {
	w.to <- prometheus.MustNewConstMetric(w.c.descs[name], prometheus.CounterValue, float64(value), labels...)
}

func (w writer) node(m *core.Metrics) {
	a := &m.Attachment
	w.gauge("voile_uptime_seconds", a.Uptime.Seconds())
	w.gauge("voile_attached_seconds", a.AttachedUptime.Seconds())
	w.gauge("voile_attachment_state", 1, a.State.String())
	w.gauge("voile_ready", flag(a.PublicInternetReady), "public_internet")
	w.gauge("voile_ready", flag(a.LocalNetworkReady), "local_network")
	w.gauge("voile_peers", float64(a.LivePeers), "live")
	w.gauge("voile_peers", float64(a.ReliablePeers), "reliable")
	w.gauge("voile_peer_latency_median_seconds", a.MedianLatency.Seconds())
	w.gauge("voile_network_size", float64(a.EstimatedSize))
	for s := routing.StatePunished; s <= routing.StateReliable; s++ {
		w.gauge("voile_routing_entries", float64(m.Entries[s]), s.String())
	}
	w.gauge("voile_routing_over_attached", float64(a.OverAttached))
	w.gauge("voile_routes", float64(m.Routes), "allocated")
	w.gauge("voile_routes", float64(m.RemoteRoutes), "imported")
}

func (w writer) rpc(m *core.Metrics) {
	w.counter("voile_rpc_questions_total", m.Answered, "answered")
	w.counter("voile_rpc_questions_total", m.Lost, "lost")
	w.counter("voile_rpc_sent_total", m.Questions, "question")
	w.counter("voile_rpc_sent_total", m.Statements, "statement")
	w.counter("voile_rpc_sent_total", m.Answers, "answer")
	w.counter("voile_rpc_received_total", m.Received, "handled")
	w.counter("voile_rpc_received_total", m.Forwarded, "forwarded")
	w.counter("voile_rpc_received_total", m.Dropped, "dropped")
	w.counter("voile_rpc_received_total", m.Shed, "shed")
	for _, k := range m.Handling.ByKind {
		w.counter("voile_rpc_messages_total", k.Count, k.Name)
		w.gauge("voile_rpc_processing_seconds", float64(k.Latency.Average)/1e6, k.Name)
	}
	w.counter("voile_crypto_dh_cache_total", m.DHCache.Hits, "hit")
	w.counter("voile_crypto_dh_cache_total", m.DHCache.Misses, "miss")
	w.counter("voile_crypto_dh_cache_total", m.DHCache.Evicted, "evicted")
}

func (w writer) transport(m *core.Metrics) {
	w.counter("voile_traffic_bytes_total", m.Traffic.Down, "down")
	w.counter("voile_traffic_bytes_total", m.Traffic.Up, "up")
	w.counter("voile_traffic_dropped_total", m.Traffic.Dropped)
	r := &m.Reached
	for _, by := range []struct {
		method string
		n      uint64
	}{{"existing", r.Existing}, {"direct", r.Direct}, {"reverse_connect", r.ReverseConnect}, {"hole_punch", r.HolePunch}, {"inbound_relay", r.InboundRelay}} {
		w.counter("voile_reached_total", by.n, by.method)
	}
	w.counter("voile_helped_total", r.ReverseConnected, "reverse_connected")
	w.counter("voile_helped_total", r.HolesPunched, "hole_punched")
	w.counter("voile_helped_total", r.RelayedForOthers, "relayed")
	w.counter("voile_signals_unanswered_total", r.SignalsUnanswered)
	for _, p := range []struct {
		protocol string
		c        transport.Counters
	}{{"udp", m.Transport.UDP}, {"tcp", m.Transport.TCP}, {"ws", m.Transport.WS}} {
		w.counter("voile_transport_bytes_total", p.c.BytesReceived, p.protocol, "down")
		w.counter("voile_transport_bytes_total", p.c.BytesSent, p.protocol, "up")
		w.counter("voile_transport_messages_total", p.c.MessagesReceived, p.protocol, "down")
		w.counter("voile_transport_messages_total", p.c.MessagesSent, p.protocol, "up")
	}
	for protocol, n := range m.Connections {
		w.gauge("voile_transport_connections", float64(n), protocol)
	}
}

func (w writer) dht(m *core.Metrics) {
	for _, s := range []struct {
		name string
		s    dht.StoreStats
	}{{"local", m.LocalRecords}, {"remote", m.RemoteRecords}} {
		w.gauge("voile_dht_records", float64(s.s.Records), s.name)
		w.gauge("voile_dht_subkeys", float64(s.s.Subkeys), s.name)
		w.gauge("voile_dht_bytes", float64(s.s.Bytes), s.name)
		w.gauge("voile_dht_cached_bytes", float64(s.s.CachedBytes), s.name)
		w.counter("voile_dht_damaged_total", uint64(s.s.Damaged), s.name)
	}
	w.gauge("voile_dht_open_records", float64(m.DHTClient.Open))
	w.gauge("voile_dht_offline_writes", float64(m.DHTClient.OfflineWrites))
	w.gauge("voile_dht_operations", float64(m.DHTClient.NetworkOperations))
	w.gauge("voile_dht_watches", float64(m.DHTClient.Watches), "own")
	w.gauge("voile_dht_watches", float64(m.DHTServer.Watches), "others")
	w.gauge("voile_dht_transactions", float64(m.DHTClient.Transactions), "own")
	w.gauge("voile_dht_transactions", float64(m.DHTServer.Transactions), "others")
}
