//go:build interop && linux && !android

package interop

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
)

// A node of either kind comes back on addresses it never had, after a clean end
// and after a crash: the others learn the new ones, and messages flow again.
func TestRestartOnANewAddress(t *testing.T) {
	l := newLab(t, "move")
	real := addFull(t, l, lab.Real, 4, lab.Settings{})
	voile := addFull(t, l, lab.Voile, 3, lab.Settings{})
	nodes := l.Nodes()
	startReady(t, readyTime, nodes...)
	for _, c := range []struct {
		name         string
		moving, peer lab.Node
		end          func(lab.Node) error
	}{
		{"Voile, stopped", voile[0], real[1], lab.Node.Stop},
		{"real, stopped", real[2], voile[1], lab.Node.Stop},
		{"Voile, crashed", voile[2], real[3], func(n lab.Node) error { n.Kill(); return nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := c.moving.Host().IPv4()
			openPath(t, c.peer, c.moving, 1, api.PreferOrdered).call(t, 1024)
			if err := c.end(c.moving); err != nil {
				t.Error(err)
			}
			if err := c.moving.Host().Readdress(t.Context()); err != nil {
				t.Fatal(err)
			}
			startReady(t, readyTime, c.moving)
			began := time.Now()
			for _, way := range [][2]lab.Node{{c.peer, c.moving}, {c.moving, c.peer}} {
				p := openPath(t, way[0], way[1], 1, api.PreferOrdered)
				p.call(t, 1024)
				p.message(t, 1024)
			}
			t.Logf("messages flow %s after the node is ready", time.Since(began).Round(time.Millisecond))
			eventually(t, reliableTime, func(ctx context.Context) error {
				return knowsAt(ctx, c.peer, c.moving, before.String())
			})
		})
	}
	nobodyIsPunished(t, nodes)
}

// knowsAt checks that a node has another's present address and no longer its old one.
func knowsAt(ctx context.Context, n, other lab.Node, old string) error {
	text, err := n.Client().Debug(ctx, "entry "+other.ID())
	if err != nil {
		return err
	}
	info, _, _ := strings.Cut(text, "peer_stats")
	if now := other.Host().IPv4().String(); !strings.Contains(info, now+":") || strings.Contains(info, old+":") {
		return fmt.Errorf("%s has %s with %q, want %s and not %s", describe(n), describe(other), info, now, old)
	}
	return nil
}
