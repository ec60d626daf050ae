package logs

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Levels beyond those of slog.
const (
	LevelTrace = slog.LevelDebug - 4
	LevelOff   = slog.LevelError + 100
)

// ParseLevel reads the name of a level (spec 07 §7.4).
func ParseLevel(name string) (slog.Level, bool) {
	switch strings.ToLower(name) {
	case "off":
		return LevelOff, true
	case "error":
		return slog.LevelError, true
	case "warn":
		return slog.LevelWarn, true
	case "", "info", "default":
		return slog.LevelInfo, true
	case "debug":
		return slog.LevelDebug, true
	case "trace":
		return LevelTrace, true
	}
	return 0, false
}

// DirectiveError is a directive that cannot be read.
type DirectiveError struct {
	Directive, Msg string
}

func (e *DirectiveError) Error() string {
	return fmt.Sprintf("log directive %q: %s", e.Directive, e.Msg)
}

// filter says what a layer takes. It does not change.
type filter struct {
	level  slog.Level            // of facilities that are not in levels
	levels map[string]slog.Level // by facility
	ignore []string              // facilities, or names of others that mean nothing here
	least  slog.Level            // of all the above
}

func (f *filter) takes(level slog.Level, facility string) bool {
	least, ok := f.levels[facility]
	if !ok {
		least = f.level
	}
	return level >= least && !slices.Contains(f.ignore, facility)
}

// with applies directives (spec 07 §7.4): a level, "facility=level", "#tag=level"
// or "default", in order, with commas between. A level for everything replaces
// the levels of facilities. Tags of the original stand for many facilities; here
// each stands for all.
func (f *filter) with(directives string) (*filter, error) {
	next := &filter{level: f.level, levels: maps.Clone(f.levels), ignore: f.ignore}
	for d := range strings.SplitSeq(directives, ",") {
		d = strings.TrimSpace(d)
		name, levelName, one := strings.Cut(d, "=")
		if !one {
			name, levelName = "", d
		}
		if d == "" {
			continue
		}
		level, ok := ParseLevel(strings.TrimSpace(levelName))
		if !ok {
			return nil, &DirectiveError{d, "want off, error, warn, info, debug, trace or default as the level"}
		}
		name = strings.TrimSpace(name)
		if name == "" || name[0] == '#' {
			next.level, next.levels = level, nil
			continue
		}
		facility, ok := canonical(name)
		if !ok {
			return nil, &DirectiveError{d, "no such facility; there are " + strings.Join(Facilities(), ", ")}
		}
		if next.levels == nil {
			next.levels = map[string]slog.Level{}
		}
		next.levels[facility] = level
	}
	next.settle()
	return next, nil
}

// without applies changes to what is ignored: "name" or "+name" adds one, "-name"
// takes one away, "none" all. Names that mean nothing here are kept and do
// nothing, since the original has others.
func (f *filter) without(changes string) *filter {
	next := &filter{level: f.level, levels: f.levels, ignore: slices.Clone(f.ignore)}
	for c := range strings.SplitSeq(changes, ",") {
		c = strings.TrimSpace(c)
		name, remove := strings.CutPrefix(c, "-")
		name, _ = canonical(strings.TrimPrefix(name, "+"))
		switch {
		case name == "":
		case name == "none":
			next.ignore = nil
		case remove:
			next.ignore = slices.DeleteFunc(next.ignore, func(have string) bool { return have == name })
		case !slices.Contains(next.ignore, name):
			next.ignore = append(next.ignore, name)
		}
	}
	next.settle()
	return next
}

func (f *filter) settle() {
	f.least = f.level
	for _, l := range f.levels {
		f.least = min(f.least, l)
	}
}

// Check reads directives and tells what is wrong with them: nil or a
// *DirectiveError.
func Check(directives string) error {
	_, err := (&filter{}).with(directives)
	return err
}
