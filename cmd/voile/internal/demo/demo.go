package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// Bounds of the number of nodes: fewer leave no choice of hops, and a node takes 32
// connections of one address (spec 02 §7.1), which all nodes of the demo share, and
// up to two of each other node.
const (
	MinNodes     = 5
	MaxNodes     = 16
	DefaultNodes = 6
)

// Times of a run.
const (
	formTimeout    = 15 * time.Second // for all nodes to get ready
	onceTimeout    = 28 * time.Second // of a run with Once, as a whole
	arrivalTimeout = 5 * time.Second  // of a message
	between        = 3 * time.Second  // two exchanges
	wayTries       = 4                // to find a way on which no node is twice
	frame          = 50 * time.Millisecond
)

// Options say how to run. Out is required.
type Options struct {
	Nodes int  // 0: DefaultNodes
	Once  bool // end after a call and a message in each direction
	Out   io.Writer
	// Size is the size of the terminal that Out is, asked before each drawing; nil:
	// Out is none, and one line is written for each event.
	Size   func() (width, height int)
	Colour bool         // on a terminal
	Logger *slog.Logger // of the nodes; nil: no log
}

// ErrNodes is returned for a number of nodes out of range.
var ErrNodes = fmt.Errorf("the number of nodes must be %d to %d", MinNodes, MaxNodes)

// view shows what happens. Methods may take their time to draw; they return early
// when ctx ends.
type view interface {
	begin(nodes int)
	// forming is called every [frame] until the network is ready, and once then.
	forming(states []nodeState, ready bool)
	// made tells of a new private route.
	made(ctx context.Context, owner string, hops []string, r ownRoute)
	// explain says what there is to see of the way of the first exchange.
	explain(ctx context.Context, p path)
	exchanged(ctx context.Context, x exchange)
	// idle is called every [frame] between exchanges.
	idle(t totals)
	end(t totals)
	// close leaves Out so that others can write; it is the last.
	close()
}

// nodeState is how far a node is.
type nodeState struct {
	name, address string
	core.AttachmentStatus
	ready time.Duration // after the start; 0: not yet
}

// totals are the numbers of a run.
type totals struct {
	nodes     int
	ready     time.Duration // until the network was
	ran       time.Duration
	calls     int
	messages  int
	lost      int
	bytes     int
	open      int                     // of calls and messages: one node was in both halves, or not all are known
	perSecond uint64                  // bytes that all nodes send, the last ten seconds' average
	trips     map[int][]time.Duration // round trips of calls, by the hops of each half
}

// Run runs the demo until ctx ends, or with Once until Alice and Bob have exchanged
// a call and a message in each direction; the error then says what went wrong. It
// stops all nodes before it returns.
func Run(ctx context.Context, o Options) error {
	if o.Nodes == 0 {
		o.Nodes = DefaultNodes
	}
	if o.Nodes < MinNodes || o.Nodes > MaxNodes {
		return fmt.Errorf("%w, not %d", ErrNodes, o.Nodes)
	}
	d := &demo{o: o, began: time.Now(), lines: story()}
	d.totals = totals{nodes: o.Nodes, trips: map[int][]time.Duration{}}
	if o.Size == nil {
		d.view = newPlain(o.Out, d.began)
	} else {
		d.view = newScreen(o.Out, o.Size, o.Colour, o.Once)
	}
	if o.Once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, onceTimeout)
		defer cancel()
	}
	return d.run(ctx)
}

// demo is one run.
type demo struct {
	o      Options
	view   view
	began  time.Time
	lines  []line
	totals totals

	nodes  []privnet.Node
	cast   cast
	people map[int]*person
}

