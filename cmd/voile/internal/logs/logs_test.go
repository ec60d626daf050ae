package logs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFacilityOf(t *testing.T) {
	for function, want := range map[string]string{
		"github.com/voile-net/voile/core/rpc.(*RPC).Ask":                  "rpc",
		"github.com/voile-net/voile/core.(*Node).Close":                   "veilid_api",
		"github.com/voile-net/voile/core.Start.func1":                     "veilid_api",
		"github.com/voile-net/voile/core/network/bootstrap.(*Cache).look": "net",
		"github.com/voile-net/voile/core/transport/memory.New":            "net",
		"github.com/voile-net/voile/core/routing.(*Table).Len":            "rtab",
		"github.com/voile-net/voile/bind.serveConn":                       "client_api",
		"github.com/voile-net/voile/cmd/voile/internal/api.(*Gate).Serve": "server",
		"github.com/voile-net/voile/platform/keyring.Open":                "pstore",
		"github.com/voile-net/voile/platform/host.OpenProtectedStore":     "platform",
		"main.serve":               "server",
		"net/http.(*Server).Serve": "",
		"":                         "",
	} {
		if got := facilityOf(function); got != want {
			t.Errorf("%s: %q, want %q", function, got, want)
		}
	}
	if Facilities() == nil || !slices.IsSorted(Facilities()) {
		t.Errorf("facilities %v", Facilities())
	}
}

