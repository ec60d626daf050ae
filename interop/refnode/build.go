//go:build linux && !android

package refnode

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

//go:embed Cargo.toml Cargo.lock v052/Cargo.toml v052/Cargo.lock src/main.rs
var sources embed.FS

// Version is a version of the reference node.
type Version string

// The versions there is a recipe for.
const (
	V058 Version = "0.5.8"
	V052 Version = "0.5.2"
)

// recipe is where the files of a version come from and what cargo makes of them.
type recipe struct {
	manifest, lock string // paths in sources
	program        string
	override       string // environment variable that names a ready program
}

func recipeOf(v Version) (recipe, error) {
	switch v {
	case V058:
		return recipe{"Cargo.toml", "Cargo.lock", "refnode", "VOILE_REFNODE"}, nil
	case V052:
		return recipe{"v052/Cargo.toml", "v052/Cargo.lock", "refnode052", "VOILE_REFNODE_052"}, nil
	}
	return recipe{}, fmt.Errorf("no reference node of version %q", v)
}

// ErrTools says what a build lacks.
var ErrTools = errors.New("building the reference node needs cargo, pkg-config and libdbus-1-dev")

// Program returns the path of the reference node, which it builds if the cache
// has none made from these sources. Progress of a build goes to log. The cache
// is $VOILE_INTEROP_CACHE or voile-interop in the user's cache directory;
// $VOILE_REFNODE and $VOILE_REFNODE_052 name ready programs instead.
func Program(ctx context.Context, v Version, log io.Writer) (string, error) {
	r, err := recipeOf(v)
	if err != nil {
		return "", err
	}
	if path := os.Getenv(r.override); path != "" {
		_, err := os.Stat(path)
		return path, err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	key, err := r.key()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "bin", r.program+"-"+key)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	unlock, err := lockFile(filepath.Join(cache, "build.lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); err == nil { // built while we waited
		return path, nil
	}
	if err := haveTools(ctx); err != nil {
		return "", err
	}
	fmt.Fprintf(log, "building the reference node %s, which takes minutes the first time\n", v)
	b := build{recipe: r, dir: filepath.Join(cache, "src-"+string(v)), target: filepath.Join(cache, "target-"+string(v)), log: log}
	if err := b.run(ctx, v == V052); err != nil {
		return "", fmt.Errorf("reference node %s: %w", v, err)
	}
	return path, install(filepath.Join(b.target, "release", r.program), path)
}

func cacheDir() (string, error) {
	if dir := os.Getenv("VOILE_INTEROP_CACHE"); dir != "" {
		return dir, os.MkdirAll(dir, 0o755)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "voile-interop")
	return dir, os.MkdirAll(dir, 0o755)
}

// key names a program after the sources it is made from.
func (r recipe) key() (string, error) {
	h := sha256.New()
	for _, name := range []string{r.manifest, r.lock, "src/main.rs"} {
		text, err := sources.ReadFile(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", name, len(text))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

func haveTools(ctx context.Context) error {
	for _, tool := range []string{"cargo", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %w", ErrTools, err)
		}
	}
	if err := exec.CommandContext(ctx, "pkg-config", "--exists", "dbus-1").Run(); err != nil {
		return fmt.Errorf("%w: pkg-config knows no dbus-1", ErrTools)
	}
	return nil
}

// build is one run of cargo in a directory of its own.
type build struct {
	recipe
	dir, target string
	log         io.Writer
}

func (b build) run(ctx context.Context, old bool) error {
	for from, to := range map[string]string{b.manifest: "Cargo.toml", b.lock: "Cargo.lock", "src/main.rs": "src/main.rs"} {
		text, err := sources.ReadFile(from)
		if err != nil {
			return err
		}
		if err := writeIfChanged(filepath.Join(b.dir, to), text); err != nil {
			return err
		}
	}
	if old {
		if err := b.patchOld(ctx); err != nil {
			return err
		}
		// The patch replaces one entry of the lock file, so --locked would
		// refuse it; every other entry stays what the recipe says.
		return b.cargo(ctx, b.log, "build", "--release", "--offline")
	}
	return b.cargo(ctx, b.log, "build", "--release", "--locked")
}

// patchOld replaces the veilid-remote-api crate of 0.5.2 by a copy with one line
// more: it nests types deeper than today's compiler follows by itself.
func (b build) patchOld(ctx context.Context) error {
	const crate = "veilid-remote-api"
	var metadata bytes.Buffer
	if err := b.cargo(ctx, &metadata, "metadata", "--locked", "--format-version", "1"); err != nil {
		return err
	}
	from, err := packageDir(metadata.Bytes(), crate)
	if err != nil {
		return err
	}
	to := filepath.Join(b.dir, crate)
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	lib := filepath.Join(to, "src", "lib.rs")
	text, err := os.ReadFile(lib)
	if err != nil {
		return err
	}
	if err := os.WriteFile(lib, append([]byte("#![recursion_limit = \"512\"]\n"), text...), 0o644); err != nil {
		return err
	}
	manifest, err := sources.ReadFile(b.manifest)
	if err != nil {
		return err
	}
	patch := fmt.Appendf(manifest, "\n[patch.crates-io]\n%s = { path = %q }\n", crate, crate)
	return writeIfChanged(filepath.Join(b.dir, "Cargo.toml"), patch)
}

// packageDir finds a package in the output of cargo metadata.
func packageDir(metadata []byte, name string) (string, error) {
	var m struct {
		Packages []struct {
			Name     string `json:"name"`
			Manifest string `json:"manifest_path"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(metadata, &m); err != nil {
		return "", fmt.Errorf("cargo metadata: %w", err)
	}
	for _, p := range m.Packages {
		if p.Name == name {
			return filepath.Dir(p.Manifest), nil
		}
	}
	return "", fmt.Errorf("cargo metadata: no package %s", name)
}

func (b build) cargo(ctx context.Context, stdout io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "cargo", args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "CARGO_TARGET_DIR="+b.target)
	cmd.Stdout, cmd.Stderr = stdout, b.log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("cargo %s in %s: %w", args[0], b.dir, err)
	}
	return nil
}

// writeIfChanged spares cargo a rebuild of files that are as they were.
func writeIfChanged(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// install copies a program into its place in one step.
func install(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	temporary := to + ".new"
	if err := os.WriteFile(temporary, program, 0o755); err != nil {
		return err
	}
	return os.Rename(temporary, to)
}

// lockFile waits for the lock of a file and returns what gives it back.
func lockFile(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}
