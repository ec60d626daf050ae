//go:build js

package browser

import (
	"context"
	"fmt"
	"syscall/js"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
)

// StorageUsed is about how many bytes the browser keeps for this site, all of its
// databases together. Errors: platform.ErrUnsupported where the browser does not
// say, those of ctx.
func StorageUsed(ctx context.Context) (int64, error) {
	navigator := js.Global().Get("navigator")
	if !navigator.Truthy() || !navigator.Get("storage").Truthy() {
		return 0, fmt.Errorf("size of storage: %w", platform.ErrUnsupported)
	}
	estimate, err := jsvalue.Await(ctx, navigator.Get("storage"), "estimate")
	if err != nil {
		return 0, fmt.Errorf("size of storage: %w", err)
	}
	usage := estimate.Get("usage")
	if usage.Type() != js.TypeNumber {
		return 0, fmt.Errorf("size of storage: %w", platform.ErrUnsupported)
	}
	return int64(usage.Float()), nil
}
