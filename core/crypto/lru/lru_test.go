package lru_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/voile-net/voile/core/crypto/lru"
)

func TestEviction(t *testing.T) {
	var evicted []string
	c := lru.New(3, func(k string, v *int) { evicted = append(evicted, k) })
	for i, k := range []string{"a", "b", "c"} {
		c.Put(k, i)
	}
	if v := c.Get("a"); v == nil || *v != 0 {
		t.Errorf("Get(a) = %v", v)
	}
	c.Peek("b") // does not make it newer
	c.Put("d", 3)
	if !slices.Equal(evicted, []string{"b"}) || c.Len() != 3 || c.Get("b") != nil || c.Peek("b") != nil {
		t.Errorf("evicted %v of %d, want b", evicted, c.Len())
	}
	c.Put("c", 7) // the old value leaves too
	if v := c.Peek("c"); v == nil || *v != 7 || !slices.Equal(evicted, []string{"b", "c"}) {
		t.Errorf("replaced: %v, evicted %v", v, evicted)
	}
	if !c.Remove("a") || c.Remove("a") || c.Len() != 2 {
		t.Error("Remove")
	}
	if !c.RemoveOldest() || c.Peek("d") != nil {
		t.Error("RemoveOldest took another one than d")
	}
	c.Clear()
	if c.Len() != 0 || c.RemoveOldest() || !slices.Equal(evicted, []string{"b", "c", "a", "d", "c"}) {
		t.Errorf("after Clear: %d left, evicted %v", c.Len(), evicted)
	}
	c.Put("e", 1)
	if v := c.Get("e"); v == nil || *v != 1 {
		t.Error("of no use after Clear")
	}
}

func TestRemoveFunc(t *testing.T) {
	c := lru.New[int, int](10, nil)
	for i := range 10 {
		c.Put(i, i)
	}
	var visited []int
	c.RemoveFunc(func(k int, v *int) bool {
		visited = append(visited, k)
		*v *= 2
		return k%3 == 0
	})
	if !slices.Equal(visited, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) || c.Len() != 6 {
		t.Errorf("visited %v, %d left", visited, c.Len())
	}
	if v := c.Get(4); v == nil || *v != 8 || c.Get(3) != nil {
		t.Error("the wrong ones were dropped")
	}
}

// TestModel compares a long random use with a plain list.
func TestModel(t *testing.T) {
	const limit = 20
	r := rand.New(rand.NewPCG(1, 2))
	c := lru.New[int, int](limit, nil)
	var model [][2]int // oldest first
	find := func(k int) int { return slices.IndexFunc(model, func(e [2]int) bool { return e[0] == k }) }
	for step := range 20000 {
		k := r.IntN(50)
		i := find(k)
		switch r.IntN(4) {
		case 0, 1:
			c.Put(k, step)
			if i >= 0 {
				model = slices.Delete(model, i, i+1)
			} else if len(model) == limit {
				model = model[1:]
			}
			model = append(model, [2]int{k, step})
		case 2:
			v := c.Get(k)
			if (v != nil) != (i >= 0) || v != nil && *v != model[i][1] {
				t.Fatalf("step %d: Get(%d) = %v, model %d", step, k, v, i)
			}
			if i >= 0 {
				e := model[i]
				model = append(slices.Delete(model, i, i+1), e)
			}
		case 3:
			if c.Remove(k) != (i >= 0) {
				t.Fatalf("step %d: Remove(%d)", step, k)
			}
			if i >= 0 {
				model = slices.Delete(model, i, i+1)
			}
		}
		if c.Len() != len(model) {
			t.Fatalf("step %d: %d entries, model %d", step, c.Len(), len(model))
		}
	}
}
