package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ErrAddress is an address that cannot be read.
var ErrAddress = errors.New("want host:port")

// ListenTCP opens an address on every IP that its host stands for (spec 07 §5.1):
// localhost is 127.0.0.1 and ::1. It fails only if none opens; others that do not
// are logged. Port 0 becomes the same free port on all of them.
func ListenTCP(ctx context.Context, address string, log *slog.Logger) ([]net.Listener, error) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, ErrAddress)
	}
	port, err := net.DefaultResolver.LookupPort(ctx, "tcp", portText)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, ErrAddress)
	}
	ips, err := resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var listeners []net.Listener
	var first error
	for _, ip := range ips {
		at := ip
		if ip != "" {
			at = net.JoinHostPort(ip, strconv.Itoa(port))
		} else {
			at = ":" + strconv.Itoa(port)
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
		if err != nil {
			if first == nil {
				first = err
			}
			log.Debug("api address not opened", "address", at, "err", err)
			continue
		}
		if port == 0 {
			port = l.Addr().(*net.TCPAddr).Port
		}
		listeners = append(listeners, l)
	}
	if len(listeners) == 0 {
		return nil, first
	}
	return listeners, nil
}

// resolve lists the IPs of a host; "" is every one of this machine.
func resolve(ctx context.Context, host string) ([]string, error) {
	switch {
	case host == "":
		return []string{""}, nil
	case strings.EqualFold(host, "localhost"):
		return []string{"127.0.0.1", "::1"}, nil
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return []string{host}, nil
	}
	return net.DefaultResolver.LookupHost(ctx, host)
}

// Remote reports whether others than programs of this machine may reach a
// listener.
func Remote(l net.Listener) bool {
	tcp, ok := l.Addr().(*net.TCPAddr)
	return ok && !tcp.IP.IsLoopback()
}
