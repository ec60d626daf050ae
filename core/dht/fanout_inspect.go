package dht

import (
	"context"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

// inspection looks for the newest sequence numbers of a record (spec 06 §11.2).
type inspection struct {
	h         *held                 // nil: the record is not known here
	safety    route.SafetySelection // with h nil
	d         *Descriptor           // nil: not known yet
	which     Subkeys               // asked for
	start     []uint32              // numbers to begin with; nil: none
	set       bool                  // the counts of a set, not of a get
	first     bool                  // any node with a descriptor will do
	preferred []crypto.NodeID
	maxPeers  uint32

	// What was found.
	seqs     []uint32 // of the subkeys of which that the schema has
	agree    []int    // nodes that have each of them
	answered int
}

// inspect runs an inspection. Nobody answering is no error here.
func (c *Client) inspect(ctx context.Context, key crypto.OpaqueRecordKey, in *inspection) error {
	sys, err := c.system(key.Kind)
	if err != nil {
		return err
	}
	if in.d != nil {
		in.size()
	}
	s := search{key: key, cfg: c.searchConfig(key, in.set, false), first: c.seeds(key)}
	s.cfg.Preferred = in.preferred
	s.cfg.Extra = s.cfg.Timeout // it ends by what was found, not by how many answered
	for _, id := range in.preferred {
		if e := c.cfg.Nodes.Find(id); e != nil {
			s.first = append(s.first, e)
		}
	}
	q := &wire.InspectValueQ{Key: key, Subkeys: in.which.Ranges(), WantDescriptor: in.d == nil, MaxPeers: in.maxPeers}
	count := s.cfg.Consensus
	safety := in.safety
	if in.h != nil {
		safety = c.safetyOf(in.h)
	}
	s.ask = func(n *routing.FanoutNode) func(context.Context) (Reply, error) {
		return func(ctx context.Context) (Reply, error) {
			return c.cfg.Nodes.Ask(ctx, Question{To: n.Entry, Safety: safety, Detail: q})
		}
	}
	s.judge = func(_ *routing.Fanout, n *routing.FanoutNode, reply Reply, _ time.Time) routing.FanoutStage {
		a, ok := reply.Detail.(*wire.InspectValueA)
		switch {
		case !ok:
			return routing.FanoutDisqualified
		case !a.Accepted || len(a.Seqs) == 0:
			return routing.FanoutRejected
		}
		if a.Descriptor != nil && in.d == nil {
			d, err := VerifyDescriptor(sys, key, a.Descriptor)
			if err != nil {
				c.cfg.Nodes.Faulty(n.Entry, safety.IsUnsafe())
				return routing.FanoutDisqualified
			}
			in.d = d
			in.size()
		}
		if in.d == nil || len(a.Seqs) != len(in.seqs) {
			return routing.FanoutDisqualified
		}
		in.merge(a.Seqs, count)
		return routing.FanoutAccepted
	}
	s.done = func(f *routing.Fanout, _ time.Time) bool {
		return in.d != nil && (in.first || in.settled(count))
	}
	r, err := c.run(ctx, &s)
	in.answered = r.answered
	if in.d == nil {
		in.seqs = nil
	}
	return err
}

// size makes room for the answers, once the schema is known.
func (in *inspection) size() {
	n := in.which.Intersect(SubkeysOf(AllSubkeys(), in.d.Schema.Subkeys()))
	in.agree = make([]int, n.Len())
	in.seqs = make([]uint32, n.Len())
	for i := range in.seqs {
		in.seqs[i] = wire.SeqNone
	}
	copy(in.seqs, in.start)
}

// merge takes an answer in: of a subkey that enough nodes agree about nothing more.
func (in *inspection) merge(seqs []uint32, count int) {
	for i, seq := range seqs {
		switch {
		case in.agree[i] >= count || seq == wire.SeqNone:
		case NewerSeq(seq, in.seqs[i]):
			in.seqs[i], in.agree[i] = seq, 1
		case seq == in.seqs[i]:
			in.agree[i]++
		}
	}
}

// settled reports that enough nodes agree about every subkey that anybody has. The
// reference waits for its time limit where too few nodes do; here the search ends
// when there is nobody left to ask.
func (in *inspection) settled(count int) bool {
	some := false
	for _, n := range in.agree {
		if n > 0 && n < count {
			return false
		}
		some = some || n > 0
	}
	return some
}
