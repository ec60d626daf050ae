package rpc

import (
	"context"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// Records serves the distributed records (spec 03 §6.4 to §6.10). Methods are
// called from many goroutines at once.
type Records interface {
	// Answer answers a question; nil: it gets no answer.
	Answer(ctx context.Context, q RecordQuestion) (wire.AnswerDetail, error)
	// ValueChanged takes a report on a watched record.
	ValueChanged(ctx context.Context, c *wire.ValueChanged, reporter crypto.NodeID) error
}

// RecordQuestion is a question on a record.
type RecordQuestion struct {
	Detail wire.QuestionDetail
	Signer *crypto.PublicKey // verified; nil: not signed
	Asker  *routing.Entry    // nil: the question came over a safety route
	Back   Destination       // where the answer goes, and changes of a watch
}

// record hands a question on a record to whoever serves them. A node that has not
// promised DHTV answers none.
func (r *RPC) record(m *message, d wire.QuestionDetail, signer *crypto.PublicKey, back Destination) (wire.AnswerDetail, error) {
	switch {
	case m.private():
		return nil, &invalid{"question on a record over a private route"}
	case r.cfg.Records == nil || !r.offers(m.in.Domain, wire.CapDHTV):
		return nil, ErrUnavailable
	}
	q := RecordQuestion{Detail: d, Signer: signer, Back: back}
	if m.direct() {
		q.Asker = m.in.Entry
	}
	return r.cfg.Records.Answer(r.ctx, q)
}

// valueChanged tells who reports: the sender of the envelope, or the node whose
// key stands for the safety route (spec 03 §6.8).
func (r *RPC) valueChanged(m *message, d *wire.ValueChanged) error {
	if r.cfg.Records == nil {
		return ErrUnavailable
	}
	reporter := m.in.Sender
	switch {
	case m.private():
		reporter = crypto.NodeIDOf(m.arrival.SafetyKey)
	case !m.direct():
		return &invalid{"ValueChanged over a safety route"}
	}
	return r.cfg.Records.ValueChanged(r.ctx, d, reporter)
}

// recordAllowed keeps questions that tell who is asked off private routes.
func recordAllowed(q wire.QuestionDetail) bool {
	switch q.(type) {
	case *wire.StatusQ, *wire.AppCallQ:
		return true
	}
	return false
}

var _ network.Handler = (*RPC)(nil)