func (d *demo) run(ctx context.Context) (err error) {
	d.view.begin(d.o.Nodes)
	defer d.view.close()
	net, err := d.form(ctx)
	if err != nil {
		return interrupted(ctx, err, d.o.Once)
	}
	defer func() { err = errors.Join(err, net.Close()) }()
	d.nodes, d.cast = net.Nodes, newCast(net.Nodes)
	answer := func(question, via string) string { return answerOf(d.lines, question, via) }
	d.people = map[int]*person{}
	for _, i := range []int{alice, bob} {
		d.people[i] = newPerson(d.cast, net.Nodes[i], answer)
		defer d.people[i].close()
	}
	err = d.talk(ctx)
	d.view.end(d.measured())
	return interrupted(ctx, err, d.o.Once)
}

// users keeps Alice and Bob from carrying the messages of others, so that they are
// ends of every way and never hops of it: the picture is clearer so.
func users(i int, c *config.Config) {
	if i == alice || i == bob {
		c.Capabilities.Disable = []string{wire.CapROUT.String()}
	}
}

// interrupted is no fault of a run that was to last until it is.
func interrupted(ctx context.Context, err error, once bool) error {
	switch {
	case ctx.Err() == nil:
		return err
	case !once:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("not done within %v: %w", onceTimeout, err)
	}
	return errors.Join(errors.New("interrupted"), err)
}

// form starts all nodes, waits until they are ready, and shows how they get there.
func (d *demo) form(ctx context.Context) (*privnet.Network, error) {
	ctx, cancel := context.WithTimeout(ctx, formTimeout)
	defer cancel()
	f := &forming{began: d.began, nodes: make([]started, d.o.Nodes)}
	var net *privnet.Network
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		net, err = privnet.Start(ctx, castNames(d.o.Nodes), privnet.Options{Logger: d.o.Logger, Change: users, Started: f.started})
		if err == nil {
			err = net.WaitReady(ctx)
		}
	}()
	for {
		select {
		case <-time.After(frame):
			d.view.forming(f.states(), false)
			continue
		case <-done:
		}
		d.totals.ready = time.Since(d.began)
		d.view.forming(f.states(), err == nil)
		switch {
		case err == nil:
			return net, nil
		case net == nil:
			return nil, err
		}
		return nil, errors.Join(fmt.Errorf("the network did not get ready within %v:\n%w", formTimeout, err), net.Close())
	}
}

// forming follows the nodes from their start until they are ready.
type forming struct {
	began time.Time
	mu    sync.Mutex
	nodes []started
}

type started struct {
	privnet.Node               // its Node is nil until it was started
	ready        time.Duration // 0: not yet
}

func (f *forming) started(i int, n privnet.Node) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nodes[i].Node = n
}

// states looks at the nodes that were started, the two users first.
func (f *forming) states() []nodeState {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]nodeState, 0, len(f.nodes))
	for i := range f.nodes {
		n := &f.nodes[i]
		if n.Node.Node == nil {
			continue
		}
		s, err := n.State()
		if err != nil {
			continue
		}
		if n.ready == 0 && s.Attachment.PublicInternetReady {
			n.ready = time.Since(f.began)
		}
		list = append(list, nodeState{n.Name, n.At.String(), s.Attachment, n.ready})
	}
	slices.SortStableFunc(list, func(a, b nodeState) int { return rank(a.name) - rank(b.name) })
	return list
}

func rank(name string) int {
	switch name {
	case "Alice":
		return 0
	case "Bob":
		return 1
	}
	return 2
}

// talk lets the two say their lines.
func (d *demo) talk(ctx context.Context) error {
	counts := hopCounts(d.o.Nodes - len(d.people))
	var last error
	for i := 0; ctx.Err() == nil; i++ {
		l := d.lines[i%len(d.lines)]
		// A call and the message after it go over the same number of hops.
		hops := counts[i/2%len(counts)]
		x := d.exchange(ctx, i, l, hops)
		if x.err != nil && ctx.Err() == nil && d.o.Once { // with other routes, once
			d.view.exchanged(ctx, x)
			x = d.exchange(ctx, i, l, hops)
		}
		if ctx.Err() != nil {
			return x.err
		}
		d.count(x)
		d.view.exchanged(ctx, x)
		if last = x.err; d.o.Once && (last != nil || i == 3) {
			return last
		}
		if !d.o.Once {
			d.wait(ctx, between)
		}
	}
	return last
}

