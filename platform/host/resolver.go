//go:build !js

package host

import (
	"net"

	"github.com/voile-net/voile/core/network/bootstrap"
)

// Resolver looks names up as the system does.
func Resolver() bootstrap.Resolver { return bootstrap.NewNetResolver(net.DefaultResolver) }
