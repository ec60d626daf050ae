//go:build !linux && !android && !darwin && !windows && !js

package netinfo

import (
	"context"
	"fmt"

	"github.com/voile-net/voile/core/guard"
)

// Open finds out that the network can be read. Gateways are unknown here.
func Open(ctx context.Context, _ guard.Handler) (*Info, error) {
	if _, err := systemInterfaces(ctx); err != nil {
		return nil, fmt.Errorf("network facts: %w", err)
	}
	return &Info{list: systemInterfaces}, nil
}
