package demo

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// Places of the two users among the nodes; all others carry their messages. Node 0
// is the one that the others join by.
const (
	alice = 1
	bob   = 2
)

// castNames names n nodes.
func castNames(n int) []string {
	known := []string{"Carol", "Alice", "Bob", "Dave", "Erin", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Ken", "Lara"}
	names := slices.Clone(known[:min(n, len(known))])
	for i := len(names); i < n; i++ {
		names = append(names, fmt.Sprintf("Node%d", i+1))
	}
	return names
}

// cast names the nodes by their ids.
type cast map[crypto.NodeID]string

func newCast(nodes []privnet.Node) cast {
	c := make(cast, len(nodes))
	for _, n := range nodes {
		c[n.ID()] = n.Name
	}
	return c
}

func (c cast) namesOf(ids []crypto.NodeID) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = c[id]
	}
	return names
}

// person is a user: a node, the private routes that lead to it, and what arrives.
// Goroutines: one, started by newPerson, ended by close. Locks: mu, never held
// while calling out.
type person struct {
	privnet.Node
	cast    cast
	answer  func(question, via string) string
	inbox   chan arrival // messages, as they come; what nobody takes is dropped
	updates *core.Subscription
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu     sync.Mutex
	routes map[int]ownRoute // by hop count
	turn   int              // of the safety routes
}

// ownRoute is a private route of a person.
type ownRoute struct {
	core.PrivateRoute
	hops []crypto.NodeID // the one next to the person first; nil: not known
	took time.Duration   // to make and to test it
}

// arrival is a message that came.
type arrival struct {
	text string
	via  string // the node that brought it, as far as the receiver can see
	at   time.Time
}

// newPerson listens to what a node receives: calls are answered with what answer
// says, which must not block.
func newPerson(c cast, n privnet.Node, answer func(question, via string) string) *person {
	ctx, cancel := context.WithCancel(context.Background())
	p := &person{
		Node: n, cast: c, answer: answer, inbox: make(chan arrival, 16), updates: n.Subscribe(0),
		cancel: cancel, routes: map[int]ownRoute{},
	}
	p.wg.Go(func() { p.listen(ctx) })
	return p
}

func (p *person) close() {
	p.cancel()
	p.updates.Close()
	p.wg.Wait()
}

func (p *person) listen(ctx context.Context) {
	for {
		u, err := p.updates.Next(ctx)
		if err != nil {
			return
		}
		switch u := u.(type) {
		case core.AppCall:
			// A reply that fails shows as a timeout at the other end.
			p.Reply(ctx, u.CallID, []byte(p.answer(string(u.Message), p.bringer(u.RouteID))))
		case core.AppMessage:
			select {
			case p.inbox <- arrival{string(u.Message), p.bringer(u.RouteID), time.Now()}:
			default:
			}
		case core.RouteChange:
			p.forget(u.DeadRoutes...)
		}
	}
}

// bringer names the node next to us on the route that something came by: all that
// a receiver can know of where it came from.
func (p *person) bringer(id crypto.RouteID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.routes {
		if r.ID == id && len(r.hops) > 0 {
			return p.cast[r.hops[0]]
		}
	}
	return "a neighbour"
}

func (p *person) forget(dead ...crypto.RouteID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for hops, r := range p.routes {
		if slices.Contains(dead, r.ID) {
			delete(p.routes, hops)
		}
	}
}

// release gives up a route that did not work.
func (p *person) release(id crypto.RouteID) {
	p.forget(id)
	p.ReleasePrivateRoute(id) // it may have died already
}

// privateRoute is the way to this person over a number of hops, made if there is
// none; isNew tells so.
func (p *person) privateRoute(ctx context.Context, hops int) (r ownRoute, isNew bool, err error) {
	p.mu.Lock()
	r, ok := p.routes[hops]
	p.mu.Unlock()
	if ok {
		return r, false, nil
	}
	began := time.Now()
	made, err := p.newRoute(ctx, hops)
	if err != nil {
		return ownRoute{}, false, fmt.Errorf("%s makes a private route of %d hops: %w", p.Name, hops, err)
	}
	r = ownRoute{PrivateRoute: made, took: time.Since(began)}
	for _, info := range p.Routes() {
		if info.ID == made.ID {
			r.hops = info.Hops
		}
	}
	p.mu.Lock()
	p.routes[hops] = r
	p.mu.Unlock()
	return r, true, nil
}

func (p *person) newRoute(ctx context.Context, hops int) (core.PrivateRoute, error) {
	return p.NewCustomPrivateRoute(ctx, core.PrivateRouteSpec{
		HopCount: hops, Stability: route.Reliable, Sequencing: wire.PreferOrdered,
	})
}

// maxHiding is how many routes of one length a person makes for hiding what is sent,
// beside those that the node keeps ready by itself.
const maxHiding = 6

// safetyRoute picks a route to hide a message by that goes the way of the receiver:
// of the wanted length, with the fewest nodes in common with the way, another one
// each time. Left to itself the node picks one without regard to the way, most of
// which it cannot see; in a network of a few nodes the two halves then overlap. nil:
// there is none, and the node will pick or make one.
func (p *person) safetyRoute(ctx context.Context, hops int, way ownRoute) *route.Info {
	for {
		fit, common, made := p.hiding(hops, way)
		if len(fit) > 0 && common == 0 || made >= maxHiding || len(way.hops) == 0 {
			if len(fit) == 0 {
				return nil
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.turn++
			return &fit[p.turn%len(fit)]
		}
		if _, err := p.newRoute(ctx, hops); err != nil {
			way.hops = nil // what there is must do
		}
	}
}

// hiding lists the routes that fit, how many nodes they have in common with the way,
// and how many of them were not made by the node itself.
func (p *person) hiding(hops int, way ownRoute) (fit []route.Info, least, made int) {
	p.mu.Lock()
	given := make([]crypto.RouteID, 0, len(p.routes))
	for _, r := range p.routes {
		given = append(given, r.ID)
	}
	p.mu.Unlock()
	least = hops
	for _, info := range p.Routes() {
		if info.Dead || info.LastValid.IsZero() || info.Ordering != route.Ordered || len(info.Hops) != hops || slices.Contains(given, info.ID) {
			continue
		}
		if !info.Automatic {
			made++
		}
		if len(way.hops) > 0 && slices.Contains(info.Hops, way.hops[len(way.hops)-1]) {
			continue // has the entry of the private route: the node does not use it
		}
		common := 0
		for _, h := range info.Hops {
			if slices.Contains(way.hops, h) {
				common++
			}
		}
		if common < least {
			least, fit = common, fit[:0]
		}
		if common == least {
			fit = append(fit, info)
		}
	}
	return fit, least, made
}
