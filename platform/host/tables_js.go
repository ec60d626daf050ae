package host

import (
	"context"
	"fmt"

	"github.com/voile-net/voile/platform"
)

// OpenKeyValueStore gives platform.ErrUnsupported: a page has no files.
func OpenKeyValueStore(context.Context, string, string) (platform.KeyValueStore, error) {
	return nil, fmt.Errorf("open store in a browser: %w", platform.ErrUnsupported)
}
