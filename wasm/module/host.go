//go:build js

package module

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/platform/memory"
)

// host is what the loader says of the place where the node runs.
type host struct {
	storage     string
	database    string
	secure      bool
	level       slog.Leveler // nil: no Log updates
	memoryLimit int64
	onCrash     js.Value // not a function: nobody wants to know
	crashed     sync.Once
}

// levels are the names of the API.
var levels = map[string]slog.Level{
	"error": slog.LevelError, "warn": slog.LevelWarn, "info": slog.LevelInfo, "debug": slog.LevelDebug, "trace": bind.LevelTrace,
}

func readHost(v js.Value) (*host, error) {
	if v.Type() != js.TypeObject {
		return nil, invalid("host", "is not an object")
	}
	h := &host{
		storage: text(v.Get("storage")), database: text(v.Get("database")), secure: v.Get("secure").Truthy(),
		memoryLimit: int64(number(v.Get("memoryLimit"))), onCrash: v.Get("onCrash"),
	}
	if name := text(v.Get("logLevel")); name != "" && !strings.EqualFold(name, "off") {
		level, ok := levels[strings.ToLower(name)]
		if !ok {
			return nil, invalid("logLevel", fmt.Sprintf("%.20q is none of Error, Warn, Info, Debug, Trace, Off", name))
		}
		h.level = level
	}
	switch {
	case h.storage != "memory" && h.storage != "indexeddb":
		return nil, invalid("storage", fmt.Sprintf("%.20q is neither indexeddb nor memory", h.storage))
	case h.storage == "indexeddb" && h.database == "":
		return nil, invalid("database", "is empty")
	case h.memoryLimit < 0:
		return nil, invalid("memoryLimit", "is negative")
	}
	return h, nil
}

func invalid(field, why string) error {
	return &core.Error{Kind: core.Generic, Message: "host." + field + " " + why}
}

// openStores opens what the node keeps.
func (h *host) openStores(ctx context.Context, o *core.Options) ([]io.Closer, error) {
	tables, secrets := memory.NewKeyValueStore(), memory.NewProtectedStore()
	o.KeyValueStore, o.ProtectedStore = tables, secrets
	return []io.Closer{tables, secrets}, nil
}

// crash tells the loader once.
func (h *host) crash(value any, stack []byte) {
	h.crashed.Do(func() {
		if h.onCrash.Type() == js.TypeFunction {
			// Its own exceptions change nothing any more.
			_, _ = invoke(h.onCrash, fmt.Sprint(value), string(stack))
		}
	})
}
