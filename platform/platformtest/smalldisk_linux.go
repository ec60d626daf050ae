//go:build linux && !android

package platformtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const smallDisk = "VOILE_TEST_SMALL_DISK" // set in the child

// SmallDisk runs f with a folder on a file system of its own that has room for
// size bytes. For that it starts the calling test again in a process with its
// own mounts; where that is not allowed the test is skipped.
func SmallDisk(t *testing.T, size int, f func(t *testing.T, dir string)) {
	dir := os.Getenv(smallDisk)
	if dir != "" {
		if err := syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=700", size)); err != nil {
			t.Skipf("mount: %v", err)
		}
		f(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.ProcessState == nil:
		t.Skipf("no process with its own mounts: %v", err)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("no file system of its own:\n%s", out)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
}
