//go:build interop && linux && !android

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/netns"
)

// The life of one node of every kind, alone in its network.
func TestNode(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		name string
	}{{Real, "ihlabreal"}, {Real052, "ihlabold"}, {Voile, "ihlabvoile"}} {
		t.Run(string(c.kind), func(t *testing.T) {
			l, err := New(t.Context(), c.name, Options{Log: t.Output()})
			if errors.Is(err, netns.ErrNeedsRoot) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := l.Close(t.Failed()); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(l.Dir()); !t.Failed() && err == nil {
					t.Error("Close left the logs")
				}
			}()
			n, err := l.Add(t.Context(), c.kind, netns.HostSpec{}, Settings{})
			if errors.Is(err, ErrNoVoile) {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			checkNode(t, n)
		})
	}
}

func checkNode(t *testing.T, n Node) {
	if err := n.Stop(); err != nil {
		t.Errorf("Stop before Start: %v", err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err == nil {
		t.Error("a running node was started again")
	}
	// The API of a real node answers before its network runs.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := Eventually(ctx, func(ctx context.Context) error {
		s, err := n.Client().GetState(ctx)
		if err != nil {
			return err
		}
		if ids := s.Network.NodeIDs; len(ids) != 1 || ids[0] != n.ID() {
			return fmt.Errorf("it calls itself %q, want %s", ids, n.ID())
		}
		if s.Attachment.State == "Detached" {
			return errors.New("it is not attached")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}

	// What the scenarios read must be there to be read.
	if list, err := Punishments(t.Context(), n.Client()); err != nil || len(list) != 0 {
		t.Errorf("punishments at first: %q, %v", list, err)
	}
	if _, err := n.Client().Debug(t.Context(), "punish add "+NewIdentity("villain").Public()); err != nil {
		t.Errorf("punish add: %v", err)
	}
	if list, err := Punishments(t.Context(), n.Client()); err != nil || len(list) != 1 {
		t.Errorf("punishments after one: %q, %v", list, err)
	}
	if entries, err := Entries(t.Context(), n.Client()); err != nil || len(entries) != 0 {
		t.Errorf("entries of a lonely node: %v, %v", entries, err)
	}
	if methods, err := ContactMethods(t.Context(), n.Client()); err != nil || len(methods) != 0 {
		t.Errorf("contact methods of a lonely node: %v, %v", methods, err)
	}
	if routes, err := RouteHops(t.Context(), n.Client()); err != nil || len(routes) != 0 {
		t.Errorf("routes of a lonely node: %v, %v", routes, err)
	}

	first := n.Client()
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := first.GetState(t.Context()); !errors.Is(err, api.ErrClosed) {
		t.Errorf("its API after Stop: %v, want ErrClosed", err)
	}
	if err := n.Start(t.Context()); err != nil {
		t.Fatalf("second start: %v", err)
	}
	n.Kill()
	n.Kill()
	if err := n.Stop(); err == nil {
		t.Error("Stop of a killed node says nothing of the kill")
	}
}

func TestAStartThatFailsShowsTheLog(t *testing.T) {
	l, err := New(t.Context(), "ihlabfail", Options{Log: t.Output()})
	if errors.Is(err, netns.ErrNeedsRoot) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close(false)
	n, err := l.Add(t.Context(), Real, netns.HostSpec{}, Settings{RouteHops: 200})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "hop") {
		t.Errorf("Start with 200 hops: %v, want the program's own reason", err)
	}
}

func TestEventually(t *testing.T) {
	bad := errors.New("bad")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	calls := 0
	if err := Eventually(ctx, func(context.Context) error {
		if calls++; calls < 2 {
			return bad
		}
		return nil
	}); err != nil || calls != 2 {
		t.Errorf("Eventually: %v after %d calls, want the second to do", err, calls)
	}
	if err := Eventually(ctx, func(context.Context) error { return bad }); !errors.Is(err, bad) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Eventually at the end: %v, want what was wrong and the deadline", err)
	}
	if err := Eventually(t.Context(), func(context.Context) error { return api.ErrClosed }); !errors.Is(err, api.ErrClosed) {
		t.Errorf("Eventually on a closed connection: %v", err)
	}
}
