//go:build interop && linux && !android

package interop

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
	"github.com/voile-net/voile/interop/netns"
)

// Two nodes behind NATs, one of each kind, and one on a host without IPv6, with
// relays of the other kind: all are reached from everywhere, the two behind NATs
// make holes for each other, and a public node is called back.
func TestRelayed(t *testing.T) {
	for _, c := range []struct {
		name, lab      string
		relays, hidden lab.Kind // hidden is the kind the relays are tried with
	}{
		{"Voile behind real relays", "natreal", lab.Real, lab.Voile},
		{"real behind Voile relays", "natvoile", lab.Voile, lab.Real},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, c.lab)
			full := addFull(t, l, c.relays, 5, lab.Settings{Verbose: true})
			startReady(t, readyTime, full...)

			finding := joining(l, lab.Settings{DetectAddress: true, Verbose: true})
			nat := netns.HostSpec{NAT: netns.NATPortRestricted}
			behind := add(t, l, c.hidden, nat, finding)
			other := add(t, l, c.relays, nat, finding)
			four := add(t, l, c.hidden, netns.HostSpec{IPv4Only: true}, joining(l, lab.Settings{}))
			startReady(t, relayedTime, behind, other, four)

			for _, n := range []lab.Node{behind, four} {
				eventually(t, relayedTime, func(ctx context.Context) error { return hasRelay(ctx, n, full) })
			}
			for _, way := range [][2]lab.Node{{full[0], behind}, {behind, full[0]}, {full[1], four}, {four, full[1]}, {behind, other}, {other, behind}, {four, behind}} {
				t.Run(fmt.Sprintf("%s to %s", way[0].Name(), way[1].Name()), func(t *testing.T) {
					p := openPath(t, way[0], way[1], 1, api.PreferOrdered)
					for _, size := range []int{1, maxMessage} {
						p.call(t, size)
						p.message(t, size)
					}
				})
			}
			t.Run("hole punch", func(t *testing.T) {
				eventually(t, relayedTime, func(ctx context.Context) error { return holePunched(ctx, behind, other) })
			})
			t.Run("reverse connection", func(t *testing.T) {
				eventually(t, relayedTime, func(ctx context.Context) error { return calledBack(ctx, full[2], behind) })
			})
			nobodyIsPunished(t, l.Nodes())
		})
	}
}

// hasRelay checks that a node's published peer info names one of others as relay.
func hasRelay(ctx context.Context, n lab.Node, others []lab.Node) error {
	info, err := n.Client().Debug(ctx, "peerinfo published")
	if err != nil {
		return err
	}
	_, relays, ok := strings.Cut(info, "relay_info_list:")
	if !ok {
		return fmt.Errorf("%s: no relays in %q", describe(n), info)
	}
	for _, other := range others {
		if strings.Contains(relays, other.ID()) {
			return nil
		}
	}
	return fmt.Errorf("%s names no relay: %q", describe(n), relays)
}

// holePunched checks that packets of each of two nodes behind port restricted
// NATs have reached the other without a relay, which takes a hole on both sides.
// It makes them ping each other first.
func holePunched(ctx context.Context, a, b lab.Node) error {
	for _, way := range [][2]lab.Node{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		if _, err := from.Client().Debug(ctx, "ping "+to.ID()+"/udp"); err != nil {
			return fmt.Errorf("%s pings %s: %w", describe(from), describe(to), err)
		}
	}
	for _, way := range [][2]lab.Node{{a, b}, {b, a}} {
		from, to := way[0], way[1]
		count, err := to.Host().Arrived(ctx, from.Host().IPv4(), "udp")
		if err != nil {
			return err
		}
		if count == 0 {
			return fmt.Errorf("no packet of %s came through the NAT of %s", describe(from), describe(to))
		}
	}
	return usedMethod(ctx, "SignalHolePunch", a, b)
}

// calledBack checks that a hidden node connects to a public one that has asked it
// to: without a connection left between the two, a ping of the public node makes
// packets arrive straight from the hidden one.
func calledBack(ctx context.Context, public, hidden lab.Node) error {
	if _, err := public.Client().Debug(ctx, "purge connections"); err != nil {
		return fmt.Errorf("%s drops its connections: %w", describe(public), err)
	}
	before, err := public.Host().Arrived(ctx, hidden.Host().IPv4(), "tcp")
	if err != nil {
		return err
	}
	if _, err := public.Client().Debug(ctx, "ping "+hidden.ID()+"/tcp"); err != nil {
		return fmt.Errorf("%s pings %s: %w", describe(public), describe(hidden), err)
	}
	after, err := public.Host().Arrived(ctx, hidden.Host().IPv4(), "tcp")
	if err != nil {
		return err
	}
	if after == before {
		return fmt.Errorf("no packet of %s came straight to %s", describe(hidden), describe(public))
	}
	return usedMethod(ctx, "SignalReverse", public)
}

// usedMethod checks that every node has chosen a contact method at least once.
func usedMethod(ctx context.Context, method string, nodes ...lab.Node) error {
	for _, n := range nodes {
		methods, err := lab.ContactMethods(ctx, n.Client())
		if err != nil {
			return fmt.Errorf("%s: %w", describe(n), err)
		}
		if methods[method] == 0 {
			return fmt.Errorf("%s has used %v, never %s", describe(n), methods, method)
		}
	}
	return nil
}
