package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/voile-net/voile/cmd/voile/internal/logs"
)

// The page for operators names every key, flag and facility.
func TestServerPageIsWhole(t *testing.T) {
	page, err := os.ReadFile("../../docs/server.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	s := serverDefaults()
	for _, k := range s.keys() {
		group, last := k.path[:strings.LastIndexByte("."+k.path, '.')], k.path[strings.LastIndexByte(k.path, '.')+1:]
		first, _, _ := strings.Cut(k.path, ".")
		whole := strings.Contains(text, "`"+k.path+"`")
		short := strings.Contains(text, "`."+last+"`") && strings.Contains(text, "`"+first+".")
		layer := strings.HasPrefix(k.path, "logging.") && strings.Contains(text, "`"+strings.TrimSuffix(group, ".")+".") || strings.Contains(text, strings.TrimSuffix(group, ".")+".*`")
		if !whole && !short && !layer {
			t.Errorf("key %s is not on the page", k.path)
		}
	}
	flags := newServeCommand(streams{}).Flags()
	flags.VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(text, "`--"+f.Name) && !strings.Contains(text, "--"+f.Name+" ") && !strings.Contains(text, "--"+f.Name+"`") {
			t.Errorf("flag --%s is not on the page", f.Name)
		}
	})
	for _, name := range append(logs.Facilities(), "config-file", "set-config", "no-attach", "port") {
		if !strings.Contains(text, name+"`") {
			t.Errorf("%s is not on the page", name)
		}
	}
}
