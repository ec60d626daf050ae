//go:build linux && !android

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/voile-net/voile/interop/refnode"
)

// realProgram is the reference node of a version.
func realProgram(ctx context.Context, kind Kind, log io.Writer) (program, error) {
	version := refnode.V058
	if kind == Real052 {
		version = refnode.V052
	}
	path, err := refnode.Program(ctx, version, log)
	if err != nil {
		return program{}, err
	}
	base, err := exec.CommandContext(ctx, path, "default-config").Output()
	if err != nil {
		return program{}, fmt.Errorf("%s default-config: %w", path, err)
	}
	return program{
		kind: kind,
		path: path,
		base: base,
		args: func(config, address string) []string { return []string{"serve", config, address} },
		env: func(verbose bool) []string {
			if verbose {
				return []string{"REFNODE_LOG=info,contact_method=debug,net=debug"}
			}
			return nil
		},
	}, nil
}

// ErrNoVoile says that there is no program to run as a Voile node.
var ErrNoVoile = errors.New("no cmd/voile in this module and no VOILE_BINARY")

// voileProgram is $VOILE_BINARY, or else what this module's cmd/voile is now.
func voileProgram(ctx context.Context, dir string, log io.Writer) (program, error) {
	path := os.Getenv("VOILE_BINARY")
	if path == "" {
		root, err := moduleRoot()
		if err != nil {
			return program{}, err
		}
		if files, err := filepath.Glob(filepath.Join(root, "cmd", "voile", "*.go")); err != nil || len(files) == 0 {
			return program{}, ErrNoVoile
		}
		path = filepath.Join(dir, "voile")
		build := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/voile")
		build.Dir, build.Stdout, build.Stderr = root, log, log
		if err := build.Run(); err != nil {
			return program{}, fmt.Errorf("build of cmd/voile: %w", err)
		}
	}
	return program{
		kind: Voile,
		path: path,
		base: defaults,
		args: func(config, address string) []string {
			return []string{"serve", "--config", config, "--api", address}
		},
		env: func(bool) []string { return nil },
	}, nil
}

// moduleRoot is the nearest directory upwards that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", ErrNoVoile
		}
		dir = up
	}
}
