package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"

	"github.com/voile-net/voile/core"
)

// host does what clients ask of the program and not of the node (spec 07 §5.7).
type host struct {
	settings settings
	stop     context.CancelFunc
	level    *slog.LevelVar
}

func (h *host) control(_ context.Context, args []string) (string, error) {
	want := map[string]int{"Shutdown": 0, "ChangeLogLevel": 2, "ChangeLogIgnore": 2, "GetServerSettings": 0, "EmitSchema": 1}
	n, known := want[args[0]]
	switch {
	case !known:
		return "", &core.Error{Kind: core.Generic, Message: "unknown control message"}
	case len(args)-1 != n:
		return "", &core.Error{Kind: core.Generic, Message: "wrong number of arguments"}
	}
	switch args[0] {
	case "Shutdown":
		h.stop()
		return "", nil
	case "ChangeLogLevel":
		return "", h.changeLogLevel(args[1], args[2])
	case "GetServerSettings":
		text, err := json.Marshal(map[string]any{
			"auto_attach": h.settings.autoAttach,
			"client_api":  map[string]any{"network_enabled": h.settings.api != "", "listen_address": h.settings.api},
			"core":        withoutSecrets(h.settings.core),
		})
		return string(text), err
	}
	return "", &core.Error{Kind: core.Unimplemented, Message: args[0] + " is not available here"}
}

// changeLogLevel sets the level of the one log there is. Of a list of
// directives, those without a facility count (spec 07 §7.4).
func (h *host) changeLogLevel(layer, directives string) error {
	switch layer {
	case "", "all", "terminal":
	default:
		return &core.Error{Kind: core.InvalidArgument, Context: "change_log_level", Argument: "layer", Value: layer}
	}
	for d := range strings.SplitSeq(directives, ",") {
		if level, ok := parseLevel(strings.TrimSpace(d)); ok {
			h.level.Set(level)
		}
	}
	return nil
}

// levelTrace and levelOff are beyond those of slog.
const (
	levelTrace = slog.LevelDebug - 4
	levelOff   = slog.LevelError + 100
)

func parseLevel(name string) (slog.Level, bool) {
	switch strings.ToLower(name) {
	case "off":
		return levelOff, true
	case "error":
		return slog.LevelError, true
	case "warn":
		return slog.LevelWarn, true
	case "", "info", "default":
		return slog.LevelInfo, true
	case "debug":
		return slog.LevelDebug, true
	case "trace":
		return levelTrace, true
	}
	return 0, false
}

// newLogger makes the log; its level can be changed later.
func newLogger(w io.Writer, level string, asJSON bool) (*slog.Logger, *slog.LevelVar, error) {
	l, ok := parseLevel(level)
	if !ok {
		return nil, nil, misused("--log-level %s: want off, error, warn, info, debug or trace", level)
	}
	v := &slog.LevelVar{}
	v.Set(l)
	opts := &slog.HandlerOptions{Level: v}
	if asJSON {
		return slog.New(slog.NewJSONHandler(w, opts)), v, nil
	}
	return slog.New(slog.NewTextHandler(w, opts)), v, nil
}
