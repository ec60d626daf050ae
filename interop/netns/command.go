//go:build linux && !android

package netns

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ip runs one ip command in the namespace of this process.
func ip(ctx context.Context, args ...string) error {
	_, err := output(ctx, "ip", args...)
	return err
}

// ipBatch runs ip commands inside a namespace, stopping at the first that fails.
func ipBatch(ctx context.Context, ns string, commands ...string) error {
	return feed(ctx, strings.Join(commands, "\n")+"\n", "ip", "-n", ns, "-batch", "-")
}

// nft loads a ruleset inside a namespace, all or nothing.
func nft(ctx context.Context, ns, rules string) error {
	return feed(ctx, rules, "ip", "netns", "exec", ns, "nft", "-f", "-")
}

func feed(ctx context.Context, input, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s\n%s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)), input)
	}
	return nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

func killPid(text string) {
	// 0 and 1 would address our own group and init; ip never prints them.
	if pid, err := strconv.Atoi(text); err == nil && pid > 1 {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// inNamespace runs f on a thread that is inside the namespace. Only what f does
// on its own goroutine happens there: a socket keeps the namespace it was made
// in, whoever uses it later.
func inNamespace(ns string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- onThread(ns, f) }()
	return <-done
}

// onThread switches its thread and back. If it cannot switch back, the thread
// stays locked to the ending goroutine and the runtime throws it away.
func onThread(ns string, f func() error) error {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("own namespace: %w", err)
	}
	defer unix.Close(home)
	there, err := unix.Open("/var/run/netns/"+ns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("namespace %s: %w", ns, err)
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter namespace %s: %w", ns, err)
	}
	err = f()
	if unix.Setns(home, unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return err
}
