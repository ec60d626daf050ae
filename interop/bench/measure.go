//go:build linux && !android

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
	"github.com/voile-net/voile/interop/netns"
)

// Result is what was measured of one kind. Memory and processor time are sums
// or maxima over all its nodes, as named.
type Result struct {
	Kind         lab.Kind
	NetworkReady time.Duration // until the last of the first nodes was ready, all started at once
	JoinReady    time.Duration // of one more node
	IdleRSS      int64         // bytes, mean of all nodes
	LoadRSS      int64         // bytes, of the largest node after all loads
	CallP50      time.Duration // one call at a time
	CallP99      time.Duration
	Calls        []CallLoad
	Records      RecordLoad
	Messages     MessageLoad
	API          APILoad
}

// CallLoad is one load of calls in flight at a time.
type CallLoad struct {
	InFlight  int
	PerSecond float64
	P50, P99  time.Duration
	Errors    int
	CPU       time.Duration // of all nodes, for one call
}

// MessageLoad is the load of messages.
type MessageLoad struct {
	Offered   float64 // MB/s that the sender's node took
	Delivered float64 // MB/s
	Lost      float64 // part of those taken
	Errors    int     // not taken by the sender's node
}

func parseKinds(text string) ([]lab.Kind, error) {
	names := map[string]lab.Kind{"real": lab.Real, "real052": lab.Real052, "voile": lab.Voile}
	var kinds []lab.Kind
	for _, name := range splitList(text) {
		kind, ok := names[name]
		if !ok {
			return nil, fmt.Errorf("unknown kind %q: want real, real052 or voile", name)
		}
		kinds = append(kinds, kind)
	}
	if len(kinds) == 0 {
		return nil, errors.New("no kind to measure")
	}
	return kinds, nil
}

func measureKind(ctx context.Context, p plan, kind lab.Kind, keep bool) (r Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeLimit())
	defer cancel()
	l, err := lab.New(ctx, p.name, lab.Options{Log: os.Stderr})
	if err != nil {
		return Result{}, err
	}
	defer func() {
		if err != nil {
			fmt.Fprintf(os.Stderr, "logs are in %s\n", l.Dir())
		}
		err = errors.Join(err, l.Close(keep || err != nil))
	}()
	fmt.Fprintf(os.Stderr, "%s: %d nodes\n", kind, p.nodes)
	r = Result{Kind: kind}
	if err := startAll(ctx, l, p, &r); err != nil {
		return r, err
	}
	nodes := l.Nodes()
	b := &bench{plan: p, from: nodes[p.nodes-1], to: nodes[p.nodes-2], nodes: nodes}

	if err := rest(ctx, p.idle); err != nil {
		return r, err
	}
	if r.IdleRSS, err = meanRSS(nodes); err != nil {
		return r, err
	}
	if err := b.open(ctx); err != nil {
		return r, err
	}
	defer b.close()
	if slices.Contains(p.loads, "calls") {
		one, err := b.callLoad(ctx, 1)
		if err != nil {
			return r, err
		}
		r.CallP50, r.CallP99 = one.P50, one.P99
		for _, inFlight := range []int{16, 64} {
			c, err := b.callLoad(ctx, inFlight)
			if err != nil {
				return r, err
			}
			r.Calls = append(r.Calls, c)
		}
	}
	if slices.Contains(p.loads, "records") {
		if r.Records, err = b.recordLoad(ctx); err != nil {
			return r, err
		}
	}
	if slices.Contains(p.loads, "messages") {
		if r.Messages, err = b.messageLoad(ctx); err != nil {
			return r, err
		}
	}
	if r.LoadRSS, err = maxRSS(nodes); err != nil {
		return r, err
	}
	if slices.Contains(p.loads, "api") {
		// The API has nothing to do with the others, which would take the machine from
		// it by turns.
		b.close()
		alone := nodes[1]
		for _, n := range nodes {
			if n != alone {
				if err := n.Stop(); err != nil {
					return r, err
				}
			}
		}
		r.API, err = measureAPI(ctx, alone, p.load)
	}
	return r, err
}

