//go:build !js

package browsertest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

type keeps struct {
	IDs           []string
	Before        string
	Code, Error   string
	Stats         struct{ StoreBytes float64 }
	Acked         int
	Last, Missing int
	Written       int
	First, Again  string
}

// stored skips what Node has no storage for.
func stored(t *testing.T, f func(t *testing.T, place string)) {
	in(t, func(t *testing.T, place string) {
		if place == "node" {
			t.Skip("SKIP: Node has no IndexedDB")
		}
		f(t, place)
	})
}

// Identity and tables outlive the page, whether the node was closed or the page went
// away under it; another page of the same site is told that the store is in use.
func TestReload(t *testing.T) {
	stored(t, func(t *testing.T, place string) {
		var r []keeps
		play(t, place, &r,
			step{Scenario: "keeps", Config: offline(), Data: map[string]any{"write": "one", "close": true}},
			step{Scenario: "keeps", Config: offline(), Data: map[string]any{"write": "two"}},
			step{Scenario: "keeps", Config: offline(), Keep: true},
			step{Scenario: "keeps", Config: offline()},
			step{Scenario: "keeps", Config: map[string]any{"program_name": "browser", "namespace": "other", "network": offline()["network"]}},
		)
		for i, want := range []string{"", "one", "two"} {
			check(t, fmt.Sprint("error of page ", i), r[i].Error, "")
			check(t, fmt.Sprint("what page ", i, " finds"), r[i].Before, want)
			check(t, fmt.Sprint("identity in page ", i), fmt.Sprint(r[i].IDs), fmt.Sprint(r[0].IDs))
		}
		check(t, "nodes", len(r[0].IDs), 1)
		check(t, "code of a second tab", r[3].Code, "AlreadyInitialized")
		t.Log(r[3].Error)
		check(t, "error in another namespace", r[4].Error, "")
		check(t, "what another namespace finds", r[4].Before, "")
		check(t, "the same identity in another namespace", fmt.Sprint(r[4].IDs) == fmt.Sprint(r[0].IDs), false)
	})
}

// A tab that is closed in the middle of writes loses nothing that was acknowledged.
func TestKilledTab(t *testing.T) {
	stored(t, func(t *testing.T, place string) {
		var steps []step
		for range 4 {
			after := rand.IntN(400)
			steps = append(steps, step{Scenario: "writes", Config: offline(), KillAfter: &after}, step{Scenario: "left", Config: offline()})
		}
		var r []keeps
		play(t, place, &r, steps...)
		for i := 0; i < len(r); i += 2 {
			killed, after := r[i], r[i+1]
			if killed.Error != "" || after.Error != "" {
				t.Fatal(killed.Error, after.Error)
			}
			if killed.Acked == 0 || after.Last < killed.Acked || after.Missing != 0 {
				t.Errorf("round %d: %d were acknowledged, the last found is %d, missing is %d", i/2, killed.Acked, after.Last, after.Missing)
			}
		}
		t.Logf("%d writes in %d rounds", r[len(r)-1].Last, len(r)/2)
	})
}

// When the browser gives no more room, that is said; what was kept stays readable,
// and writing works again when there is room.
func TestQuota(t *testing.T) {
	stored(t, func(t *testing.T, place string) {
		if place != "chromium" {
			t.Skip("SKIP: the quota can be set in Chromium only")
		}
		little, none := 20<<20, 0
		var r []keeps
		play(t, place, &r,
			step{Scenario: "fills", Config: offline(), Data: map[string]any{"fill": true}, Quota: &little},
			step{Scenario: "fills", Config: offline(), Quota: &none},
		)
		check(t, "the storage was full in time", r[0].Written > 0 && r[0].Written < 400, true)
		check(t, "code", r[0].Code, "Generic")
		check(t, "the reason", strings.Contains(r[0].Error, "no space left"), true)
		t.Log(r[0].Error)
		for _, s := range r {
			check(t, "what was kept before", s.First, "kept")
		}
		check(t, "written when there is room", r[1].Again, "written")
	})
}