func (d *demo) wait(ctx context.Context, long time.Duration) {
	over := time.After(long)
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			return
		case <-time.After(frame):
			d.view.idle(d.measured())
		}
	}
}

func (d *demo) count(x exchange) {
	t := &d.totals
	switch {
	case x.err != nil:
		t.lost++
		return
	case x.isCall():
		t.calls++
		t.trips[x.hops] = append(t.trips[x.hops], x.took)
	default:
		t.messages++
	}
	t.bytes += x.bytes
	if !x.path.secret() {
		t.open++
	}
}

func (d *demo) measured() totals {
	t := d.totals
	t.ran = time.Since(d.began)
	for _, n := range d.nodes {
		if s, err := n.State(); err == nil {
			t.perSecond += s.Network.BpsUp
		}
	}
	return t
}

// exchange says one line and waits until it has arrived.
func (d *demo) exchange(ctx context.Context, number int, l line, hops int) exchange {
	x := exchange{number: number, line: l, hops: hops}
	from, to := d.people[l.from], d.people[alice+bob-l.from]
	var way ownRoute
	var isNew bool
	var safety core.Safety
	for try := range wayTries {
		made := false
		var err error
		if way, made, err = to.privateRoute(ctx, hops); err != nil {
			x.err = err
			return x
		}
		isNew = isNew || made
		safety = core.Safety{HopCount: hops, Stability: route.Reliable, Sequencing: wire.PreferOrdered}
		var safetyHops []crypto.NodeID
		if sr := from.safetyRoute(ctx, hops, way); sr != nil {
			safety.Preferred, safetyHops = sr.ID, sr.Hops
		}
		x.path = newPath(d.cast, from, to, safetyHops, way)
		if len(way.hops) == 0 || x.path.secret() || try == wayTries-1 {
			break
		}
		to.release(way.ID) // another one may leave the sender nodes enough
	}
	if isNew {
		d.view.made(ctx, to.Name, d.cast.namesOf(way.hops), way)
		if number == 0 && x.path.known() {
			d.view.explain(ctx, x.path)
		}
	}
	if x.err = say(ctx, from, to, way, safety, &x); x.err != nil && ctx.Err() == nil {
		to.release(way.ID)
	}
	return x
}

// say sends the line of an exchange, and fills in what came of it.
func say(ctx context.Context, from, to *person, way ownRoute, safety core.Safety, x *exchange) error {
	id, err := from.ImportPrivateRoute(way.Blob)
	if err != nil {
		return fmt.Errorf("%s takes %s's route: %w", from.Name, to.Name, err)
	}
	hidden, err := from.Context().WithSafety(safety)
	if err != nil {
		return err
	}
	text := x.line.text
	began := time.Now()
	if x.isCall() {
		answer, err := hidden.Call(ctx, id, []byte(text))
		if err != nil {
			return fmt.Errorf("%s calls %s over %d + %d hops: %w", from.Name, to.Name, x.hops, x.hops, err)
		}
		x.answer, x.took, x.bytes = string(answer), time.Since(began), len(text)+len(answer)
		return nil
	}
	if err := hidden.Message(ctx, id, []byte(text)); err != nil {
		return fmt.Errorf("%s writes to %s over %d + %d hops: %w", from.Name, to.Name, x.hops, x.hops, err)
	}
	late := time.After(arrivalTimeout)
	for {
		select {
		case a := <-to.inbox:
			if a.text != text { // an older one that came late
				continue
			}
			x.took, x.bytes = a.at.Sub(began), len(text)
			return nil
		case <-late:
			return fmt.Errorf("the message of %s to %s over %d + %d hops did not arrive within %v", from.Name, to.Name, x.hops, x.hops, arrivalTimeout)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
