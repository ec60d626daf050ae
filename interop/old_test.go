//go:build interop && linux && !android

package interop

import (
	"context"
	"fmt"
	"testing"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/lab"
	"github.com/voile-net/voile/interop/netns"
)

// One node of 0.5.2 among Voile and 0.5.8 nodes: trust on both sides, calls in
// both directions, nobody punished.
func TestWith052(t *testing.T) {
	l := newLab(t, "old")
	real := addFull(t, l, lab.Real, 3, lab.Settings{})
	voile := addFull(t, l, lab.Voile, 3, lab.Settings{})
	startReady(t, readyTime, l.Nodes()...)
	// 0.5.2 knows no bootstrap records: it asks a Voile node.
	old := add(t, l, lab.Real052, netns.HostSpec{}, lab.Settings{Bootstrap: []string{at(voile[0], "tcp://%s:5150")}})
	startReady(t, relayedTime, old)
	version, err := old.Client().Version(t.Context())
	if err != nil || version != "0.5.2" {
		t.Fatalf("the old node is %q, %v", version, err)
	}
	for _, way := range [][2]lab.Node{{old, voile[1]}, {voile[1], old}, {old, real[1]}, {real[1], old}} {
		for hops := 1; hops <= 2; hops++ {
			t.Run(fmt.Sprintf("%s to %s, %d hops", way[0].Kind(), way[1].Kind(), hops), func(t *testing.T) {
				p := openPath(t, way[0], way[1], hops, api.PreferOrdered)
				for _, size := range []int{1, 1024, maxMessage} {
					p.call(t, size)
					p.message(t, size)
				}
			})
		}
	}
	for _, v := range voile {
		eventually(t, reliableTime, func(ctx context.Context) error { return trustEachOther(ctx, []lab.Node{old, v}) })
	}
	nobodyIsPunished(t, l.Nodes())
}
