package rpc

import "sync/atomic"

// Counters count what happened since the start. They only grow.
type Counters struct {
	Questions  atomic.Uint64 // asked
	Statements atomic.Uint64 // sent, answers and forwarded routes not counted
	Answers    atomic.Uint64 // sent
	Answered   atomic.Uint64 // questions that were answered
	Lost       atomic.Uint64 // questions that were not
	Received   atomic.Uint64 // questions and statements handled
	Forwarded  atomic.Uint64 // routed messages passed on
	Dropped    atomic.Uint64 // messages not accepted
	Shed       atomic.Uint64 // messages that found no place in the queue, or waited too long
}

// Counters returns the counters, live.
func (r *RPC) Counters() *Counters { return &r.counters }
