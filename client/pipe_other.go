//go:build !windows

package client

import (
	"context"
	"fmt"
	"net"
)

// dialPipe fails: only Windows has such pipes.
func dialPipe(_ context.Context, path string) (net.Conn, error) {
	return nil, fmt.Errorf("%s: this system has no named pipes", path)
}
