// Package monitor is what operators watch a server by: whether it is alive and
// ready, and metrics for Prometheus, over HTTP on an address of its own.
//
//	/healthz   200 while the node runs
//	/readyz    200 while it is attached and ready for routes and records, else 503
//	/metrics   everything that the node counts
//
// None of it can change anything, or shows keys, addresses of peers or contents.
// The package may import core and github.com/prometheus/client_golang.
package monitor
