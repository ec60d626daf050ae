//go:build !linux && !android && !darwin && !windows && !js

package netinfo

import (
	"context"
	"fmt"
)

// Open finds out that the network can be read. Gateways are unknown here.
func Open(ctx context.Context) (*Info, error) {
	if _, err := systemInterfaces(ctx); err != nil {
		return nil, fmt.Errorf("network facts: %w", err)
	}
	return &Info{list: systemInterfaces}, nil
}
