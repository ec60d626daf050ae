//go:build unix

package logs

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"log/syslog"
	"sync"
)

// openSystem opens the system log of this machine.
func openSystem(program string) (slog.Handler, io.Closer, error) {
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, program)
	if err != nil {
		return nil, nil, err
	}
	return newSystemHandler(w), w, nil
}

// priorities are what a system log has in place of levels.
type priorities interface {
	Err(string) error
	Warning(string) error
	Info(string) error
	Debug(string) error
}

// systemHandler writes lines as slog's text, without the time and the level,
// which the system log adds itself.
type systemHandler struct {
	to     priorities
	text   slog.Handler // writes to line
	shared *systemLine
}

type systemLine struct {
	mu   sync.Mutex
	line bytes.Buffer
}

func newSystemHandler(to priorities) *systemHandler {
	s := &systemLine{}
	return &systemHandler{to: to, shared: s, text: slog.NewTextHandler(&s.line, &slog.HandlerOptions{
		Level: LevelTrace,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

func (h *systemHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *systemHandler) Handle(ctx context.Context, r slog.Record) error {
	h.shared.mu.Lock()
	h.shared.line.Reset()
	err := h.text.Handle(ctx, r)
	line := h.shared.line.String()
	h.shared.mu.Unlock()
	switch {
	case err != nil:
		return err
	case r.Level >= slog.LevelError:
		return h.to.Err(line)
	case r.Level >= slog.LevelWarn:
		return h.to.Warning(line)
	case r.Level >= slog.LevelInfo:
		return h.to.Info(line)
	}
	return h.to.Debug(line)
}

func (h *systemHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &systemHandler{h.to, h.text.WithAttrs(attrs), h.shared}
}

func (h *systemHandler) WithGroup(name string) slog.Handler {
	return &systemHandler{h.to, h.text.WithGroup(name), h.shared}
}
