//go:build !js

package browsertest

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/voile-net/voile/internal/loopback"
)

// together starts a network and a friend that answers calls, for one place.
func together(t *testing.T) (record, route string) {
	t.Helper()
	record = loopback.Network(t, 3)
	node := friend(t, record)
	private, err := node.NewPrivateRoute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	updates := node.Subscribe(0)
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(ctx, node, updates)
	}()
	t.Cleanup(func() {
		cancel()
		updates.Close()
		<-served
	})
	return record, base64.RawURLEncoding.EncodeToString(private.Blob)
}

// After the page was told of another network, of being offline for a while, and
// after a rest in the background, calls work again within seconds.
func TestChangesOfTheNetwork(t *testing.T) {
	in(t, func(t *testing.T, place string) {
		record, route := together(t)
		var r []struct {
			Again []string
			MS    int
			Error string
		}
		play(t, place, &r, step{Scenario: "changes", Config: browserConfig(record), Data: map[string]any{"friend": route}})
		check(t, "error", r[0].Error, "")
		answer := "you said hello"
		check(t, "answers after each change", fmt.Sprint(r[0].Again), fmt.Sprint([]string{answer, answer, answer}))
		t.Logf("the longest took %d ms", r[0].MS)
	})
}

// What a node takes while it talks: for ten seconds, or as long as VOILE_SOAK says.
func TestTraffic(t *testing.T) {
	in(t, func(t *testing.T, place string) {
		long := 10 * time.Second
		if text := os.Getenv("VOILE_SOAK"); text != "" {
			var err error
			if long, err = time.ParseDuration(text); err != nil {
				t.Fatal(err)
			}
		}
		record, route := together(t)
		var r []struct {
			Calls, Failed int
			Stats         struct{ GoHeap, GoSys, Goroutines float64 }
			Error         string
		}
		play(t, place, &r, step{Scenario: "traffic", Config: browserConfig(record), Data: map[string]any{"friend": route, "ms": long.Milliseconds()}})
		check(t, "error", r[0].Error, "")
		s := r[0].Stats
		t.Logf("%d calls of 8000 bytes in %v, %d failed; %.1f MB of Go, %.1f MB heap, %.0f goroutines",
			r[0].Calls, long, r[0].Failed, s.GoSys/1e6, s.GoHeap/1e6, s.Goroutines)
		check(t, "calls were made", r[0].Calls > 10, true)
		check(t, "failed calls are few", r[0].Failed*50 <= r[0].Calls, true)
		check(t, "memory of Go below 60 MB", s.GoSys < 60e6, true)
	})
}
