package route

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
	allowed := map[string]bool{
		"github.com/voile-net/voile/core/crypto":     true,
		"github.com/voile-net/voile/core/crypto/lru": true,
		"github.com/voile-net/voile/core/wire":       true,
		"github.com/fxamacker/cbor/v2":               true,
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
