//go:build !js

package instance

import "github.com/voile-net/voile/bind"

// schemas does EmitSchema.
func schemas() func(name string) (string, error) { return bind.Schema }