// startAll brings up all nodes but one at once, and then that one.
func startAll(ctx context.Context, l *lab.Lab, p plan, r *Result) error {
	var seed lab.Node
	for i := range p.nodes {
		s := lab.Settings{ServeBootstrap: true}
		if i > 0 {
			s.BootstrapRecords = []string{seed.Identity().Record0(seed.Name())}
		}
		if i > 0 && r.Kind == lab.Real052 {
			return errors.New("0.5.2 nodes alone cannot find each other: they have no bootstrap records")
		}
		n, err := l.Add(ctx, r.Kind, netns.HostSpec{}, s)
		if err != nil {
			return err
		}
		if i == 0 {
			seed = n
		}
	}
	nodes := l.Nodes()
	first, last := nodes[:p.nodes-1], nodes[p.nodes-1]
	began := time.Now()
	if err := lab.Start(ctx, first...); err != nil {
		return err
	}
	if err := lab.WaitReady(ctx, first...); err != nil {
		return err
	}
	r.NetworkReady = time.Since(began)
	began = time.Now()
	if err := last.Start(ctx); err != nil {
		return err
	}
	if err := last.Client().WaitReady(ctx); err != nil {
		return err
	}
	r.JoinReady = time.Since(began)
	return nil
}

// bench is a pair of nodes with a default route between them.
type bench struct {
	plan
	from, to lab.Node
	nodes    []lab.Node
	asker    *quick                 // at from
	answerer *quick                 // at to
	context  uint32                 // of asker
	arrived  atomic.Pointer[func()] // called for each message that has arrived; nil: no load
	target   api.Target
	routeID  string // at the receiver
}

func (b *bench) close() {
	for _, q := range []*quick{b.asker, b.answerer} {
		if q != nil {
			q.Close()
		}
	}
}

// payload is what a message carries: by default what does not compress.
func (p plan) payload(n int) []byte {
	b := make([]byte, n)
	if !p.zeros {
		rand.Read(b) // never fails
	}
	return b
}

