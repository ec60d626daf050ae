package bind

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
)

// published collects what a layer gives out.
type published struct {
	mu    sync.Mutex
	lines []core.LogUpdate
}

func (p *published) publish(u core.LogUpdate) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, u)
	return 0
}

func (p *published) take() []core.LogUpdate {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := p.lines
	p.lines = nil
	return lines
}

func TestLogLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var level slog.LevelVar
		layer := NewLogLayer(&level)
		defer layer.Close()
		log := slog.New(layer.Handler())
		log.Info("before there is a node")
		var p published
		layer.start(p.publish, nil)
		synctest.Wait()
		if got := p.take(); len(got) != 1 || got[0].Message != "before there is a node" || got[0].Level != slog.LevelInfo {
			t.Errorf("%v", got)
		}
		log.Debug("too low")
		level.Set(LevelTrace)
		time.Sleep(time.Second)
		log.With("peer", "x y").WithGroup("g").Info("hello", "count", 3, slog.Group("h", "a", 1), "empty", "")
		synctest.Wait()
		if got := p.take(); len(got) != 1 || got[0].Message != `hello peer="x y" g.count=3 g.h.a=1 g.empty=""` {
			t.Errorf("%v", got)
		}
		time.Sleep(time.Second)
		log.Warn("careful")
		log.Error("bug", "stack", "f\n\tg", "op", "X")
		log.Debug("detail")
		time.Sleep(time.Second)
		got := p.take()
		if len(got) != 3 || !strings.HasPrefix(got[0].Message, "bind/loglayer_test.go:") || !strings.HasSuffix(got[0].Message, " careful") ||
			!strings.HasSuffix(got[1].Message, " bug op=X") || got[1].Backtrace != "f\n\tg" || got[2].Level != slog.LevelDebug {
			t.Errorf("%v", got)
		}
		log.Info(strings.Repeat("ä", maxLogMessage))
		time.Sleep(time.Second)
		if got := p.take(); len(got) != 1 || len(got[0].Message) > maxLogMessage+4 || !strings.HasSuffix(got[0].Message, "ä…") {
			t.Errorf("long line: %d", len(got[0].Message))
		}
	})
}

// Lines leave in bursts, equal ones as one, and what the queue has no room for is
// counted.
func TestLogLayerFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		layer := NewLogLayer(slog.LevelInfo)
		defer layer.Close()
		log := slog.New(layer.Handler())
		for range 100 {
			log.Info("again")
		}
		for i := range logQueue {
			log.Info("line", "n", i)
		}
		var p published
		layer.start(p.publish, nil)
		synctest.Wait()
		first := p.take()
		if len(first) != logBurst || first[0].Message != "again (100 times)" || first[1].Message != "line n=0" {
			t.Errorf("first burst: %d lines, %v", len(first), first[:2])
		}
		time.Sleep(logInterval)
		synctest.Wait()
		if got := p.take(); len(got) != logBurst {
			t.Errorf("second burst: %d lines", len(got))
		}
		time.Sleep(time.Minute)
		rest := p.take()
		if want := logQueue - 100 + 1 - 2*logBurst + 1; len(rest) != want || rest[len(rest)-1].Message != "100 lines of the log were dropped" {
			t.Errorf("%d lines, want %d, the last %v", len(rest), want, rest[len(rest)-1])
		}
	})
}

func TestLogLayerClose(t *testing.T) {
	layer := NewLogLayer(slog.LevelInfo)
	layer.Close()
	layer.Close()
	slog.New(layer.Handler()).Info("late")
	layer.start(func(core.LogUpdate) int { t.Error("a line after Close"); return 0 }, nil)
	layer.Close()
}
