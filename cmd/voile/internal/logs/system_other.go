//go:build !unix

package logs

import (
	"errors"
	"io"
	"log/slog"
)

// openSystem: there is no system log that a program can simply write to.
func openSystem(string) (slog.Handler, io.Closer, error) {
	return nil, nil, errors.New("not available on this system; use the layer file")
}
