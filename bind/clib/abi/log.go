package abi

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// LogFunc gets one line of the log, without time, level and line end. It may be
// called from several goroutines at once.
type LogFunc func(level Level, line string)

// logLines gives records of a log to a function until it is closed.
type logLines struct {
	call   sync.RWMutex // held for a call; for writing: to close
	closed bool
	to     LogFunc

	mu   sync.Mutex // of text
	text bytes.Buffer
}

func newLogLines(to LogFunc) *logLines { return &logLines{to: to} }

// handler gives records of a level and above.
func (l *logLines) handler(level slog.Level) slog.Handler {
	leave := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}
	return &lineHandler{l, slog.NewTextHandler(&l.text, &slog.HandlerOptions{Level: level, ReplaceAttr: leave})}
}

// close waits for running calls; there are none after it. It may be called twice.
func (l *logLines) close() {
	l.call.Lock()
	defer l.call.Unlock()
	l.closed = true
}

type lineHandler struct {
	lines *logLines
	slog.Handler
}

func (h *lineHandler) Handle(ctx context.Context, r slog.Record) error {
	l := h.lines
	l.mu.Lock()
	l.text.Reset()
	err := h.Handler.Handle(ctx, r)
	line := string(bytes.TrimRight(l.text.Bytes(), "\n"))
	l.mu.Unlock()
	if err != nil {
		return err
	}
	l.call.RLock()
	defer l.call.RUnlock()
	if !l.closed {
		l.to(levelOf(r.Level), line)
	}
	return nil
}

func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lineHandler{h.lines, h.Handler.WithAttrs(attrs)}
}

func (h *lineHandler) WithGroup(name string) slog.Handler {
	return &lineHandler{h.lines, h.Handler.WithGroup(name)}
}
