//go:build !nodebugapi

package rpc

import (
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// messageKind is a kind of message, an index of kindNames.
type messageKind uint8

const (
	kindUnknown messageKind = iota // not decoded
	kindAppCallA
	kindAppCallQ
	kindAppMessage
	kindFindNodeA
	kindFindNodeQ
	kindGetValueA
	kindGetValueQ
	kindInspectValueA
	kindInspectValueQ
	kindReturnReceipt
	kindRoute
	kindSetValueA
	kindSetValueQ
	kindSignal
	kindStatusA
	kindStatusQ
	kindTransactBeginA
	kindTransactBeginQ
	kindTransactCommandA
	kindTransactCommandQ
	kindValidateDialInfo
	kindValueChanged
	kindWatchValueA
	kindWatchValueQ
	kinds
)

var kindNames = [kinds]string{
	kindAppCallA: "AppCallA", kindAppCallQ: "AppCallQ", kindAppMessage: "AppMessage",
	kindFindNodeA: "FindNodeA", kindFindNodeQ: "FindNodeQ", kindGetValueA: "GetValueA", kindGetValueQ: "GetValueQ",
	kindInspectValueA: "InspectValueA", kindInspectValueQ: "InspectValueQ",
	kindReturnReceipt: "ReturnReceipt", kindRoute: "Route", kindSetValueA: "SetValueA", kindSetValueQ: "SetValueQ",
	kindSignal: "Signal", kindStatusA: "StatusA", kindStatusQ: "StatusQ",
	kindTransactBeginA: "TransactBeginA", kindTransactBeginQ: "TransactBeginQ",
	kindTransactCommandA: "TransactCommandA", kindTransactCommandQ: "TransactCommandQ",
	kindValidateDialInfo: "ValidateDialInfo", kindValueChanged: "ValueChanged",
	kindWatchValueA: "WatchValueA", kindWatchValueQ: "WatchValueQ",
}

func kindOf(op *wire.Operation) messageKind {
	switch b := op.Body.(type) {
	case *wire.Question:
		return kindOfQuestion(b.Detail)
	case *wire.Answer:
		return kindOfAnswer(b.Detail)
	case *wire.Statement:
		switch b.Detail.(type) {
		case *wire.AppMessage:
			return kindAppMessage
		case *wire.ReturnReceipt:
			return kindReturnReceipt
		case *wire.Route:
			return kindRoute
		case *wire.Signal:
			return kindSignal
		case *wire.ValidateDialInfo:
			return kindValidateDialInfo
		case *wire.ValueChanged:
			return kindValueChanged
		}
	}
	return kindUnknown
}

func kindOfQuestion(q wire.QuestionDetail) messageKind {
	switch q.(type) {
	case *wire.AppCallQ:
		return kindAppCallQ
	case *wire.FindNodeQ:
		return kindFindNodeQ
	case *wire.GetValueQ:
		return kindGetValueQ
	case *wire.InspectValueQ:
		return kindInspectValueQ
	case *wire.SetValueQ:
		return kindSetValueQ
	case *wire.StatusQ:
		return kindStatusQ
	case *wire.TransactBeginQ:
		return kindTransactBeginQ
	case *wire.TransactCommandQ:
		return kindTransactCommandQ
	case *wire.WatchValueQ:
		return kindWatchValueQ
	}
	return kindUnknown
}

func kindOfAnswer(a wire.AnswerDetail) messageKind {
	switch a.(type) {
	case *wire.AppCallA:
		return kindAppCallA
	case *wire.FindNodeA:
		return kindFindNodeA
	case *wire.GetValueA:
		return kindGetValueA
	case *wire.InspectValueA:
		return kindInspectValueA
	case *wire.SetValueA:
		return kindSetValueA
	case *wire.StatusA:
		return kindStatusA
	case *wire.TransactBeginA:
		return kindTransactBeginA
	case *wire.TransactCommandA:
		return kindTransactCommandA
	case *wire.WatchValueA:
		return kindWatchValueA
	}
	return kindUnknown
}

// timings measure the handling of messages.
type timings struct {
	dequeue, process routing.LatencyMeter
	byKind           [kinds]routing.LatencyMeter
}

// handled counts a message that is done with. What was dropped before its kind was
// known, or because it was too old, is not counted.
func (t *timings) handled(m *message) {
	if m.kind != kindUnknown {
		t.byKind[m.kind].Add(m.spent)
	}
}

// ran counts the work of a worker on a job. A routed message that came with a Route
// statement is what the work was for; the statement itself was done before.
func (t *timings) ran(j *job, started time.Time) {
	spent := time.Since(started)
	t.dequeue.Add(started.Sub(j.queued))
	t.process.Add(spent)
	m := j.message
	if m.carried != nil {
		m = m.carried
	}
	m.spent += spent
	t.handled(m)
}

// Timings is a snapshot.
func (r *RPC) Timings() Timings {
	var t Timings
	t.Dequeue, _ = r.timings.dequeue.Latency()
	t.Process, _ = r.timings.process.Latency()
	for k := range r.timings.byKind {
		if l, n := r.timings.byKind[k].Latency(); n > 0 {
			t.ByKind = append(t.ByKind, KindTiming{kindNames[k], n, l})
		}
	}
	return t
}
