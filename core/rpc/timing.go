package rpc

import "github.com/voile-net/voile/core/routing"

// Timings say how long messages took since the start: each is a summary of the newest
// 50. They are zero before the first, and in a build without the debug language.
type Timings struct {
	// Dequeue and Process are of messages that a worker handles: how long they waited
	// for it, also for room in the queue, and how long it worked. Answers and receipts,
	// and the decoding of every message, have no worker.
	Dequeue, Process routing.Latency
	// ByKind has the kinds that were seen, in the order of their names.
	ByKind []KindTiming
}

// KindTiming is how long messages of a kind took to decode and to handle, without the
// time in the queue.
type KindTiming struct {
	Name    string // such as StatusQ
	Count   uint64 // since the start
	Latency routing.Latency
}
