//go:build interop && linux && !android

package interop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
)

const maxMessage = 32768 // of an application message or call (spec 07 §2.2)

// Messages of every size over routes of one to three hops, where the hops are
// real nodes, Voile nodes, or both. Who may be a hop is steered by the
// capability ROUT.
func TestMessagesOverHops(t *testing.T) {
	noHop := lab.Settings{Disable: []string{"ROUT"}}
	for _, c := range []struct {
		name  string
		lab   string
		build func(t *testing.T, l *lab.Lab) (real, voile lab.Node)
	}{
		// A node needs four others with ROUT to become ready (spec 04 §15.3).
		{"real hops", "real", func(t *testing.T, l *lab.Lab) (real, voile lab.Node) {
			return addFull(t, l, lab.Real, 5, lab.Settings{})[4], addFull(t, l, lab.Voile, 2, noHop)[1]
		}},
		{"Voile hops", "voile", func(t *testing.T, l *lab.Lab) (real, voile lab.Node) {
			return addFull(t, l, lab.Real, 1, noHop)[0], addFull(t, l, lab.Voile, 6, lab.Settings{})[5]
		}},
		{"both", "both", func(t *testing.T, l *lab.Lab) (real, voile lab.Node) {
			return addFull(t, l, lab.Real, 3, lab.Settings{})[2], addFull(t, l, lab.Voile, 3, lab.Settings{})[2]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, "hops"+c.lab)
			real, voile := c.build(t, l)
			startReady(t, readyTime, l.Nodes()...)
			for _, way := range [][2]lab.Node{{real, voile}, {voile, real}} {
				for hops := 1; hops <= 3; hops++ {
					for _, sequencing := range []api.Sequencing{api.PreferUnordered, api.EnsureOrdered} {
						t.Run(fmt.Sprintf("%s to %s, %d hops, %s", way[0].Kind(), way[1].Kind(), hops, sequencing), func(t *testing.T) {
							p := openPath(t, way[0], way[1], hops, sequencing)
							checkHops(t, p, l.Nodes())
							for _, size := range []int{1, 1024, maxMessage} {
								p.call(t, size)
								p.message(t, size)
							}
						})
					}
				}
			}
			nobodyIsPunished(t, l.Nodes())
		})
	}
}

// Nodes of both kinds that speak one protocol only, among full nodes of both
// kinds: they find relays for the rest and talk to each other.
func TestMessagesOverOneProtocol(t *testing.T) {
	for _, only := range []lab.Transports{lab.UDP, lab.TCP, lab.WS} {
		t.Run(only.String(), func(t *testing.T) {
			l := newLab(t, "proto"+strings.ToLower(only.String()))
			full := addFull(t, l, lab.Real, 3, lab.Settings{})
			full = append(full, addFull(t, l, lab.Voile, 3, lab.Settings{})...)
			limited := lab.Settings{Transports: only}
			real, voile := addFull(t, l, lab.Real, 1, limited)[0], addFull(t, l, lab.Voile, 1, limited)[0]
			startReady(t, readyTime, full...)
			sequencing := api.EnsureOrdered
			if only == lab.UDP {
				// Readiness asks for ordered routes (spec 04 §15.3), which such a
				// node never has; it is as ready as can be when it has published.
				sequencing = api.PreferUnordered
				if err := lab.Start(t.Context(), real, voile); err != nil {
					t.Fatal(err)
				}
				for _, n := range []lab.Node{real, voile} {
					eventually(t, relayedTime, func(ctx context.Context) error { return canBeReached(ctx, n) })
				}
			} else {
				startReady(t, relayedTime, real, voile)
			}
			for _, way := range [][2]lab.Node{{real, voile}, {voile, real}, {full[0], voile}, {full[5], real}} {
				t.Run(fmt.Sprintf("%s to %s", way[0].Kind(), way[1].Kind()), func(t *testing.T) {
					p := openPath(t, way[0], way[1], 1, sequencing)
					for _, size := range []int{1, 1024, maxMessage} {
						p.call(t, size)
						p.message(t, size)
					}
				})
			}
			for _, n := range []lab.Node{real, voile} {
				checkProtocol(t, n, only, l.Nodes())
			}
			nobodyIsPunished(t, l.Nodes())
		})
	}
}

// canBeReached checks that a node can make an unordered private route, which
// takes a published peer info.
func canBeReached(ctx context.Context, n lab.Node) error {
	r, err := n.Client().NewCustomPrivateRoute(ctx, api.PrivateSpec{HopCount: 1, Stability: api.Reliable, Sequencing: api.PreferUnordered})
	if err != nil {
		return fmt.Errorf("%s: %w", describe(n), err)
	}
	return n.Client().ReleasePrivateRoute(ctx, r.RouteID)
}

// checkProtocol checks that a node had packets of its own protocol only, by the
// kernel's count, and tells WS from TCP by what the node says of its peers.
func checkProtocol(t *testing.T, n lab.Node, only lab.Transports, others []lab.Node) {
	t.Helper()
	got := map[string]int{}
	for _, other := range others {
		for _, protocol := range []string{"udp", "tcp"} {
			count, err := n.Host().Arrived(t.Context(), other.Host().IPv4(), protocol)
			if err != nil {
				t.Fatal(err)
			}
			got[protocol] += count
		}
	}
	want, not := "tcp", "udp"
	if only == lab.UDP {
		want, not = not, want
	}
	if got[want] == 0 || got[not] != 0 {
		t.Errorf("%s: packets by protocol %v, want %s alone", describe(n), got, want)
	}
	s, err := n.Client().GetState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Network.Peers {
		if !strings.HasPrefix(p.Address, only.String()+":") {
			t.Errorf("%s reaches a peer at %s, want %s", describe(n), p.Address, only)
		}
	}
}

