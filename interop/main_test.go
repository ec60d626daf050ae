//go:build interop && linux && !android

package interop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/lab"
	"github.com/voile-net/voile/interop/netns"
)

// How to run, from the environment: flags would be unknown to the other test
// programs that the same go test command runs.
var (
	standIn    = os.Getenv("VOILE_INTEROP_STANDIN") != "" // real nodes in place of Voile nodes, to check the laboratory itself
	requireLab = os.Getenv("VOILE_INTEROP_REQUIRE") != "" // fail where the laboratory cannot run, instead of skipping
	keep       = os.Getenv("VOILE_INTEROP_KEEP") != ""    // keep logs and configurations of tests that passed, too
	prefix     = cmp.Or(os.Getenv("VOILE_INTEROP_PREFIX"), "ih")
)

const (
	readyTime    = 90 * time.Second  // for a whole laboratory to become ready; 10 s is usual
	relayedTime  = 150 * time.Second // the same with relays, which are chosen among peers known for 20 s
	reliableTime = 3 * time.Minute   // 60 s without a lost answer, and one more try after a lost one
	callTime     = 20 * time.Second  // for one call, with the making of its routes
)

// newLab makes a laboratory that lives as long as the test. What the nodes say
// of each other is kept when the test fails.
func newLab(t *testing.T, name string) *lab.Lab {
	t.Helper()
	o := lab.Options{Log: t.Output(), As: map[lab.Kind]lab.Kind{}}
	if standIn {
		o.As[lab.Voile] = lab.Real
	}
	l, err := lab.New(t.Context(), prefix+name, o)
	if err != nil {
		unavailable(t, err)
	}
	t.Cleanup(func() {
		wanted := t.Failed() || keep
		if wanted {
			report(l)
			t.Logf("logs, configurations and reports: %s", l.Dir())
		}
		if err := l.Close(wanted); err != nil {
			t.Error(err)
		}
	})
	return l
}

// unavailable skips a test that cannot run here, or fails it if it has to.
func unavailable(t *testing.T, err error) {
	t.Helper()
	if !requireLab && (errors.Is(err, netns.ErrNeedsRoot) || errors.Is(err, lab.ErrNoVoile)) {
		t.Skip(err)
	}
	t.Fatal(err)
}

// add makes a node that does not run yet.
func add(t *testing.T, l *lab.Lab, kind lab.Kind, host netns.HostSpec, s lab.Settings) lab.Node {
	t.Helper()
	n, err := l.Add(t.Context(), kind, host, s)
	if err != nil {
		unavailable(t, err)
	}
	return n
}

// addFull adds full nodes of a kind. With the first node of all as seed they
// find each other: the rest joins through a record of it.
func addFull(t *testing.T, l *lab.Lab, kind lab.Kind, count int, s lab.Settings) []lab.Node {
	t.Helper()
	var nodes []lab.Node
	for range count {
		nodes = append(nodes, add(t, l, kind, netns.HostSpec{}, joining(l, s)))
	}
	return nodes
}

// joining adds to settings how a node joins that is neither the seed nor 0.5.2.
func joining(l *lab.Lab, s lab.Settings) lab.Settings {
	s.ServeBootstrap = true
	if nodes := l.Nodes(); len(nodes) > 0 {
		s.BootstrapRecords = []string{nodes[0].Identity().Record0(nodes[0].Name())}
	}
	return s
}

func startReady(t *testing.T, limit time.Duration, nodes ...lab.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := lab.Start(ctx, nodes...); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := lab.WaitReady(ctx, nodes...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d nodes ready %s after the last one started", len(nodes), time.Since(began).Round(100*time.Millisecond))
}

// eventually fails the test if check still finds something wrong at the limit.
func eventually(t *testing.T, limit time.Duration, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	if err := lab.Eventually(ctx, check); err != nil {
		t.Fatal(err)
	}
}

func describe(n lab.Node) string { return fmt.Sprintf("%s (%s)", n.Name(), n.Kind()) }

// trustEachOther checks that every node has every other as reliable.
func trustEachOther(ctx context.Context, nodes []lab.Node) error {
	var errs []error
	for _, n := range nodes {
		entries, err := lab.Entries(ctx, n.Client())
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", describe(n), err))
			continue
		}
		for _, other := range nodes {
			if state := entries[other.ID()]; other != n && state != lab.Reliable {
				errs = append(errs, fmt.Errorf("%s has %s as %q, want %s", describe(n), describe(other), state, lab.Reliable))
			}
		}
	}
	return errors.Join(errs...)
}

// nobodyIsPunished checks the punishment tables of every node.
func nobodyIsPunished(t *testing.T, nodes []lab.Node) {
	t.Helper()
	for _, n := range nodes {
		list, err := lab.Punishments(t.Context(), n.Client())
		if err != nil {
			t.Errorf("%s: %v", describe(n), err)
		}
		for _, p := range list {
			t.Errorf("%s punishes: %s", describe(n), p)
		}
	}
}

// report writes what the nodes say of themselves beside their logs.
func report(l *lab.Lab) {
	// The test's own context has ended by now.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, n := range l.Nodes() {
		c := n.Client()
		if c == nil || c.Done() != nil {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "%s %s\n", describe(n), n.ID())
		if s, err := c.GetState(ctx); err == nil {
			fmt.Fprintf(&b, "%+v\n%+v\n", s.Attachment, s.Network)
		}
		commands := []string{"nodeinfo", "peerinfo", "entries dead", "punish list", "network stats", "transport stats", "route list"}
		for _, other := range l.Nodes() {
			if other != n {
				commands = append(commands, "entry "+other.ID(), "contact "+other.ID())
			}
		}
		for _, command := range commands {
			text, err := c.Debug(ctx, command)
			if err != nil {
				text = err.Error()
			}
			fmt.Fprintf(&b, "\n===== %s\n%s\n", command, text)
		}
		_ = os.WriteFile(filepath.Join(n.Dir(), "report.txt"), []byte(b.String()), 0o644)
	}
}
