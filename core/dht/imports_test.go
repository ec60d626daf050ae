package dht

import (
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// What doc.go promises of imports.
func TestImports(t *testing.T) {
	const module = "github.com/voile-net/voile/core/"
	allowed := map[string]bool{
		module + "crypto": true, module + "crypto/lru": true, module + "wire": true,
		module + "routing": true, module + "route": true, module + "rpc": true, module + "table": true,
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(path, ".") && !allowed[path] {
				t.Errorf("%s imports %s", f.Name(), path)
			}
		}
	}
}