func TestFilter(t *testing.T) {
	type line struct {
		level    slog.Level
		facility string
	}
	for _, tt := range []struct {
		name, directives, ignore string
		takes, leaves            []line
	}{
		{"nothing said", "", "", []line{{slog.LevelInfo, "net"}, {slog.LevelError, ""}}, []line{{slog.LevelDebug, "net"}}},
		{"a level", "warn", "", []line{{slog.LevelWarn, "net"}}, []line{{slog.LevelInfo, "net"}}},
		{"off", "off", "", nil, []line{{slog.LevelError, "net"}}},
		{"one facility", "warn,net=debug", "", []line{{slog.LevelDebug, "net"}, {slog.LevelWarn, "rpc"}}, []line{{slog.LevelInfo, "rpc"}, {LevelTrace, "net"}}},
		{"another name", " info , stor = trace ", "", []line{{LevelTrace, "dht"}}, []line{{slog.LevelDebug, "net"}}},
		{"a level forgets facilities", "net=trace,error", "", nil, []line{{slog.LevelWarn, "net"}}},
		{"a tag", "#common=debug", "", []line{{slog.LevelDebug, "rpc"}}, nil},
		{"default", "trace,default", "", []line{{slog.LevelInfo, "rpc"}}, []line{{slog.LevelDebug, "rpc"}}},
		{"ignored", "debug", "net,routing", []line{{slog.LevelDebug, "rpc"}}, []line{{slog.LevelError, "net"}, {slog.LevelError, "rtab"}}},
		{"ignored and not any more", "debug", "net,rpc,-net", []line{{slog.LevelDebug, "net"}}, []line{{slog.LevelError, "rpc"}}},
		{"none ignored", "debug", "net,none", []line{{slog.LevelDebug, "net"}}, nil},
		{"strange names", "debug", "hyper,+h2,-mio,", []line{{slog.LevelDebug, "net"}}, nil},
	} {
		f, err := (&filter{}).with(tt.directives)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		f = f.without(tt.ignore)
		for _, l := range tt.takes {
			if !f.takes(l.level, l.facility) || l.level < f.least {
				t.Errorf("%s: %v of %q is left out", tt.name, l.level, l.facility)
			}
		}
		for _, l := range tt.leaves {
			if f.takes(l.level, l.facility) {
				t.Errorf("%s: %v of %q is taken", tt.name, l.level, l.facility)
			}
		}
	}
	for _, bad := range []string{"loud", "net=loud", "nonsense=info", "info,=loud"} {
		var e *DirectiveError
		if _, err := (&filter{}).with(bad); !errors.As(err, &e) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func everywhere(level string) (cfg Config) {
	for i := range cfg.Layers {
		cfg.Layers[i] = LayerConfig{Enabled: Layer(i) != System, Level: level}
	}
	return cfg
}

// Each layer gets what it takes, with the attributes, and changes while it runs.
func TestLayers(t *testing.T) {
	var terminal, clients bytes.Buffer
	cfg := everywhere("info")
	cfg.Writer = &terminal
	cfg.FilePath, cfg.FileAppend = filepath.Join(t.TempDir(), "log"), true
	cfg.JSON = true
	cfg.API = slog.NewTextHandler(&clients, &slog.HandlerOptions{Level: LevelTrace})
	if err := os.WriteFile(cfg.FilePath, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	log := l.Logger().With("peer", "x").WithGroup("g")
	log.Info("early")
	log.Info("first", "count", 1)
	log.Debug("quiet")
	for _, step := range []struct{ layer, directives string }{{"all", "error"}, {"api", "trace"}, {"file", "warn"}} {
		if err := l.ChangeLevel(step.layer, step.directives); err != nil {
			t.Fatal(err)
		}
	}
	log.Log(context.Background(), LevelTrace, "detail")
	log.Warn("second")
	if err := l.ChangeIgnore("", "server"); err != nil {
		t.Fatal(err)
	}
	log.Error("third") // this package is below cmd
	if err := l.ChangeIgnore("terminal", "-server"); err != nil {
		t.Fatal(err)
	}
	log.Error("fourth")

	file, err := os.ReadFile(cfg.FilePath)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		where, text string
		has, hasNot []string
	}{
		{"terminal", terminal.String(), []string{"early", `"first"`, `"peer":"x"`, `"g":{"count":1,"facility":"server"}`, "fourth"}, []string{"quiet", "detail", "second", "third"}},
		{"file", string(file), []string{"before\n", "early", "first", "second"}, []string{"quiet", "detail", "third", "fourth"}},
		{"api", clients.String(), []string{"early", "first", "peer=x", "g.count=1", "detail", "second"}, []string{"quiet", "third", "fourth"}},
	} {
		for _, s := range tt.has {
			if !strings.Contains(tt.text, s) {
				t.Errorf("%s: no %s in\n%s", tt.where, s, tt.text)
			}
		}
		for _, s := range tt.hasNot {
			if strings.Contains(tt.text, s) {
				t.Errorf("%s: %s in\n%s", tt.where, s, tt.text)
			}
		}
	}
}

func TestChangesThatFailChangeNothing(t *testing.T) {
	var out bytes.Buffer
	cfg := everywhere("info")
	cfg.Writer = &out
	cfg.Layers[File].Enabled = false
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.ChangeLevel("nowhere", "debug"); !errors.Is(err, ErrLayer) {
		t.Errorf("layer nowhere: %v", err)
	}
	if err := l.ChangeIgnore("nowhere", "net"); !errors.Is(err, ErrLayer) {
		t.Errorf("layer nowhere: %v", err)
	}
	var bad *DirectiveError
	if err := l.ChangeLevel("all", "debug,loud"); !errors.As(err, &bad) {
		t.Errorf("bad directive: %v", err)
	}
	if l.Logger().Enabled(t.Context(), slog.LevelDebug) {
		t.Error("half of a list has been applied")
	}
	cfg.Layers[API].Level = "loud"
	if _, err := Open(cfg); !errors.As(err, &bad) {
		t.Errorf("bad level at the start: %v", err)
	}
}

func TestFileReopens(t *testing.T) {
	cfg := everywhere("info")
	cfg.Layers[Terminal].Enabled, cfg.Layers[API].Enabled = false, false
	cfg.FilePath = filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(cfg.FilePath, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	log := l.Logger()
	log.Info("one")
	moved := cfg.FilePath + ".1"
	if err := os.Rename(cfg.FilePath, moved); err != nil {
		t.Skip("files in use cannot be moved here")
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	log.Info("two")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	first, _ := os.ReadFile(moved)
	second, _ := os.ReadFile(cfg.FilePath)
	if !strings.Contains(string(first), "one") || strings.Contains(string(first), "old") || strings.Contains(string(first), "two") {
		t.Errorf("moved file: %s", first)
	}
	if !strings.Contains(string(second), "two") || strings.Contains(string(second), "one") {
		t.Errorf("new file: %s", second)
	}
	cfg.FilePath = filepath.Join(t.TempDir(), "none", "log")
	if _, err := Open(cfg); err == nil {
		t.Error("a file in a directory that is not there was opened")
	}
	cfg.FilePath = ""
	if _, err := Open(cfg); err == nil {
		t.Error("a file without a path was opened")
	}
}

func BenchmarkDisabled(b *testing.B) {
	cfg := everywhere("info")
	cfg.Layers[File].Enabled = false
	cfg.Writer = &bytes.Buffer{}
	l, err := Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	log := l.Logger()
	b.ReportAllocs()
	for b.Loop() {
		log.Debug("x", "after", time.Second)
	}
}
