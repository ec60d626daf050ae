package sorting

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

type pair struct{ key, at int }

func TestSort(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 3, 12, 13, 100, 1000} {
		list := make([]pair, n)
		for i := range list {
			list[i] = pair{r.IntN(n/2 + 1), i}
		}
		byKey := func(a, b pair) int { return cmp.Compare(a.key, b.key) }
		byBoth := func(a, b pair) int { return cmp.Or(byKey(a, b), cmp.Compare(a.at, b.at)) }
		want := slices.SortedFunc(slices.Values(list), byBoth)

		stable := slices.Clone(list)
		Stable(stable, byKey)
		if !slices.Equal(stable, want) {
			t.Errorf("%d items: equal ones have not kept their order", n)
		}
		keys, wantKeys := make([]int, n), make([]int, n)
		for i := range list {
			keys[i], wantKeys[i] = list[i].key, want[i].key
		}
		if Ordered(keys); !slices.Equal(keys, wantKeys) {
			t.Errorf("%d keys: %v, want %v", n, keys, wantKeys)
		}
		unstable := slices.Clone(list)
		By(unstable, byKey)
		if !slices.IsSortedFunc(unstable, byKey) {
			t.Errorf("%d items are not sorted", n)
		}
		By(unstable, byBoth)
		if !slices.Equal(unstable, want) {
			t.Errorf("%d items: some were lost", n)
		}
	}
}

func TestOrdered(t *testing.T) {
	for _, list := range [][]int{nil, {1}, {1, 1, 2}, {3, 1, 2, 1}, {2, 1}} {
		got := slices.Clone(list)
		Ordered(got)
		if want := slices.Sorted(slices.Values(list)); !slices.Equal(got, want) {
			t.Errorf("%v gives %v", list, got)
		}
	}
	sorted := []string{"a", "b", "c"}
	if n := testing.AllocsPerRun(10, func() { Ordered(sorted) }); n > 0 {
		t.Errorf("a sorted list costs %v allocations", n)
	}
}
