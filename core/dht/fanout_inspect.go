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
	h        *held                 // nil: the record is not known here
	safety   route.SafetySelection // with h nil
	d        *Descriptor           // nil: not known yet
	which    Subkeys               // asked for
	start    []uint32              // numbers to begin with; nil: none
	set      bool                  // the counts of a set, not of a get
	first    bool                  // any node with a descriptor will do
	also     []crypto.NodeID       // to be asked too
	maxPeers uint32
	near     bool // also find out what the nearest nodes have

	// What was found.
	seqs     []uint32 // of the subkeys of which that the schema has
	agree    []int    // nodes that have each of them
	answered int
	lacking  Subkeys // of which one of the nearest nodes does not have the newest number
	answers  map[crypto.NodeID][]uint32
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
	safety := in.safety
	if in.h != nil {
		safety = c.safetyOf(in.h)
	}
	s := search{key: key, cfg: c.searchConfig(key, safety, in.set, false), first: c.seeds(key)}
	s.cfg.Extra = s.cfg.Timeout // it ends by what was found, not by how many answered
	for _, id := range in.also {
		if e := c.cfg.Nodes.Find(id); e != nil {
			s.first = append(s.first, e)
		}
	}
	q := &wire.InspectValueQ{Key: key, Subkeys: in.which.Ranges(), WantDescriptor: in.d == nil, MaxPeers: in.maxPeers}
	count := s.cfg.Consensus
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
		case !a.Accepted:
			return routing.FanoutRejected
		case len(a.Seqs) == 0:
			in.answers[n.ID] = nil // it would keep the record, and does not have it
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
		in.answers[n.ID] = a.Seqs
		in.merge(a.Seqs, count)
		return routing.FanoutAccepted
	}
	s.done = func(f *routing.Fanout, _ time.Time) bool {
		return in.d != nil && (in.first || in.settled(count) && (!in.near || in.nearest(f, count)))
	}
	in.answers = make(map[crypto.NodeID][]uint32)
	r, err := c.run(ctx, &s)
	in.answered = r.answered
	if in.near && r.fanout != nil {
		in.compare(r.fanout, count)
	}
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

// nearest reports whether there is nothing to wait for from the nearest nodes.
func (in *inspection) nearest(f *routing.Fanout, count int) bool {
	for _, n := range f.Nodes() {
		switch n.Stage {
		case routing.FanoutQueued, routing.FanoutInProgress:
			return false
		case routing.FanoutAccepted, routing.FanoutRejected:
			if count--; count == 0 {
				return true
			}
		}
	}
	return true
}

// compare finds the subkeys that one of the nearest nodes does not have as new as
// others: a read may end with the nearest ones.
func (in *inspection) compare(f *routing.Fanout, count int) {
	for _, n := range f.Nodes() {
		seqs, ok := in.answers[n.ID]
		if !ok {
			continue
		}
		i := 0
		for k := range in.which.All() {
			if i >= len(in.seqs) {
				break
			}
			if i >= len(seqs) || NewerSeq(in.seqs[i], seqs[i]) {
				in.lacking.Add(k)
			}
			i++
		}
		if count--; count == 0 {
			return
		}
	}
}
