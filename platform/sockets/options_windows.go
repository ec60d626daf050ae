package sockets

import (
	"errors"

	"golang.org/x/sys/windows"
)

const (
	errAddrInUse    = windows.WSAEADDRINUSE
	errAddrNotAvail = windows.WSAEADDRNOTAVAIL
	errAFNoSupport  = windows.WSAEAFNOSUPPORT
)

// reservedPort tells a port that the system keeps for itself, such as those of
// Hyper-V: to us it is taken.
func reservedPort(err error) bool { return errors.Is(err, windows.WSAEACCES) }

// share lets several sockets have one address.
func share(fd uintptr) error {
	return windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_REUSEADDR, 1)
}

// prepareTCP ignores the segment size, which cannot be set on this system.
func prepareTCP(fd uintptr, shared bool, _ int) error {
	if !shared {
		return nil
	}
	return share(fd)
}