// open makes the route and waits until a call over it works.
func (b *bench) open(ctx context.Context) (err error) {
	if b.answerer, err = dialQuick(ctx, b.to); err != nil {
		return err
	}
	b.answerer.echo()
	length := base64.RawURLEncoding.EncodedLen(b.messages)
	b.answerer.onMessage = func(route, text []byte) {
		if string(route) == b.routeID && len(text) == length {
			if f := b.arrived.Load(); f != nil {
				(*f)()
			}
		}
	}
	b.answerer.start()
	if b.asker, err = dialQuick(ctx, b.from); err != nil {
		return err
	}
	b.asker.start()
	if b.context, err = b.asker.newContext(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = lab.Eventually(ctx, func(ctx context.Context) error {
		blob, err := b.to.Client().NewPrivateRoute(ctx)
		if err != nil {
			return err
		}
		b.routeID = blob.RouteID
		id, err := b.from.Client().ImportRemotePrivateRoute(ctx, blob.Blob)
		if err != nil {
			return err
		}
		b.target = api.Target{RouteID: id}
		question, err := messageLine(b.context, "AppCall", b.target, b.payload(b.calls))
		if err != nil {
			return err
		}
		return b.call(ctx, question)
	})
	if err != nil {
		return err
	}
	// Every client is told of every message. This one would take as much of the
	// machine as the one that counts.
	return b.to.Client().Close()
}

// call makes one call, whose line is given, and checks the length of the answer.
func (b *bench) call(ctx context.Context, question []byte) error {
	a := b.asker.request(ctx, question)
	if want := base64.RawURLEncoding.EncodedLen(b.calls); a.err == nil && a.length != want {
		return fmt.Errorf("answer of %d characters, want %d", a.length, want)
	}
	return a.err
}

// callLoad keeps a number of calls in flight for the length of a load.
func (b *bench) callLoad(ctx context.Context, inFlight int) (CallLoad, error) {
	cpuBefore, err := totalCPU(b.nodes)
	if err != nil {
		return CallLoad{}, err
	}
	question, err := messageLine(b.context, "AppCall", b.target, b.payload(b.calls))
	if err != nil {
		return CallLoad{}, err
	}
	var mu sync.Mutex
	var times []time.Duration
	var failed int
	var last error
	began := time.Now()
	end := began.Add(b.load)
	var group sync.WaitGroup
	for range inFlight {
		group.Go(func() {
			var own []time.Duration
			errs := 0
			var ownLast error
			for ctx.Err() == nil && time.Now().Before(end) {
				start := time.Now()
				if err := b.call(ctx, question); err != nil {
					errs, ownLast = errs+1, err
					if errors.Is(err, api.ErrClosed) {
						break
					}
					continue
				}
				own = append(own, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			times, failed = append(times, own...), failed+errs
			if ownLast != nil {
				last = ownLast
			}
		})
	}
	group.Wait()
	took := time.Since(began)
	if len(times) == 0 {
		return CallLoad{}, fmt.Errorf("no call of %d succeeded: %w", failed, errors.Join(last, ctx.Err()))
	}
	cpuAfter, err := totalCPU(b.nodes)
	if err != nil {
		return CallLoad{}, err
	}
	slices.Sort(times)
	return CallLoad{
		InFlight:  inFlight,
		PerSecond: float64(len(times)) / took.Seconds(),
		P50:       percentile(times, 50),
		P99:       percentile(times, 99),
		Errors:    failed,
		CPU:       (cpuAfter - cpuBefore) / time.Duration(len(times)),
	}, ctx.Err()
}

// messageLoad offers messages at the planned rate from several senders, so that
// the round trip of one request does not set the pace.
func (b *bench) messageLoad(ctx context.Context) (MessageLoad, error) {
	const senders = 256
	const drain = 2 * time.Second // for what is under way when the load ends
	var arrived, taken, failed atomic.Int64
	var lastArrival atomic.Int64
	message, err := messageLine(b.context, "AppMessage", b.target, b.payload(b.messages))
	if err != nil {
		return MessageLoad{}, err
	}
	began := time.Now()
	counted := func() {
		arrived.Add(1)
		lastArrival.Store(int64(time.Since(began)))
	}
	b.arrived.Store(&counted)
	defer b.arrived.Store(nil)

	every := time.Duration(float64(senders*b.messages) / (b.offered * 1e6) * float64(time.Second))
	var group sync.WaitGroup
	for i := range senders {
		group.Go(func() {
			// Each sender keeps to its own timetable: what is late is made up for.
			for due := began.Add(every * time.Duration(i) / senders); due.Before(began.Add(b.load)); due = due.Add(every) {
				if rest(ctx, time.Until(due)) != nil || time.Since(began) > b.load {
					return
				}
				switch err := b.asker.request(ctx, message).err; {
				case errors.Is(err, api.ErrClosed):
					failed.Add(1)
					return
				case err != nil:
					failed.Add(1)
				default:
					taken.Add(1)
				}
			}
		})
	}
	group.Wait()
	sent := time.Since(began)
	if err := rest(ctx, drain); err != nil {
		return MessageLoad{}, err
	}
	if taken.Load() == 0 || arrived.Load() == 0 {
		return MessageLoad{}, fmt.Errorf("%d messages taken, %d not, %d arrived", taken.Load(), failed.Load(), arrived.Load())
	}
	megabytes := func(count int64, over time.Duration) float64 {
		return float64(count) * float64(b.messages) / 1e6 / over.Seconds()
	}
	return MessageLoad{
		Offered:   megabytes(taken.Load(), sent),
		Delivered: megabytes(arrived.Load(), max(sent, time.Duration(lastArrival.Load()))),
		Lost:      1 - float64(arrived.Load())/float64(taken.Load()),
		Errors:    int(failed.Load()),
	}, nil
}

// rest waits for a time or the end of ctx. A time in the past is no wait.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// percentile of sorted times, by nearest rank.
func percentile(sorted []time.Duration, p int) time.Duration {
	rank := (len(sorted)*p + 99) / 100
	return sorted[max(rank, 1)-1]
}
