package demo

import (
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

// path is the way of a message: from the sender over the nodes that the sender
// picked (its safety route), then over those that the receiver picked (its private
// route), the entry first, to the receiver.
type path struct {
	from, to string
	safety   []string // nil: not known
	private  []string // nil: not known
}

func newPath(c cast, from, to *person, safety []crypto.NodeID, way ownRoute) path {
	p := path{from: from.Name, to: to.Name, safety: c.namesOf(safety), private: c.namesOf(way.hops)}
	slices.Reverse(p.private)
	return p
}

// known reports whether the hops of both halves are.
func (p path) known() bool { return len(p.safety) > 0 && len(p.private) > 0 }

// secret reports whether no node is known to be in both halves, where it could see
// both ends.
func (p path) secret() bool {
	return p.known() && !slices.ContainsFunc(p.safety, func(n string) bool { return slices.Contains(p.private, n) })
}

// stops lists everybody on the way, both ends included.
func (p path) stops() []string {
	stops := append([]string{p.from}, p.safety...)
	return append(append(stops, p.private...), p.to)
}

// exchange is a call with its answer, or a message.
type exchange struct {
	number int
	line   line
	hops   int // of each half
	path   path
	answer string        // of a call
	took   time.Duration // round trip of a call, one way of a message
	bytes  int           // said, the answer included
	err    error         // nil: it arrived
}

func (x *exchange) isCall() bool { return x.line.answer != "" }
