package host

import (
	"context"
	"fmt"

	"github.com/voile-net/voile/platform"
)

// OpenProtectedStore gives platform.ErrUnsupported: a page has neither a keyring
// nor files.
func OpenProtectedStore(context.Context, SecretsConfig) (*Secrets, error) {
	return nil, fmt.Errorf("protected store in a browser: %w", platform.ErrUnsupported)
}

// OpenKeyValueStore gives platform.ErrUnsupported: a page has no files.
func OpenKeyValueStore(context.Context, string, string) (platform.KeyValueStore, error) {
	return nil, fmt.Errorf("open store in a browser: %w", platform.ErrUnsupported)
}
