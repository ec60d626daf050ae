//go:build !js

package browsertest

import (
	"fmt"
	"testing"
)

// offline is the configuration of a node that knows nobody.
func offline() map[string]any {
	return map[string]any{
		"program_name": "browser",
		"network":      map[string]any{"routing_table": map[string]any{"bootstrap": []string{}, "bootstrap_keys": []string{}}},
	}
}

// Wrong arguments, calls that are given up or cut off, takers of updates that are
// slow, fail or never end, and calls after close: the border has an answer to each.
func TestBorder(t *testing.T) {
	in(t, func(t *testing.T, place string) {
		var results []struct {
			Rejected, Answers                                []string
			Crashes, Most, Many, Goroutines                  int
			GivenUp, Cut, AfterClose, OpenAfter, Last, Error string
			StatsAfter                                       bool
		}
		play(t, place, &results, step{Scenario: "border", Config: offline()})
		got := results[0]
		check(t, "error", got.Error, "")
		check(t, "start with wrong arguments", fmt.Sprint(got.Rejected),
			"[ParseError Generic Generic Generic Generic Generic Generic Generic]")
		check(t, "wrong calls", fmt.Sprint(got.Answers), "[ParseError ParseError ParseError done done done]")
		check(t, "a call that was given up", got.GivenUp, "Timeout")
		check(t, "calls under way at close that were done", got.Many <= 1000, true)
		check(t, "a call that close has cut off", got.Cut != "", true)
		check(t, "a call after close", got.AfterClose, "NotInitialized")
		check(t, "a session after close", got.OpenAfter, "NotInitialized")
		check(t, "updates at once", got.Most, 1)
		check(t, "last update", got.Last, "Shutdown")
		check(t, "stats after close are null", got.StatsAfter, true)
		check(t, "crashes", got.Crashes, 0)
	})
}
