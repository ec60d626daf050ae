//go:build js

package igd

import (
	"fmt"
	"log/slog"

	"github.com/voile-net/voile/core/attach/detect"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/platform"
)

// Open fails: a page has no gateway to talk to.
func Open(program string, logger *slog.Logger, panicked guard.Handler) (detect.PortMapper, error) {
	return nil, fmt.Errorf("igd: %w", platform.ErrUnsupported)
}
