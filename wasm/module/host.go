//go:build js

package module

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"syscall/js"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/indexeddb"
	"github.com/voile-net/voile/platform/memory"
	"github.com/voile-net/voile/platform/webcrypto"
	"github.com/voile-net/voile/wasm/edge/edgeurl"
)

// host is what the loader says of the place where the node runs.
type host struct {
	storage     string
	database    string
	secure      bool
	gateways    []edgeurl.Gateway
	level       slog.Leveler // nil: no Log updates
	memoryLimit int64
	onCrash     js.Value // not a function: nobody wants to know
	crashed     sync.Once
}

// maxGateways bounds the gateways that one dial tries.
const maxGateways = 8

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
	if list := v.Get("gateways"); list.Type() == js.TypeObject {
		for i := range min(list.Length(), maxGateways+1) {
			g, err := edgeurl.ParseGateway(text(list.Index(i)))
			if err != nil {
				return nil, invalid(fmt.Sprintf("gateways[%d]", i), err.Error())
			}
			h.gateways = append(h.gateways, g)
		}
	}
	switch {
	case len(h.gateways) > maxGateways:
		return nil, invalid("gateways", fmt.Sprintf("has more than %d entries", maxGateways))
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

// openStores opens what the node keeps. The stores are named after the database, and
// the namespace of the configuration if it has one.
func (h *host) openStores(ctx context.Context, namespace string, o *core.Options) ([]io.Closer, error) {
	if h.storage == "memory" {
		tables, secrets := memory.NewKeyValueStore(), memory.NewProtectedStore()
		o.KeyValueStore, o.ProtectedStore = tables, secrets
		return []io.Closer{tables, secrets}, nil
	}
	name := h.database
	if namespace != "" {
		name += "_" + namespace
	}
	tables, err := indexeddb.Open(ctx, name)
	if err != nil {
		return nil, storageError(err)
	}
	secrets, err := webcrypto.Open(ctx, name+" secrets")
	if err != nil {
		return nil, storageError(errors.Join(err, tables.Close()))
	}
	o.KeyValueStore, o.ProtectedStore = tables, secrets
	return []io.Closer{secrets, tables}, nil
}

// storageError names the kind of what keeps a store from being opened.
func storageError(err error) error {
	kind := core.Internal
	switch {
	case errors.Is(err, platform.ErrInUse):
		kind = core.AlreadyInitialized
	case errors.Is(err, platform.ErrUnsupported):
		kind = core.Unimplemented
	case errors.Is(err, platform.ErrNoSpace):
		kind = core.Generic
	}
	return &core.Error{Kind: kind, Message: err.Error(), Err: err}
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
