package gateway

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/voile-net/voile/wasm/edge/policy"
)

// Collector shows the counts of a gate to Prometheus. None of them has an address.
type Collector struct {
	gate *policy.Gate

	open, clients, nodes, admitted, refused, ended, messages, bytes *prometheus.Desc
}

// NewCollector makes a collector of a gate.
func NewCollector(gate *policy.Gate) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("voile_gateway_"+name, help, labels, nil)
	}
	return &Collector{
		gate:     gate,
		open:     desc("connections", "Connections from pages to nodes that are open."),
		clients:  desc("clients", "Clients with open connections."),
		nodes:    desc("nodes", "Nodes with open connections."),
		admitted: desc("connections_total", "Connections that there was room for."),
		refused:  desc("refused_total", "Connections that were refused, by the code that says why.", "code"),
		ended:    desc("ended_total", "Connections that have ended, by the code that says why.", "code"),
		messages: desc("messages_total", "Messages that were carried, up to nodes and down to pages.", "direction"),
		bytes:    desc("bytes_total", "Bytes that they took on the wire.", "direction"),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.open, c.clients, c.nodes, c.admitted, c.refused, c.ended, c.messages, c.bytes} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	s := c.gate.Stats()
	gauge := func(d *prometheus.Desc, v int) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(c.open, s.Open)
	gauge(c.clients, s.Clients)
	gauge(c.nodes, s.Nodes)
	count(c.admitted, s.Admitted)
	for code, n := range s.Refused {
		count(c.refused, n, strconv.Itoa(int(code)))
	}
	for code, n := range s.Ended {
		count(c.ended, n, strconv.Itoa(int(code)))
	}
	count(c.messages, s.MessagesUp, "up")
	count(c.messages, s.MessagesDown, "down")
	count(c.bytes, s.BytesUp, "up")
	count(c.bytes, s.BytesDown, "down")
}
