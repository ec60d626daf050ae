package bind

import (
	"context"
	"log/slog"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/guard"
)

// Bounds of the log for clients (spec 07 §4).
const (
	logQueue      = 4096                   // lines that wait
	logBurst      = 32                     // lines that leave at once
	logInterval   = 100 * time.Millisecond // between bursts
	maxLogMessage = 8 << 10                // bytes of a line
	maxBacktrace  = 32 << 10
)

// LevelTrace is the level below Debug that the API knows.
const LevelTrace = slog.LevelDebug - 4

// LogLayer makes Log updates of a log: its [LogLayer.Handler] is one of those that
// the host's logger writes to, and [LogLayer.Start] gives the lines to the clients
// of a node. It never holds up who logs: a line is queued or counted as dropped, and
// lines wait from the beginning, before there is a node.
//
// Equal lines of one burst become one; how often it came, and how many lines were
// dropped, is said in the text.
//
// Goroutines: one, from Start to Close. Locks: mu, held for an append.
type LogLayer struct {
	level slog.Leveler

	mu      sync.Mutex
	queue   []core.LogUpdate
	dropped int
	closed  bool
	wake    chan struct{} // has a value while the queue is not empty

	cancel context.CancelFunc // nil: not started
	done   sync.WaitGroup
}

// NewLogLayer makes a layer that passes lines of a level and above; a
// [slog.LevelVar] can change it later.
func NewLogLayer(level slog.Leveler) *LogLayer {
	return &LogLayer{level: level, wake: make(chan struct{}, 1)}
}

// Start begins to give the lines to the subscribers of a node. It is called once.
// panicked is told of a panic of the goroutine, which is a bug; nil: it ends the process.
func (l *LogLayer) Start(node *core.Node, panicked guard.Handler) { l.start(node.PublishLog, panicked) }

func (l *LogLayer) start(publish func(core.LogUpdate) int, panicked guard.Handler) {
	ctx, cancel := context.WithCancel(context.Background())
	l.mu.Lock()
	l.cancel = cancel
	closed := l.closed
	l.mu.Unlock()
	if closed {
		cancel()
		return
	}
	panicked.Go(&l.done, func() { l.run(ctx, publish) })
}

// Close ends the layer and waits for its goroutine; lines that still wait are lost.
// It may be called twice and without Start.
func (l *LogLayer) Close() {
	l.mu.Lock()
	l.closed, l.queue = true, nil
	cancel := l.cancel
	l.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	l.done.Wait()
}

// Handler is a handler that writes to the layer.
func (l *LogLayer) Handler() slog.Handler { return &logHandler{layer: l} }

func (l *LogLayer) add(u core.LogUpdate) {
	l.mu.Lock()
	switch {
	case l.closed:
	case len(l.queue) >= logQueue:
		l.dropped++
	default:
		l.queue = append(l.queue, u)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run passes bursts on, until ctx ends.
func (l *LogLayer) run(ctx context.Context, publish func(core.LogUpdate) int) {
	ticker := time.NewTicker(logInterval)
	defer ticker.Stop()
	for {
		select {
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		for more := true; more; {
			var lines []core.LogUpdate
			lines, more = l.burst()
			for _, u := range lines {
				publish(u)
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// burst takes the next lines, and reports whether others wait.
func (l *LogLayer) burst() (lines []core.LogUpdate, more bool) {
	type same struct {
		level   slog.Level
		message string
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var times []int
	index := map[same]int{}
	taken := 0
	for _, u := range l.queue {
		key := same{u.Level, u.Message}
		if i, ok := index[key]; ok {
			times[i]++
			taken++
			continue
		}
		if len(lines) == logBurst {
			break
		}
		index[key] = len(lines)
		lines, times = append(lines, u), append(times, 1)
		taken++
	}
	for i, n := range times {
		if n > 1 {
			lines[i].Message += " (" + strconv.Itoa(n) + " times)"
		}
	}
	rest := copy(l.queue, l.queue[taken:])
	clear(l.queue[rest:])
	l.queue = l.queue[:rest]
	if rest == 0 {
		l.queue = nil
	}
	if l.dropped > 0 && rest == 0 {
		lines = append(lines, core.LogUpdate{Level: slog.LevelWarn, Message: strconv.Itoa(l.dropped) + " lines of the log were dropped"})
		l.dropped = 0
	}
	return lines, rest > 0
}

// logHandler formats records for a layer.
type logHandler struct {
	layer *LogLayer
	attrs string // of With, each with a space before it
	group string // of WithGroup, with a dot behind it
}

func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.layer.level.Level()
}

// Handle queues one line. Warnings and errors begin with where they come from, so
// do the lines of developers (spec 07 §4).
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	if r.Level != slog.LevelInfo && r.PC != 0 {
		frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
		b.WriteString(filepath.Base(filepath.Dir(frame.File)) + "/" + filepath.Base(frame.File) + ":" + strconv.Itoa(frame.Line) + " ")
	}
	b.WriteString(r.Message)
	b.WriteString(h.attrs)
	u := core.LogUpdate{Level: r.Level}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "stack" && r.Level >= slog.LevelError {
			u.Backtrace = cut(a.Value.Resolve().String(), maxBacktrace)
			return true
		}
		writeAttr(&b, h.group, a)
		return true
	})
	u.Message = cut(b.String(), maxLogMessage)
	h.layer.add(u)
	return nil
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(h.attrs)
	for _, a := range attrs {
		writeAttr(&b, h.group, a)
	}
	return &logHandler{h.layer, b.String(), h.group}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &logHandler{h.layer, h.attrs, h.group + name + "."}
}

// writeAttr writes " key=value", in quotes if the value needs them.
func writeAttr(b *strings.Builder, group string, a slog.Attr) {
	v := a.Value.Resolve()
	switch {
	case a.Equal(slog.Attr{}):
		return
	case v.Kind() == slog.KindGroup:
		if a.Key != "" {
			group += a.Key + "."
		}
		for _, inner := range v.Group() {
			writeAttr(b, group, inner)
		}
		return
	}
	text := v.String()
	if text == "" || strings.ContainsAny(text, " \"=\n\r\t") {
		text = strconv.Quote(text)
	}
	b.WriteString(" " + group + a.Key + "=" + text)
}

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