// path is a way from one node to another: a private route of the one, and a
// routing context of the other.
type path struct {
	from, to lab.Node
	hops     int
	blob     api.RouteBlob
	target   api.Target
	rc       *api.RoutingContext
	tries    int // beyond the first, over the whole life of the path
}

// maxTries of one message. The network may lose one, and a route may turn out
// to be stale; both are rare, and each is logged.
const maxTries = 3

// openPath makes a private route at to and a context at from. It lives as long
// as the test.
func openPath(t *testing.T, from, to lab.Node, hops int, sequencing api.Sequencing) *path {
	t.Helper()
	p := &path{from: from, to: to, hops: hops}
	eventually(t, callTime, func(ctx context.Context) (err error) {
		p.blob, err = to.Client().NewCustomPrivateRoute(ctx, api.PrivateSpec{HopCount: hops, Stability: api.Reliable, Sequencing: sequencing})
		return err
	})
	id, err := from.Client().ImportRemotePrivateRoute(t.Context(), p.blob.Blob)
	if err != nil {
		t.Fatalf("import at %s: %v", describe(from), err)
	}
	p.target = api.Target{RouteID: id}
	plain, err := from.Client().NewRoutingContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.rc, err = plain.WithSafety(t.Context(), api.SafetySpec{HopCount: hops, Stability: api.Reliable, Sequencing: sequencing})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		for _, err := range []error{
			plain.Release(ctx), p.rc.Release(ctx),
			from.Client().ReleasePrivateRoute(ctx, id),
			to.Client().ReleasePrivateRoute(ctx, p.blob.RouteID),
		} {
			// A route that died meanwhile is unknown to its node, which is fine.
			if unknown := (*api.Error)(nil); err != nil && !errors.As(err, &unknown) && !t.Failed() {
				t.Errorf("release: %v", err)
			}
		}
		if p.tries > 0 {
			t.Logf("%d more tries were needed", p.tries)
		}
	})
	return p
}

// payload is a text that no other message of the run has.
func payload(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// call sends a call and checks the answer, which is the question turned around.
func (p *path) call(t *testing.T, size int) {
	t.Helper()
	question := payload(size)
	want := slices.Clone(question)
	slices.Reverse(want)
	stop := p.to.Client().Answer(func(u api.Update) []byte {
		if u.RouteID == nil || *u.RouteID != p.blob.RouteID {
			return nil // of another path
		}
		answer := slices.Clone(u.Message)
		slices.Reverse(answer)
		return answer
	})
	defer stop()
	p.try(t, fmt.Sprintf("call of %d bytes", size), func(ctx context.Context) error {
		got, err := p.rc.AppCall(ctx, p.target, question)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("answer of %d bytes differs", len(got))
		}
		return nil
	})
}

// message sends a message and waits until it arrives, unchanged, over the route.
func (p *path) message(t *testing.T, size int) {
	t.Helper()
	want := payload(size)
	arrived := make(chan struct{}, maxTries)
	stop := p.to.Client().OnUpdate(func(u api.Update) {
		if u.Kind == "AppMessage" && u.RouteID != nil && *u.RouteID == p.blob.RouteID && u.Sender == nil && bytes.Equal(u.Message, want) {
			select {
			case arrived <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	p.try(t, fmt.Sprintf("message of %d bytes", size), func(ctx context.Context) error {
		if err := p.rc.AppMessage(ctx, p.target, want); err != nil {
			return err
		}
		select {
		case <-arrived:
			return nil
		case <-ctx.Done():
			return errors.New("it did not arrive")
		}
	})
}

func (p *path) try(t *testing.T, what string, send func(context.Context) error) {
	t.Helper()
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(t.Context(), callTime)
		var err error
		// Who knows too few nodes for a safety route yet says so at once: no try.
		_ = lab.Eventually(ctx, func(ctx context.Context) error {
			err = send(ctx)
			if e := (*api.Error)(nil); errors.As(err, &e) && e.Kind == "TryAgain" {
				return err
			}
			return nil
		})
		cancel()
		if err == nil {
			return
		}
		// After a loss a real node may have let go of the route that it has imported.
		if e := (*api.Error)(nil); errors.As(err, &e) && e.Kind == "NoConnection" {
			if _, err := p.from.Client().ImportRemotePrivateRoute(t.Context(), p.blob.Blob); err != nil {
				t.Logf("import once more at %s: %v", describe(p.from), err)
			}
		}
		if try == maxTries {
			t.Fatalf("%s from %s to %s failed %d times: %v", what, describe(p.from), describe(p.to), try, err)
		}
		t.Logf("%s from %s to %s, try %d: %v", what, describe(p.from), describe(p.to), try, err)
		p.tries++
	}
}

// checkHops checks by the owner's own list that the private route has as many
// hops as asked for, and that each is a node that offers to be one.
func checkHops(t *testing.T, p *path, nodes []lab.Node) {
	t.Helper()
	routes, err := lab.RouteHops(t.Context(), p.to.Client())
	if err != nil {
		t.Fatal(err)
	}
	hops, ok := routes[p.blob.RouteID]
	if !ok || len(hops) != p.hops {
		t.Fatalf("%s lists the route with hops %v, want %d of them", describe(p.to), hops, p.hops)
	}
	for _, hop := range hops {
		i := slices.IndexFunc(nodes, func(n lab.Node) bool { return n.ID() == hop })
		if i < 0 || nodes[i] == p.to || slices.Contains(nodes[i].Settings().Disable, "ROUT") {
			t.Errorf("%s has %s as hop, which is no node to be one", describe(p.to), hop)
		}
	}
}
