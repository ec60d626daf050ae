package jvmtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const module = "github.com/voile-net/voile"

// root is the folder of the repository.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// cache is a folder that outlives the tests.
func cache(t testing.TB, name string) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("SKIP: no cache folder: %v", err)
	}
	dir := filepath.Join(base, "voile-jvm", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// need skips the test without a program.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("SKIP: no %s on this machine", p)
		}
	}
}

// run runs a program and fails the test if it fails.
func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sum is a hash of files and words.
func sum(t testing.TB, files []string, words ...string) string {
	t.Helper()
	h := sha256.New()
	slices.Sort(files)
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(h, "%s %d\n", filepath.Base(name), len(b))
		h.Write(b)
	}
	fmt.Fprint(h, words)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// find lists the files below folders whose names end so.
func find(t testing.TB, suffix string, dirs ...string) (files []string) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(path, suffix) {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) == 0 {
		t.Fatalf("no *%s below %v", suffix, dirs)
	}
	return files
}

// once does a build unless its folder is there already, and gives the folder. Two
// test programs may want it at a time.
func once(t testing.TB, name string, build func(dir string)) string {
	t.Helper()
	dir := filepath.Join(cache(t, ""), name)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	next, err := os.MkdirTemp(cache(t, "building"), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(next)
	build(next)
	if err := os.Rename(next, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			t.Fatal(err)
		}
	}
	forget(t, name)
	return dir
}

// forget removes older builds of the same sort.
func forget(t testing.TB, name string) {
	t.Helper()
	sort, _, _ := strings.Cut(name, "-")
	olds, err := filepath.Glob(filepath.Join(cache(t, ""), sort+"-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range olds {
		if i, err := os.Stat(old); err == nil && filepath.Base(old) != name && time.Since(i.ModTime()) > 24*time.Hour {
			os.RemoveAll(old)
		}
	}
}

var gobindTool = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "golang.org/x/mobile/cmd/gobind").Output()
	return strings.TrimSpace(string(out)), err
})

// gobind gives the folder with what gobind generates of mobile, and what it said.
func gobind(t testing.TB) string {
	t.Helper()
	tool, err := gobindTool()
	if err != nil {
		t.Skipf("SKIP: gobind is not to be had: %v", err)
	}
	sources := find(t, ".go", filepath.Join(root(t), "mobile"))
	sources = slices.DeleteFunc(sources, func(name string) bool { return filepath.Dir(name) != filepath.Join(root(t), "mobile") })
	sources = append(sources, filepath.Join(root(t), "go.mod"))
	return once(t, "gobind-"+sum(t, sources), func(dir string) {
		out := run(t, root(t), nil, tool, "-lang=java,objc,go", "-javapkg=net.voile", "-outdir="+dir, "./mobile")
		if out != "" {
			t.Errorf("gobind says: %s", out)
		}
	})
}

// library builds a shared library of generated code, in a module of its own that
// takes the versions of this one. change edits names and texts of the files; env and
// args are for go build.
func library(t testing.TB, generated, dir string, change func(name, text string) (string, string), env []string, args ...string) string {
	t.Helper()
	src := filepath.Join(dir, "src")
	for _, f := range find(t, "", filepath.Join(generated, "src", "gobind")) {
		name := filepath.Base(f)
		if strings.Contains(name, "darwin") || strings.HasSuffix(name, ".objc.h") || strings.HasSuffix(name, ".m") || name == "ref.h" {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		to, text := change(name, string(b))
		write(t, filepath.Join(src, to), text)
	}
	versions, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root(t), "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(versions), "module "+module, "module gojni", 1)
	text = regexp.MustCompile(`(?m)^tool .*$`).ReplaceAllString(text, "")
	write(t, filepath.Join(src, "go.mod"), text+fmt.Sprintf("\nrequire %s v0.0.0\n\nreplace %[1]s => %s\n", module, root(t)))
	write(t, filepath.Join(src, "go.sum"), string(sums))
	out := filepath.Join(dir, "libgojni.so")
	run(t, src, append([]string{"CGO_ENABLED=1", "GOFLAGS=-mod=mod"}, env...), "go", append(append([]string{"build", "-buildmode=c-shared", "-trimpath", "-o", out}, args...), ".")...)
	return out
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
