package crypto

import (
	"slices"

	"github.com/voile-net/voile/core/sorting"
)

// Typed is a value with a kind and the order of typed values: IDs, signatures,
// key pairs, record keys.
type Typed[T any] interface {
	KindOf() Kind
	Compare(other T, order Kinds) int
}

// Group is a set of typed values with at most one per kind (spec 01 §2.5).
type Group[T Typed[T]] []T

// GroupOf adds the values in turn, as reading a group from JSON does.
func GroupOf[T Typed[T]](order Kinds, values ...T) Group[T] {
	var g Group[T]
	for _, v := range values {
		g = g.Add(order, v)
	}
	return g
}

// Add puts v in place of the value of its kind, or appends it and sorts. Like
// append it may or may not use the memory of g.
func (g Group[T]) Add(order Kinds, v T) Group[T] {
	for i := range g {
		if g[i].KindOf() == v.KindOf() {
			g[i] = v
			return g
		}
	}
	g = append(g, v)
	g.Sort(order)
	return g
}

// Sort puts g in the order of typed values.
func (g Group[T]) Sort(order Kinds) {
	sorting.By(g, func(a, b T) int { return a.Compare(b, order) })
}

// Get returns the value of a kind.
func (g Group[T]) Get(kind Kind) (T, bool) {
	for _, v := range g {
		if v.KindOf() == kind {
			return v, true
		}
	}
	var none T
	return none, false
}

// Kinds lists the kinds of g in its order.
func (g Group[T]) Kinds() Kinds {
	ks := make(Kinds, len(g))
	for i, v := range g {
		ks[i] = v.KindOf()
	}
	return ks
}

// Contains reports whether v itself, not only a value of its kind, is in g.
func (g Group[T]) Contains(v T) bool {
	return slices.ContainsFunc(g, func(w T) bool { return w.Compare(v, nil) == 0 })
}

// ContainsAny reports whether g has one of the values.
func (g Group[T]) ContainsAny(values []T) bool { return slices.ContainsFunc(values, g.Contains) }
