//go:build interop && linux && !android

package interop

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/dns"
	"github.com/voile-net/voile/interop/lab"
	"github.com/voile-net/voile/interop/netns"
)

// Five real and three Voile nodes, joined through a real one: everybody becomes
// ready, and after a while everybody trusts everybody.
func TestJoinARealNetwork(t *testing.T) {
	l := newLab(t, "join")
	addFull(t, l, lab.Real, 5, lab.Settings{})
	addFull(t, l, lab.Voile, 3, lab.Settings{})
	nodes := l.Nodes()
	startReady(t, readyTime, nodes...)
	for _, n := range nodes {
		s, err := n.Client().GetState(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.Network.NodeIDs, []string{n.ID()}) {
			t.Errorf("%s calls itself %q, want %s", describe(n), s.Network.NodeIDs, n.ID())
		}
	}
	eventually(t, reliableTime, func(ctx context.Context) error { return trustEachOther(ctx, nodes) })
	eventually(t, reliableTime, func(ctx context.Context) error { return countEachOther(ctx, nodes) })
	nobodyIsPunished(t, nodes)
}

// countEachOther checks that every node reports all the others as reliable peers.
func countEachOther(ctx context.Context, nodes []lab.Node) error {
	var errs []error
	for _, n := range nodes {
		s, err := n.Client().GetState(ctx)
		if err != nil {
			return err
		}
		if got, want := int(s.Attachment.ReliablePeerCount), len(nodes)-1; got != want {
			errs = append(errs, fmt.Errorf("%s counts %d reliable peers, want %d", describe(n), got, want))
		}
	}
	return errors.Join(errs...)
}

// Five Voile and three real nodes, joined through a Voile one in every way that
// there is (spec 04 §12).
func TestJoinThroughVoile(t *testing.T) {
	signer := lab.NewIdentity("signer of bootstrap records")
	type settings struct{ first, rest lab.Settings } // of the seed and of the others
	for i, way := range []struct {
		name     string
		settings func(t *testing.T, seed lab.Node) settings
		names    func(t *testing.T, seed lab.Node) map[string][]string // TXT records; nil: none
		byBOOT   bool
	}{
		{
			name: "records",
			settings: func(t *testing.T, seed lab.Node) settings {
				return settings{rest: lab.Settings{BootstrapRecords: []string{seed.Identity().Record0(seed.Name())}}}
			},
		}, {
			name: "BOOT over TCP", byBOOT: true,
			settings: func(t *testing.T, seed lab.Node) settings {
				return settings{lab.Settings{ServeBootstrap: true}, lab.Settings{Bootstrap: []string{at(seed, "tcp://%s:5150")}}}
			},
		}, {
			name: "BOOT over UDP", byBOOT: true,
			settings: func(t *testing.T, seed lab.Node) settings {
				return settings{lab.Settings{ServeBootstrap: true}, lab.Settings{Bootstrap: []string{at(seed, "udp://%s:5150")}}}
			},
		}, {
			name: "BOOT over WS", byBOOT: true,
			settings: func(t *testing.T, seed lab.Node) settings {
				return settings{lab.Settings{ServeBootstrap: true}, lab.Settings{Bootstrap: []string{at(seed, "ws://%s:5150/ws")}}}
			},
		}, {
			name: "B01T",
			settings: func(t *testing.T, seed lab.Node) settings {
				keys := []string{signer.Public()}
				return settings{
					lab.Settings{ServeBootstrap: true, BootstrapKeys: keys, BootstrapRecords: []string{signed(t, seed, signer)}},
					lab.Settings{BootstrapKeys: keys, Bootstrap: []string{at(seed, "tcp://%s:5150")}},
				}
			},
		}, {
			name: "TXT version 1",
			settings: func(t *testing.T, seed lab.Node) settings {
				keys := []string{signer.Public()}
				return settings{lab.Settings{BootstrapKeys: keys}, lab.Settings{BootstrapKeys: keys, Bootstrap: []string{"boot.lab"}}}
			},
			names: func(t *testing.T, seed lab.Node) map[string][]string {
				return map[string][]string{"boot.lab.": {signed(t, seed, signer)}}
			},
		}, {
			name: "TXT version 0",
			settings: func(t *testing.T, seed lab.Node) settings {
				return settings{rest: lab.Settings{Bootstrap: []string{"boot.lab"}}}
			},
			names: func(t *testing.T, seed lab.Node) map[string][]string {
				return map[string][]string{"boot.lab.": {"1"}, "1.boot.lab.": {seed.Identity().Record0(seed.Name())}}
			},
		},
	} {
		t.Run(way.name, func(t *testing.T) {
			if standIn && way.byBOOT {
				t.Skip("a real node is not in its own BOOT answer, so nobody gets to know it (spec 04 §15.3)")
			}
			l := newLab(t, fmt.Sprintf("seed%d", i))
			seed := add(t, l, lab.Voile, netns.HostSpec{}, lab.Settings{})
			s := way.settings(t, seed)
			seed.Configure(s.first)
			if way.names != nil {
				serveNames(t, l, way.names(t, seed))
			}
			for _, kind := range []lab.Kind{lab.Voile, lab.Voile, lab.Voile, lab.Voile, lab.Real, lab.Real, lab.Real} {
				add(t, l, kind, netns.HostSpec{}, s.rest)
			}
			startReady(t, readyTime, l.Nodes()...)
			nobodyIsPunished(t, l.Nodes())
		})
	}
}

// at puts a node's IPv4 address into a bootstrap URL.
func at(n lab.Node, format string) string { return fmt.Sprintf(format, n.Host().IPv4()) }

func signed(t *testing.T, n lab.Node, signer lab.Identity) string {
	t.Helper()
	record, err := n.Identity().Record1(n.Name(), signer, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// serveNames runs a name server at the gateway, where every host looks.
func serveNames(t *testing.T, l *lab.Lab, names map[string][]string) {
	t.Helper()
	at := netip.AddrPortFrom(l.Net().Gateway4(), 53).String()
	udp, err := l.Net().ListenPacket(at)
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := l.Net().Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	s := dns.Serve(udp, tcp, names)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
