//go:build !js

package browsertest

import (
	"context"
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/internal/loopback"
)

// browserConfig is what an application in a browser sets: the rest are the
// defaults of the module.
func browserConfig(record string) map[string]any {
	return map[string]any{
		"program_name": "browser",
		"network": map[string]any{
			"private_network": true, "network_key_password": "a test",
			"routing_table": map[string]any{"bootstrap": []string{}, "bootstrap_keys": []string{}, "bootstrap_records": []string{record}},
		},
	}
}

// friend is a native node of the network that answers calls.
func friend(t *testing.T, record string) *core.Node {
	t.Helper()
	node, err := core.Start(t.Context(), loopback.Config("friend", loopback.FreePort(t), record), core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	if err := node.Attach(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := node.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return node
}

// A node in a browser joins a network of native nodes, exchanges calls and messages
// with one in both directions, and shares a record with it.
func TestNetwork(t *testing.T) {
	in(t, func(t *testing.T, place string) {
		record := loopback.Network(t, 3) // one each: a node that has gone holds records up
		node := friend(t, record)
		route, err := node.NewPrivateRoute(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		updates := node.Subscribe(0)
		served := make(chan []string)
		go func() { served <- serve(ctx, node, updates) }()

		var results []struct {
			ReadyMS           int `json:"readyMs"`
			Answer            string
			Calls             []string
			Messages          []string
			Value             string
			Changes           []string
			Stats             struct{ GoHeap, GoSys, Goroutines float64 }
			LastUpdate, Error string
		}
		play(t, place, &results, step{Scenario: "network", Config: browserConfig(record), Data: map[string]any{
			"friend": base64.RawURLEncoding.EncodeToString(route.Blob),
		}})
		got := results[0]
		cancel()
		updates.Close()
		said := <-served
		t.Logf("ready after %d ms; %.1f MB heap, %.1f MB of Go, %.0f goroutines", got.ReadyMS, got.Stats.GoHeap/1e6, got.Stats.GoSys/1e6, got.Stats.Goroutines)
		if got.Error != "" {
			t.Fatal(got.Error)
		}
		check(t, "ready within 8 s", got.ReadyMS < 8000, true)
		check(t, "the friend's answer", got.Answer, "you said hello")
		check(t, "calls of the friend", fmt.Sprint(got.Calls), fmt.Sprint([]string{"are you there?"}))
		check(t, "messages of the friend", fmt.Sprint(got.Messages), fmt.Sprint([]string{"a message"}))
		check(t, "what the friend was told", fmt.Sprint(said), fmt.Sprint([]string{"yes: are you there?", "by message"}))
		check(t, "record", got.Value, "written in the browser")
		check(t, "changes by others", fmt.Sprint(got.Changes), fmt.Sprint([]string{"written by the friend"}))
		check(t, "last update", got.LastUpdate, "Shutdown")
	})
}

func check[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
