// Package sorting sorts lists. It does what the functions of package slices do, with
// one body for every type of items: slices.SortFunc is compiled anew for each type
// that is no pointer, 19 KB of WebAssembly each, and the node sorts some forty types,
// most of them lists of a few items. What is sorted on the path of every message
// keeps to package slices, which is faster for long lists.
// It imports the standard library alone.
package sorting

import (
	"cmp"
	"sort"
)

// By sorts list by compare, which is negative if a comes before b. It is not
// stable.
func By[T any](list []T, compare func(a, b T) int) {
	if len(list) > 1 {
		sort.Slice(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
	}
}

// Ordered sorts a list of values that have an order of their own.
func Ordered[T cmp.Ordered](list []T) { By(list, cmp.Compare[T]) }

// Stable sorts list by compare and keeps equal items in their order.
func Stable[T any](list []T, compare func(a, b T) int) {
	if len(list) > 1 {
		sort.SliceStable(list, func(i, j int) bool { return compare(list[i], list[j]) < 0 })
	}
}
