//go:build linux && !android

package refnode

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProgramOverride(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node")
	t.Setenv("VOILE_REFNODE", path)
	if _, err := Program(t.Context(), V058, t.Output()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing program: %v, want fs.ErrNotExist", err)
	}
	if err := os.WriteFile(path, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := Program(t.Context(), V058, t.Output()); err != nil || got != path {
		t.Errorf("Program = %q, %v; want %q", got, err, path)
	}
	if _, err := Program(t.Context(), "0.4.0", t.Output()); err == nil {
		t.Error("a version without a recipe has a program")
	}
}

func TestProgramComesFromTheCache(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("VOILE_REFNODE", "")
	t.Setenv("VOILE_INTEROP_CACHE", cache)
	r, err := recipeOf(V058)
	if err != nil {
		t.Fatal(err)
	}
	key, err := r.key()
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(t.TempDir(), "built")
	if err := os.WriteFile(built, []byte("program"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(cache, "bin", "refnode-"+key)
	if err := install(built, want); err != nil {
		t.Fatal(err)
	}
	if got, err := Program(t.Context(), V058, t.Output()); err != nil || got != want {
		t.Errorf("Program = %q, %v; want %q", got, err, want)
	}
	if info, err := os.Stat(want); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("installed %v, %v; want it executable", info, err)
	}
}

func TestRecipesDiffer(t *testing.T) {
	keys := map[string]Version{}
	for _, v := range []Version{V058, V052} {
		r, err := recipeOf(v)
		if err != nil {
			t.Fatal(err)
		}
		key, err := r.key()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := keys[key]; ok {
			t.Errorf("%s and %s have the same key", v, other)
		}
		keys[key] = v
		for _, name := range []string{r.manifest, r.lock} {
			text, err := sources.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), string(v)) {
				t.Errorf("%s does not name %s", name, v)
			}
		}
	}
}

func TestPackageDir(t *testing.T) {
	const metadata = `{"packages":[{"name":"a","manifest_path":"/x/a/Cargo.toml"},{"name":"b","manifest_path":"/x/b/Cargo.toml"}]}`
	for _, c := range []struct{ name, metadata, pkg, want string }{
		{"found", metadata, "b", "/x/b"},
		{"missing", metadata, "c", ""},
		{"no JSON", "warning: something", "a", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := packageDir([]byte(c.metadata), c.pkg)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("packageDir = %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestWriteIfChangedLeavesWhatIsSame(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "file")
	if err := writeIfChanged(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	past := time.Unix(1, 0)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	if err := writeIfChanged(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !info.ModTime().Equal(past) {
		t.Error("the same text was written again")
	}
	if err := writeIfChanged(path, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "two" {
		t.Errorf("file holds %q, %v; want two", got, err)
	}
}
