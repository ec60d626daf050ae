//go:build !race

package jvmtest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// checker reports what the grammar of Swift does not know in the files of its
// arguments.
const checker = `
import sys, tree_sitter, tree_sitter_swift
parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_swift.language()))
bad = 0
def walk(name, text, node):
    global bad
    if node.type == "ERROR" or node.is_missing:
        bad += 1
        print("%s:%d:%d: %r" % (name, node.start_point[0] + 1, node.start_point[1] + 1, text[node.start_byte:node.start_byte + 60]))
    elif node.has_error:
        for child in node.children:
            walk(name, text, child)
for name in sys.argv[1:]:
    text = open(name, "rb").read()
    walk(name, text, parser.parse(text).root_node)
sys.exit(bad > 0)
`

// There is no Swift here: the grammar is all that can be checked. See
// docs/platforms/verification.md for what a Mac checks.
func TestSwiftGrammar(t *testing.T) {
	heavy(t)
	need(t, "python3")
	env := once(t, "swiftgrammar-tree-sitter-0.26.1-swift-0.7.4", func(dir string) {
		for _, args := range [][]string{
			{"python3", "-m", "venv", dir},
			{filepath.Join(dir, "bin", "pip"), "install", "-q", "tree-sitter==0.26.1", "tree-sitter-swift==0.7.4"},
		} {
			if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
				t.Skipf("SKIP: no grammar of Swift: %v\n%s", err, out)
			}
		}
	})
	files := find(t, ".swift", filepath.Join(root(t), "mobile/swift"))
	out, err := exec.CommandContext(t.Context(), filepath.Join(env, "bin", "python3"), append([]string{"-c", checker}, files...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%d files", len(files))
}
