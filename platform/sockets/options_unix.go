//go:build unix

package sockets

import "golang.org/x/sys/unix"

const (
	errAddrInUse    = unix.EADDRINUSE
	errAddrNotAvail = unix.EADDRNOTAVAIL
	errAFNoSupport  = unix.EAFNOSUPPORT
)

// reservedPort is for systems that keep ports for themselves.
func reservedPort(error) bool { return false }

// share lets several sockets have one address.
func share(fd uintptr) error {
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	return unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
}

func prepareTCP(fd uintptr, shared bool, mss int) error {
	if mss > 0 {
		// A wish: some systems refuse it before the connection stands.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, mss)
	}
	if !shared {
		return nil
	}
	return share(fd)
}
