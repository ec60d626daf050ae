package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// Layer is one place that log lines go to.
type Layer int

const (
	Terminal Layer = iota
	File
	System
	API
	layerCount
)

func (l Layer) String() string { return [...]string{"terminal", "file", "system", "api"}[l] }

// LayerConfig is what one layer takes.
type LayerConfig struct {
	Enabled bool
	Level   string   // directives, see [Logs.ChangeLevel]; "": info
	Ignore  []string // facilities that are left out
}

// Config is how all layers begin.
type Config struct {
	Layers     [layerCount]LayerConfig
	Writer     io.Writer // of the terminal layer
	JSON       bool      // terminal and file
	FilePath   string
	FileAppend bool         // false: what the file has is dropped at the start
	Program    string       // in the system log
	API        slog.Handler // tells the clients; nil: the layer is disabled
}

// ErrLayer: there is no layer of that name.
var ErrLayer = errors.New("no such log layer")

// Logs is the layers of one program. Methods may be called from any goroutine.
type Logs struct {
	layers [layerCount]layer
	file   *logFile // nil: none
	system io.Closer
	places places

	changing sync.Mutex // one change of a filter at a time
}

type layer struct {
	sink   slog.Handler // nil: disabled
	filter atomic.Pointer[filter]
}

// Open opens the layers that are enabled.
func Open(cfg Config) (*Logs, error) {
	l := &Logs{}
	for i := range l.layers {
		c := cfg.Layers[i]
		f, err := (&filter{}).with(c.Level)
		if err != nil {
			return nil, fmt.Errorf("layer %v: %w", Layer(i), err)
		}
		l.layers[i].filter.Store(f.without(strings.Join(c.Ignore, ",")))
	}
	var err error
	if cfg.Layers[File].Enabled {
		if l.file, err = openFile(cfg.FilePath, cfg.FileAppend); err != nil {
			return nil, fmt.Errorf("layer file: %w", err)
		}
		l.layers[File].sink = textHandler(l.file, cfg.JSON)
	}
	if cfg.Layers[System].Enabled {
		sink, closer, err := openSystem(cfg.Program)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("layer system: %w", err)
		}
		l.layers[System].sink, l.system = sink, closer
	}
	if cfg.Layers[Terminal].Enabled {
		l.layers[Terminal].sink = textHandler(cfg.Writer, cfg.JSON)
	}
	if cfg.Layers[API].Enabled {
		l.layers[API].sink = cfg.API
	}
	return l, nil
}

func textHandler(w io.Writer, asJSON bool) slog.Handler {
	opts := &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: nameTrace}
	if asJSON {
		return slog.NewJSONHandler(w, opts)
	}
	return slog.NewTextHandler(w, opts)
}

// nameTrace writes TRACE where slog would write DEBUG-4.
func nameTrace(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.LevelKey {
		if level, ok := a.Value.Any().(slog.Level); ok && level == LevelTrace {
			a.Value = slog.StringValue("TRACE")
		}
	}
	return a
}

// Logger is what the program logs to.
func (l *Logs) Logger() *slog.Logger {
	h := &handler{logs: l}
	for i := range l.layers {
		h.sinks[i] = l.layers[i].sink
	}
	return slog.New(h)
}

// ChangeLevel sets levels: of one layer, or of all for "" and "all" (spec 07
// §5.7). directives are, with commas between, a level for everything, or
// "facility=level". Errors: ErrLayer, *DirectiveError; then nothing has changed.
func (l *Logs) ChangeLevel(layer, directives string) error {
	return l.change(layer, func(f *filter) (*filter, error) { return f.with(directives) })
}

// ChangeIgnore changes which facilities a layer leaves out: "name" is added,
// "-name" taken away, "none" empties the list. Errors: ErrLayer.
func (l *Logs) ChangeIgnore(layer, changes string) error {
	return l.change(layer, func(f *filter) (*filter, error) { return f.without(changes), nil })
}

func (l *Logs) change(name string, change func(*filter) (*filter, error)) error {
	which := l.layers[:]
	if name != "" && name != "all" {
		which = nil
		for i := range layerCount {
			if i.String() == name {
				which = l.layers[i : i+1]
			}
		}
		if which == nil {
			return fmt.Errorf("%w: %q", ErrLayer, name)
		}
	}
	l.changing.Lock()
	defer l.changing.Unlock()
	next := make([]*filter, len(which))
	for i := range which {
		var err error
		if next[i], err = change(which[i].filter.Load()); err != nil {
			return err
		}
	}
	for i := range which {
		which[i].filter.Store(next[i])
	}
	return nil
}

// Reopen opens the log file anew, after somebody has moved it away.
func (l *Logs) Reopen() error {
	if l.file == nil {
		return nil
	}
	return l.file.reopen()
}

// Close ends the layers file and system; what is logged later does not reach them.
func (l *Logs) Close() error {
	var err error
	if l.file != nil {
		err = l.file.Close()
	}
	if l.system != nil {
		err = errors.Join(err, l.system.Close())
	}
	return err
}

// handler passes records to the layers that take them.
type handler struct {
	logs  *Logs
	sinks [layerCount]slog.Handler // nil: disabled
}

func (h *handler) Enabled(_ context.Context, level slog.Level) bool {
	for i := range h.sinks {
		if h.sinks[i] != nil && level >= h.logs.layers[i].filter.Load().least {
			return true
		}
	}
	return false
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	facility := h.logs.places.of(r)
	var errs error
	named := false
	for i, sink := range h.sinks {
		if sink == nil || !h.logs.layers[i].filter.Load().takes(r.Level, facility) {
			continue
		}
		if !named && facility != "" {
			r = r.Clone()
			r.AddAttrs(slog.String("facility", facility))
			named = true
		}
		errs = errors.Join(errs, sink.Handle(ctx, r))
	}
	return errs
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.derive(func(s slog.Handler) slog.Handler { return s.WithAttrs(attrs) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	return h.derive(func(s slog.Handler) slog.Handler { return s.WithGroup(name) })
}

func (h *handler) derive(f func(slog.Handler) slog.Handler) slog.Handler {
	next := &handler{logs: h.logs}
	for i, s := range h.sinks {
		if s != nil {
			next.sinks[i] = f(s)
		}
	}
	return next
}
