package transport_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports: the browser build cannot carry net/http and crypto/tls, and what
// is below the stack knows nothing of the project.
func TestImports(t *testing.T) {
	const module = "github.com/voile-net/voile/"
	deps := func(pkg string) []string {
		out, err := exec.Command("go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", pkg, err)
		}
		return strings.Fields(string(out))
	}
	for _, p := range []string{"net/http", "crypto/tls", "crypto/x509", module + "core/transport/memory"} {
		if slices.Contains(deps("core/transport"), p) {
			t.Errorf("core/transport imports %s", p)
		}
	}
	for _, pkg := range []string{"core/transport/fragment", "core/transport/vlframe", "core/transport/websocket"} {
		for _, p := range deps(pkg) {
			if strings.HasPrefix(p, module) && p != module+pkg {
				t.Errorf("%s imports %s", pkg, p)
			}
		}
	}
}
