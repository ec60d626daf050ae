package main

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"github.com/voile-net/voile/cmd/voile/internal/logs"
	"github.com/voile-net/voile/core"
)

// host does what clients ask of the program and not of the node (spec 07 §5.7).
type host struct {
	settings *settings
	stop     context.CancelFunc
	layers   *logs.Logs
}

func (h *host) control(_ context.Context, args []string) (string, error) {
	want := map[string]int{"Shutdown": 0, "ChangeLogLevel": 2, "ChangeLogIgnore": 2, "GetServerSettings": 0}
	n, known := want[args[0]]
	switch {
	case !known:
		return "", &core.Error{Kind: core.Generic, Message: "unknown control message"}
	case len(args)-1 != n:
		return "", &core.Error{Kind: core.Generic, Message: "wrong number of arguments"}
	}
	switch args[0] {
	case "ChangeLogLevel":
		return "", logError("change_log_level", args[1], args[2], h.layers.ChangeLevel(args[1], args[2]))
	case "ChangeLogIgnore":
		return "", logError("change_log_ignore", args[1], args[2], h.layers.ChangeIgnore(args[1], args[2]))
	case "GetServerSettings":
		text, err := h.settings.json()
		return string(text), err
	}
	h.stop() // Shutdown
	return "", nil
}

func logError(request, layer, change string, err error) error {
	var bad *logs.DirectiveError
	switch {
	case errors.Is(err, logs.ErrLayer):
		return &core.Error{Kind: core.InvalidArgument, Context: request, Argument: "layer", Value: layer}
	case errors.As(err, &bad):
		return &core.Error{Kind: core.InvalidArgument, Context: request + ": " + bad.Msg, Argument: "directives", Value: change}
	}
	return err
}

// newLogger makes the log of a command that has one on the terminal only.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	cfg := logs.Config{Writer: w}
	cfg.Layers[logs.Terminal] = logs.LayerConfig{Enabled: true, Level: level}
	l, err := logs.Open(cfg) // holds nothing that has to be closed
	if err != nil {
		return nil, misused("--log-level: %w", err)
	}
	return l.Logger(), nil
}
