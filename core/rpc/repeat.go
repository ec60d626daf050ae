package rpc

import (
	"context"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/wire"
)

// attempt is one of the ways in which a question is asked. The zero value is the only
// one.
type attempt struct {
	not     crypto.PublicKey       // route that must not carry it; zero: any may
	overdue func(crypto.PublicKey) // called with the key of the route when it takes long; nil: never
}

// repeatable reports whether a question does the same, however often it arrives.
func repeatable(q wire.QuestionDetail) bool {
	switch q.(type) {
	case *wire.GetValueQ, *wire.SetValueQ, *wire.InspectValueQ:
		return true
	}
	return false
}

// askTwice asks over a route, and if no answer comes soon over another one as well, so
// that a route that has died costs a second and not the whole time of the question.
// The first answer counts.
func (r *RPC) askTwice(ctx context.Context, d Destination, q wire.QuestionDetail) (Answer, error) {
	type end struct {
		answer Answer
		err    error
		second bool
	}
	ctx, cancel := context.WithCancel(ctx)
	var calls guard.Group
	defer calls.Wait()
	defer cancel()
	ends := make(chan end, 2)
	running := 0
	start := func(try attempt) {
		running++
		calls.Go(func() {
			a, err := r.ask(ctx, d, q, try)
			ends <- end{a, err, !try.not.IsZero()}
		})
	}
	slow := make(chan crypto.PublicKey, 1)
	start(attempt{overdue: func(key crypto.PublicKey) { slow <- key }})
	var failed error // the first question's: it had the longer time
	for {
		select {
		case key := <-slow:
			start(attempt{not: key})
		case e := <-ends:
			if e.err == nil {
				return e.answer, nil
			}
			if !e.second {
				failed = e.err
			}
			if running--; running == 0 {
				return Answer{}, failed
			}
		}
	}
}
