//go:build linux && !android

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/netns"
	"golang.org/x/sync/errgroup"
)

// Lab is a network with nodes in it.
type Lab struct {
	net  *netns.Network
	name string
	dir  string
	log  io.Writer
	as   map[Kind]Kind

	mu       sync.Mutex
	programs map[Kind]program
	nodes    []Node
}

// Options of a laboratory.
type Options struct {
	Log io.Writer // progress of builds; nil: discarded
	// Dir takes configurations and logs; "": a directory of the laboratory's
	// name under voile-interop in the system's temporary directory. What is
	// there from an earlier run is removed.
	Dir string
	// As runs nodes of one kind in place of another, to check the laboratory
	// itself or to compare.
	As map[Kind]Kind
}

// New makes an empty laboratory. The caller must Close it.
func New(ctx context.Context, name string, o Options) (*Lab, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(os.TempDir(), "voile-interop", name)
	}
	network, err := netns.New(ctx, name)
	if err != nil {
		return nil, err
	}
	l := &Lab{net: network, name: name, dir: o.Dir, log: o.Log, as: o.As, programs: map[Kind]program{}}
	if err := errors.Join(os.RemoveAll(l.dir), os.MkdirAll(l.dir, 0o755)); err != nil {
		return nil, errors.Join(err, network.Close())
	}
	return l, nil
}

// Close ends all nodes and the network. Stores, logs and configurations stay if
// keep is set.
func (l *Lab) Close(keep bool) error {
	var group sync.WaitGroup
	for _, n := range l.Nodes() {
		group.Go(n.Kill)
	}
	group.Wait()
	err := l.net.Close()
	if !keep {
		err = errors.Join(err, os.RemoveAll(l.dir))
	}
	return err
}

// Net is the network.
func (l *Lab) Net() *netns.Network { return l.net }

// Dir holds a directory for each node.
func (l *Lab) Dir() string { return l.dir }

// Nodes are all nodes in the order of Add.
func (l *Lab) Nodes() []Node {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Node(nil), l.nodes...)
}

// Add makes a host and a node on it, which does not run yet.
func (l *Lab) Add(ctx context.Context, kind Kind, host netns.HostSpec, settings Settings) (Node, error) {
	if as, ok := l.as[kind]; ok {
		kind = as
	}
	p, err := l.program(ctx, kind)
	if err != nil {
		return nil, err
	}
	h, err := l.net.AddHost(ctx, host)
	if err != nil {
		return nil, err
	}
	n := &node{
		program:  p,
		host:     h,
		id:       NewIdentity(fmt.Sprintf("%s %d", l.name, h.Index())),
		dir:      filepath.Join(l.dir, fmt.Sprintf("n%d", h.Index())),
		settings: settings,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = append(l.nodes, n)
	return n, nil
}

func (l *Lab) program(ctx context.Context, kind Kind) (program, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.programs[kind]; ok {
		return p, nil
	}
	var p program
	var err error
	switch kind {
	case Real, Real052:
		p, err = realProgram(ctx, kind, l.log)
	case Voile:
		p, err = voileProgram(ctx, l.dir, l.log)
	default:
		err = fmt.Errorf("no program for kind %q", kind)
	}
	if err == nil {
		l.programs[kind] = p
	}
	return p, err
}

// Start starts nodes side by side and returns when their APIs answer.
func Start(ctx context.Context, nodes ...Node) error {
	var group errgroup.Group
	for _, n := range nodes {
		group.Go(func() error { return n.Start(ctx) })
	}
	return group.Wait()
}

// WaitReady returns when all nodes say that they are ready.
func WaitReady(ctx context.Context, nodes ...Node) error {
	errs := make([]error, len(nodes))
	var group sync.WaitGroup
	for i, n := range nodes {
		group.Go(func() {
			if err := n.Client().WaitReady(ctx); err != nil {
				errs[i] = fmt.Errorf("%s (%s): %w", n.Name(), n.Kind(), err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// Eventually asks check every half second until it finds nothing wrong or ctx
// ends, and then says what was wrong last. A connection that ended ends it, too:
// it does not come back.
func Eventually(ctx context.Context, check func(context.Context) error) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := check(ctx)
		if err == nil || errors.Is(err, api.ErrClosed) {
			return err
		}
		if ctx.Err() == nil || last == nil {
			last = err // what the end of ctx itself broke says little
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", last, context.Cause(ctx))
		}
	}
}
