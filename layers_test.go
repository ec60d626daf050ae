// Package voile holds the tests of the whole tree.
package voile

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/voile-net/voile/"

// layers lists, from the bottom, what a package may import of this module: itself
// and everything before it. A package stands for what is below it too.
var layers = [][]string{
	{"platform", "core/crypto", "core/guard", "core/jsonread", "core/packed", "core/sorting", "wasm/edge/edgeurl"},
	{"core/wire", "core/envelope", "core/config"},
	{"bind/jsonapi"},
	{"client"}, // of the JSON API: without a node in it
	{"core/transport", "wasm/edge"},
	{"core/routing"},
	{"core/route"},
	{"core/network"},
	{"core/rpc"},
	{"core/table", "core/dht", "core/block"},
	{"core/attach"},
	{"core"},
	{"core/sim", "bind", "internal/loopback", "internal/wasmslim"},
	{"bind/instance"},
	{"bind/clib", "wasm", "mobile"},
	{"flutter_plugin"}, // the checks of the Dart package
	{"cmd", "examples", "interop", "web"},
}

// outside are the adapters that implement interfaces of core, and the place that
// picks them: core.Start alone imports them.
var outside = []string{"platform/browser", "platform/sockets", "platform/igd", "platform/browser", "platform/host"}

func layerOf(pkg string) int {
	best, at := -1, -1
	for i, names := range layers {
		for _, name := range names {
			if (pkg == name || strings.HasPrefix(pkg, name+"/")) && len(name) > best {
				best, at = len(name), i
			}
		}
	}
	return at
}

func TestLayers(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		if pkg+"/" == module || isOutside(pkg) {
			continue
		}
		from := layerOf(pkg)
		if from < 0 {
			t.Errorf("%s is in no layer", pkg)
			continue
		}
		for _, imported := range fields[1:] {
			to, ours := strings.CutPrefix(imported, module)
			switch {
			case !ours:
			case isOutside(to):
				if from < layerOf("core") {
					t.Errorf("%s imports the adapter %s", pkg, to)
				}
			case layerOf(to) > from:
				t.Errorf("%s imports %s, which is above it", pkg, to)
			}
		}
	}
}

// What the documentation of these packages promises: they import of this module and
// of others what is listed here and nothing else.
func TestImports(t *testing.T) {
	for pkg, allowed := range map[string][]string{
		"core/dht":     {"core/sorting", "core/crypto", "core/guard", "core/crypto/lru", "core/wire", "core/routing", "core/route", "core/rpc", "core/table"},
		"client":       {"core/crypto", "bind/jsonapi"},
		"bind/jsonapi": {"core/crypto", "core/config"},
		"core/route":   {"core/crypto", "core/crypto/lru", "core/packed", "core/sorting", "core/wire"},
		"core/packed":  {},
		"core/sorting": {},
	} {
		out, err := exec.Command("go", "list", "-f", "{{join .Imports \"\\n\"}}", "./"+pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for path := range strings.Lines(string(out)) {
			path, ours := strings.CutPrefix(strings.TrimSpace(path), module)
			if (ours || strings.Contains(path, ".")) && !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", pkg, path)
			}
		}
	}
}

func isOutside(pkg string) bool {
	for _, name := range outside {
		if pkg == name {
			return true
		}
	}
	return false
}

// The node that a browser or a phone carries must not bring these along.
func TestCoreStaysSmall(t *testing.T) {
	banned := []string{"net/http", "crypto/tls", "os/exec", "plugin"}
	for _, pkg := range []string{"core/transport", "core/rpc", "core/attach", "core/network", "core/route", "core/routing"} {
		out, err := exec.Command("go", "list", "-deps", "./"+pkg).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range banned {
			if strings.Contains("\n"+string(out), "\n"+b+"\n") {
				t.Errorf("%s depends on %s", pkg, b)
			}
		}
	}
}
