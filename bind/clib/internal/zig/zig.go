// Package zig finds the C compiler that builds for every platform: that of the
// environment variable ZIG, of the path, or of Python's package ziglang, which it puts
// into ~/.cache/voile-zig. It imports nothing of this module.
package zig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Version is the one that the builds are tried with.
const Version = "0.17.0"

// Compiler is a zig.
type Compiler struct {
	command []string
	cache   string // folder
}

// Find finds one, or installs it.
func Find() (*Compiler, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	c := &Compiler{cache: filepath.Join(home, ".cache", "voile-zig")}
	if path := os.Getenv("ZIG"); path != "" {
		c.command = []string{path}
		return c, nil
	}
	if path, err := exec.LookPath("zig"); err == nil {
		c.command = []string{path}
		return c, nil
	}
	python := filepath.Join(c.cache, "venv", "bin", "python")
	c.command = []string{python, "-m", "ziglang"}
	if version, err := exec.Command(python, "-m", "ziglang", "version").Output(); err == nil && strings.TrimSpace(string(version)) == Version {
		return c, nil
	}
	for _, args := range [][]string{
		{"python3", "-m", "venv", filepath.Join(c.cache, "venv")},
		{python, "-m", "pip", "install", "--quiet", "ziglang==" + Version},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("no zig: set ZIG, or install it, or Python with venv: %s: %w", strings.Join(args, " "), err)
		}
	}
	return c, nil
}

// Env is what a command that uses the compiler needs in its environment.
func (c *Compiler) Env() []string {
	cache := filepath.Join(c.cache, "cache")
	return []string{"ZIG_GLOBAL_CACHE_DIR=" + cache, "ZIG_LOCAL_CACHE_DIR=" + cache}
}

// CC is the C compiler for a target, as one text for the environment variable CC.
func (c *Compiler) CC(target string) string {
	return strings.Join(c.command, " ") + " cc -target " + target
}

// Command is the C compiler for a target as a command.
func (c *Compiler) Command(target string, args ...string) *exec.Cmd {
	all := append(append(c.command[1:len(c.command):len(c.command)], "cc", "-target", target), args...)
	cmd := exec.Command(c.command[0], all...)
	cmd.Env = append(os.Environ(), c.Env()...)
	return cmd
}
