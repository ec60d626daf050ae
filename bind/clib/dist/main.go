// Command dist builds the C library for others: one file for each target, stripped,
// checked, and listed in a manifest with its size and sum.
//
//	go run ./bind/clib/dist [-out dist/clib] [-version 1.2.3] all|host|OS/ARCH…
//
// The targets are named as Go names them. The C compiler is zig, which has the
// headers and libraries of all of them: of the environment variable ZIG, of the path,
// or of Python's package ziglang, which is put into ~/.cache/voile-zig the first time.
// "host" alone makes do with cc. It prints a line for each file; an error ends it with
// code 1.
//
// What is left in the folder: the files, for Windows also the import library of each
// (.lib, for linkers of C), include/ with the headers, host/ with the
// library of this machine under the name that linkers look for, and manifest.json.
// Files of targets that were not asked for stay, and stay listed.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/voile-net/voile/bind/clib/internal/zig"
)

// target is one build. The file name has no folder, since releases have none.
type target struct {
	name string // as Go names it
	zig  string
	file string
	mode string // of go build
	ld   string // flags for the linker of C
}

const (
	abiVersion  = 1
	elfFlags    = "-Wl,-z,max-page-size=16384,-soname,libvoile.so,--version-script="
	oldestGlibc = "2.17"
)

func targets(source string) []target {
	elf := elfFlags + filepath.Join(source, "exports.map")
	return []target{
		{"linux/amd64", "x86_64-linux-gnu." + oldestGlibc, "libvoile-linux-amd64.so", "c-shared", elf},
		{"linux/arm64", "aarch64-linux-gnu." + oldestGlibc, "libvoile-linux-arm64.so", "c-shared", elf},
		{"windows/amd64", "x86_64-windows-gnu", "voile-windows-amd64.dll", "c-shared", ""},
		{"windows/arm64", "aarch64-windows-gnu", "voile-windows-arm64.dll", "c-shared", ""},
		{"darwin/arm64", "aarch64-macos", "libvoile-darwin-arm64.a", "c-archive", ""},
		{"darwin/amd64", "x86_64-macos", "libvoile-darwin-amd64.a", "c-archive", ""},
	}
}

// manifest is what the Flutter package's build hook reads.
type manifest struct {
	Version string `json:"version"`
	ABI     int    `json:"abi"`
	Files   []file `json:"files"`
}

type file struct {
	Target string `json:"target"`
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func main() {
	out := flag.String("out", filepath.Join("dist", "clib"), "folder for the files")
	version := flag.String("version", "0.0.0-devel", "version of the release")
	flag.Parse()
	if err := run(*out, *version, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func run(out, version string, names []string) error {
	source, err := filepath.Abs(filepath.Join("bind", "clib"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(source, "voile.h")); err != nil {
		return errors.New("run it in the folder of the module")
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	host := runtime.GOOS + "/" + runtime.GOARCH
	var wanted []target
	for _, t := range targets(source) {
		if slices.Contains(names, t.name) || slices.Contains(names, "all") || slices.Contains(names, "host") && t.name == host {
			wanted = append(wanted, t)
		}
	}
	if len(wanted) == 0 {
		return fmt.Errorf("nothing to build for %q: want all, host or one of the targets", names)
	}
	if err := os.MkdirAll(filepath.Join(out, "include"), 0o755); err != nil {
		return err
	}
	for _, h := range []string{"voile.h", "voile_codes.h", "voile_dart.h"} {
		if err := copyFile(filepath.Join(source, h), filepath.Join(out, "include", h)); err != nil {
			return err
		}
	}
	list, err := load(filepath.Join(out, "manifest.json"), version)
	if err != nil {
		return err
	}
	compiler := (*zig.Compiler)(nil) // cc
	if !slices.Equal(names, []string{"host"}) {
		if compiler, err = zig.Find(); err != nil {
			return err
		}
	}
	for _, t := range wanted {
		path := filepath.Join(out, t.file)
		if err := build(t, compiler, source, path, version); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		if err := verify(t, path, compiler != nil); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		entry, err := describe(t, path)
		if err != nil {
			return err
		}
		list.Files = slices.DeleteFunc(list.Files, func(f file) bool { return f.Target == t.name })
		list.Files = append(list.Files, entry)
		fmt.Printf("%-14s %-26s %6.1f MB  %s\n", t.name, t.file, float64(entry.Size)/1e6, entry.SHA256)
		if t.name == host {
			if err := os.MkdirAll(filepath.Join(out, "host"), 0o755); err != nil {
				return err
			}
			plain := strings.Replace(t.file, "-"+runtime.GOOS+"-"+runtime.GOARCH, "", 1)
			if err := copyFile(path, filepath.Join(out, "host", plain)); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(list.Files, func(a, b file) int { return strings.Compare(a.Target, b.Target) })
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "manifest.json"), append(text, '\n'), 0o644)
}

// load reads the manifest of an earlier run of the same version; files of another one
// are forgotten.
func load(path, version string) (manifest, error) {
	fresh := manifest{Version: version, ABI: abiVersion, Files: []file{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, err
	}
	var m manifest
	if json.Unmarshal(text, &m) != nil || m.Version != version || m.ABI != abiVersion {
		return fresh, nil
	}
	return m, nil
}

// build makes a library. compiler nil: cc.
func build(t target, compiler *zig.Compiler, source, path, version string) error {
	goos, goarch, _ := strings.Cut(t.name, "/")
	work, err := os.MkdirTemp(filepath.Dir(path), ".build")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	made := filepath.Join(work, "libvoile"+filepath.Ext(path))
	flags := t.ld
	if goos == "windows" { // programs look for the name that the library was linked with
		made = filepath.Join(work, "voile.dll")
		flags = "-Wl,--out-implib=" + strings.TrimSuffix(path, ".dll") + ".lib"
	}
	ld := "-s -w -X main.release=" + version
	if flags != "" {
		ld += " '-extldflags=" + flags + "'"
	}
	cmd := exec.Command("go", "build", "-buildmode="+t.mode, "-trimpath", "-ldflags="+ld, "-o", made, ".")
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOOS="+goos, "GOARCH="+goarch)
	if compiler != nil {
		cmd.Env = append(append(cmd.Env, compiler.Env()...), "CC="+compiler.CC(t.zig))
	}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	return os.Rename(made, path) // without the header that Go makes, which is of the inner functions
}

func describe(t target, path string) (file, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return file{}, err
	}
	sum := sha256.Sum256(bytes)
	return file{t.name, filepath.Base(path), int64(len(bytes)), hex.EncodeToString(sum[:])}, nil
}

func copyFile(from, to string) error {
	bytes, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, bytes, 0o644)
}
