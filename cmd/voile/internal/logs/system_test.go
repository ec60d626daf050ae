//go:build unix

package logs

import (
	"log/slog"
	"strings"
	"testing"
)

// priorityLog is a system log in memory.
type priorityLog []string

func (l *priorityLog) put(priority, line string) error {
	*l = append(*l, priority+" "+strings.TrimSpace(line))
	return nil
}
func (l *priorityLog) Err(s string) error     { return l.put("err", s) }
func (l *priorityLog) Warning(s string) error { return l.put("warning", s) }
func (l *priorityLog) Info(s string) error    { return l.put("info", s) }
func (l *priorityLog) Debug(s string) error   { return l.put("debug", s) }

func TestSystemHandler(t *testing.T) {
	var got priorityLog
	log := slog.New(newSystemHandler(&got)).With("peer", "x")
	log.Error("a")
	log.Warn("b", "count", 2)
	log.Info("c")
	log.WithGroup("g").Debug("d", "level", 1)
	want := []string{"err msg=a peer=x", "warning msg=b peer=x count=2", "info msg=c peer=x", "debug msg=d peer=x g.level=1"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", got, want)
	}
}
