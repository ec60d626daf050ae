//go:build !windows

package platform

import "syscall"

var fullDiskOS []syscall.Errno
