//go:build !nodebugapi

package rpc

import (
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// Every kind of message has its own name, which is that of its type.
func TestMessageKinds(t *testing.T) {
	var seen []messageKind
	expect := func(op wire.Operation, detail any) {
		t.Helper()
		k := kindOf(&op)
		if want := reflect.TypeOf(detail).Elem().Name(); kindNames[k] != want {
			t.Errorf("%T is called %q, want %q", detail, kindNames[k], want)
		}
		if slices.Contains(seen, k) {
			t.Errorf("%T has the kind of another", detail)
		}
		seen = append(seen, k)
	}
	for _, d := range []wire.QuestionDetail{
		&wire.StatusQ{}, &wire.FindNodeQ{}, &wire.AppCallQ{}, &wire.GetValueQ{}, &wire.SetValueQ{},
		&wire.WatchValueQ{}, &wire.InspectValueQ{}, &wire.TransactBeginQ{}, &wire.TransactCommandQ{},
	} {
		expect(wire.Operation{Body: &wire.Question{Detail: d}}, d)
	}
	for _, d := range []wire.AnswerDetail{
		&wire.StatusA{}, &wire.FindNodeA{}, &wire.AppCallA{}, &wire.GetValueA{}, &wire.SetValueA{},
		&wire.WatchValueA{}, &wire.InspectValueA{}, &wire.TransactBeginA{}, &wire.TransactCommandA{},
	} {
		expect(wire.Operation{Body: &wire.Answer{Detail: d}}, d)
	}
	for _, d := range []wire.StatementDetail{
		&wire.ValidateDialInfo{}, &wire.Route{}, &wire.Signal{}, &wire.ReturnReceipt{}, &wire.AppMessage{}, &wire.ValueChanged{},
	} {
		expect(wire.Operation{Body: &wire.Statement{Detail: d}}, d)
	}
	if len(seen) != int(kinds)-1 {
		t.Errorf("%d kinds are made, %d have names", len(seen), kinds-1)
	}
	if k := kindOf(&wire.Operation{}); k != kindUnknown {
		t.Errorf("an empty operation is %q", kindNames[k])
	}
	if !slices.IsSorted(kindNames[:]) {
		t.Error("the names are not in their order")
	}
}

func all(us uint64) routing.Latency {
	return routing.Latency{Fastest: us, Average: us, Slowest: us, TM90: us, TM75: us, P90: us, P75: us}
}

// A message is charged with what was done for it and not with the time in the queue;
// what a Route statement brought is charged apart from it.
func TestTimings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &RPC{}
		if got := r.Timings(); got.ByKind != nil || got.Process != (routing.Latency{}) {
			t.Errorf("before the first message: %+v", got)
		}
		work := func(m *message) {
			j := job{message: m, queued: time.Now()}
			time.Sleep(5 * time.Millisecond) // in the queue, of the virtual clock
			started := time.Now()
			time.Sleep(20 * time.Millisecond)
			r.timings.ran(&j, started)
		}
		work(&message{kind: kindStatusQ, spent: time.Millisecond})
		inner := &message{kind: kindAppCallQ, spent: 2 * time.Millisecond}
		work(&message{kind: kindRoute, carried: inner})
		work(&message{kind: kindUnknown}) // shed
		r.timings.handled(&message{kind: kindStatusA, spent: 3 * time.Millisecond})
		want := Timings{Dequeue: all(5000), Process: all(20000), ByKind: []KindTiming{
			{"AppCallQ", 1, all(22000)}, {"StatusA", 1, all(3000)}, {"StatusQ", 1, all(21000)},
		}}
		if got := r.Timings(); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func BenchmarkTimings(b *testing.B) {
	r := &RPC{}
	op := &wire.Operation{Body: &wire.Question{Detail: &wire.StatusQ{}}}
	j := job{message: &message{}}
	b.ReportAllocs()
	for b.Loop() {
		started := time.Now()
		j.message.kind = kindOf(op)
		j.message.spent = time.Since(started)
		j.queued = time.Now()
		r.timings.ran(&j, time.Now())
	}
}
