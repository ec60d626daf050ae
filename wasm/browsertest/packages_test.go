//go:build !js

package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// packages have code for browsers and tests of it, which need a browser; stores are
// those that a browser may deny.
var (
	packages = []string{"./platform/browser", "./platform/indexeddb", "./platform/webcrypto", "./wasm/module"}
	stores   = []string{"./platform/indexeddb", "./platform/webcrypto"}
)

// The tests of the adapters, in workers, in pages, and where there is no storage.
func TestPackages(t *testing.T) {
	in(t, func(t *testing.T, place string) {
		run := func(scope string, packages []string) {
			cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1",
				"-exec", "node " + filepath.Join(root(t), "web/test/browser/goexec.mjs")}, packages...)...)
			cmd.Dir = root(t)
			cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "VOILE_BROWSER="+place, "VOILE_SCOPE="+scope)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("in a %s: %v\n%s", scope, err, out)
			}
		}
		run("worker", packages)
		if place != "node" {
			run("sandbox", stores)
		}
		if place == "chromium" { // the scopes differ by the API, not by the engine
			run("page", packages)
		}
	})
}

// What the module must not carry along: an HTTP stack and TLS of its own, templates,
// other processes, and what only the debug language uses.
func TestDependencies(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags", "nodebugapi", "./wasm")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		deps[strings.TrimSpace(line)] = true
	}
	if !deps["github.com/voile-net/voile/wasm/module"] {
		t.Fatal("the list of dependencies is not that of the module")
	}
	for _, banned := range []string{
		"net/http", "crypto/tls", "os/exec", "text/template", "html/template", "plugin", "os/signal", "database/sql",
		"github.com/coder/websocket", "go.etcd.io/bbolt", "github.com/huin/goupnp", "github.com/zalando/go-keyring", "github.com/godbus/dbus/v5",
		"github.com/voile-net/voile/core/transport/chaos", "text/tabwriter",
	} {
		if deps[banned] {
			t.Errorf("the module has %s", banned)
		}
	}
}
