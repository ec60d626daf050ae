// Package wrappers writes the parts of the Kotlin and Swift wrappers that follow
// from the API: its types, operations, updates and errors, so that none is
// forgotten. It takes them from bind.Operations and package jsonapi, and their
// documentation from the comments there. It may import bind.
package wrappers

import (
	"maps"
	"path"
	"slices"
)

// Where the files are, in the repository.
const (
	kotlinDir = "mobile/kotlin/src/main/kotlin/net/voile"
	swiftDir  = "mobile/swift/Sources/Voile"
)

// Files are the generated files by their paths in the repository whose folder is
// root.
func Files(root string) (map[string][]byte, error) {
	m, err := newModel(root)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, text := range m.kotlinFiles() {
		files[path.Join(kotlinDir, name)] = text
	}
	for name, text := range m.swiftFiles() {
		files[path.Join(swiftDir, name)] = text
	}
	return files, nil
}

// sortedValues are the values of a map in the order of its keys.
func sortedValues[V any](m map[string]V) []V {
	var list []V
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[k])
	}
	return list
}
