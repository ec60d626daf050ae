package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

// server is a detached node with its API. control is what Control requests came.
func server(t *testing.T) (address client.Address, control func() []string) {
	t.Helper()
	cfg := config.Default()
	cfg.ProgramName = "console-test"
	key := config.Secret("a test of the console")
	cfg.Network.PrivateNetwork, cfg.Network.NetworkKeyPassword, cfg.Network.UPnP = true, &key, false
	cfg.Network.RoutingTable.Bootstrap, cfg.Network.RoutingTable.BootstrapKeys = []string{}, []string{}
	p := &cfg.Network.Protocol
	p.UDP.ListenAddress, p.TCP.ListenAddress, p.WS.ListenAddress = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	node, err := core.Start(t.Context(), cfg, core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	var mu sync.Mutex
	var asked []string
	answer := func(_ context.Context, args []string) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, strings.Join(args, " "))
		return "", nil
	}
	path := filepath.Join(t.TempDir(), "api")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := bind.NewServer(bind.New(node, bind.Options{Control: answer}), bind.ServerOptions{})
	var done sync.WaitGroup
	done.Go(func() { s.Serve(l) })
	t.Cleanup(func() { s.Close(); done.Wait() })
	return client.Address{Network: "unix", Where: path}, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string{}, asked...)
	}
}

// run runs the console without a terminal.
func run(t *testing.T, o Options) (out, errs string, err error) {
	t.Helper()
	var b, e bytes.Buffer
	o.Out, o.Err = &b, &e
	if o.In == nil {
		o.In = strings.NewReader("")
	}
	err = Run(t.Context(), o)
	return b.String(), e.String(), err
}

func TestScripts(t *testing.T) {
	at, control := server(t)
	addresses := []client.Address{at}
	for _, tt := range []struct {
		name           string
		o              Options
		out, errs      string // parts
		fails          string // part of the error; "": it succeeds
		lacks, request string
	}{
		{name: "one command", o: Options{Commands: []string{"nodeid"}}, out: "VLD0:"},
		{name: "several", o: Options{Commands: []string{"uptime", "nodeid"}}, out: "VLD0:"},
		{name: "stops at the first failure", o: Options{Commands: []string{"bogus", "nodeid"}}, fails: "bogus: Generic: Unknown debug command", lacks: "VLD0"},
		{name: "keeps going", o: Options{Commands: []string{"bogus", "nodeid"}, KeepGoing: true}, out: "VLD0:", errs: "bogus: Generic", fails: "one command failed"},
		{name: "help", o: Options{Commands: []string{"help"}}, out: "change_log_level"},
		{name: "help of the node", o: Options{Commands: []string{"help"}}, out: "peerinfo"},
		{name: "help of a command", o: Options{Commands: []string{"help punish"}}, out: "remove"},
		{name: "help of an own command", o: Options{Commands: []string{"help disconnect"}}, out: "stay without"},
		{name: "from stdin", o: Options{In: strings.NewReader("# a comment\n\n  nodeid  \nexit\nbogus\n")}, out: "VLD0:"},
		{name: "last line without an end", o: Options{In: strings.NewReader("nodeid")}, out: "VLD0:"},
		{name: "from a file", o: Options{Script: strings.NewReader("nodeid\n")}, out: "VLD0:"},
		{name: "exit", o: Options{Commands: []string{"exit", "nodeid"}}, lacks: "VLD0"},
		{name: "for the screen only", o: Options{Commands: []string{"clear"}}, fails: "clear is for the screen"},
		{name: "wrong arguments", o: Options{Commands: []string{"change_log_level api"}}, fails: "usage: change_log_level"},
		{name: "log level", o: Options{Commands: []string{"change_log_level api debug"}}, out: "changed", request: "ChangeLogLevel api debug"},
		{name: "log ignore", o: Options{Commands: []string{"change_log_ignore all x,-y"}}, out: "changed", request: "ChangeLogIgnore all x,-y"},
		{name: "shutdown", o: Options{Commands: []string{"shutdown"}}, out: "stops", request: "Shutdown"},
		{name: "an error of the node", o: Options{Commands: []string{"detach"}}, fails: "detach: Generic: Not attached"},
		{name: "quoted", o: Options{Commands: []string{`record create "3`}}, fails: "ParseError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Addresses, tt.o.Timeout = addresses, 30*time.Second
			out, errs, err := run(t, tt.o)
			if (err != nil) != (tt.fails != "") || err != nil && !strings.Contains(err.Error(), tt.fails) {
				t.Errorf("error %v, want %q", err, tt.fails)
			}
			if !strings.Contains(out, tt.out) || !strings.Contains(errs, tt.errs) || tt.lacks != "" && strings.Contains(out, tt.lacks) {
				t.Errorf("printed %q, and %q besides; want %q and %q without %q", out, errs, tt.out, tt.errs, tt.lacks)
			}
			if asked := control(); tt.request != "" && (len(asked) == 0 || asked[len(asked)-1] != tt.request) {
				t.Errorf("control requests %q, want %q", asked, tt.request)
			}
		})
	}
}

func TestScriptInJSON(t *testing.T) {
	at, _ := server(t)
	out, _, err := run(t, Options{Addresses: []client.Address{at}, Commands: []string{"nodeid", "bogus", "clear"}, JSON: true, KeepGoing: true})
	var failed *FailedError
	if !errors.As(err, &failed) || failed.Count != 2 {
		t.Errorf("error %v, want two failures", err)
	}
	d := json.NewDecoder(strings.NewReader(out))
	var got [3]result
	for i := range got {
		if err := d.Decode(&got[i]); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
	}
	if r := got[0]; !r.OK || r.Command != "nodeid" || r.Output == nil || !strings.Contains(*r.Output, "VLD0:") || r.Error != nil {
		t.Errorf("first %+v", r)
	}
	if r := got[1]; r.OK || r.Error == nil || r.Error.Kind != jsonapi.Generic || r.Output != nil {
		t.Errorf("second %+v", r)
	}
	if r := got[2]; r.OK || r.Error != nil || r.Reason == "" {
		t.Errorf("third %+v", r)
	}
	if d.More() {
		t.Error("there is more")
	}
}

func TestNoServer(t *testing.T) {
	nowhere := client.Address{Network: "unix", Where: filepath.Join(t.TempDir(), "nothing")}
	_, _, err := run(t, Options{Addresses: []client.Address{nowhere}, Commands: []string{"nodeid"}, Timeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "voile serve") || !strings.Contains(err.Error(), nowhere.Where) {
		t.Errorf("error %v does not say what to do", err)
	}
}

// A session in lines goes on after mistakes, and tells what happens.
func TestSession(t *testing.T) {
	at, _ := server(t)
	out, errs, err := run(t, Options{Addresses: []client.Address{at}, In: strings.NewReader("bogus\nnodeid\n"), InTerminal: true, Plain: true})
	if err != nil || !strings.Contains(out, "VLD0:") || !strings.Contains(errs, "Unknown debug command") || strings.Count(errs, "> ") != 3 {
		t.Errorf("%q, %q, %v", out, errs, err)
	}
}

func TestFollow(t *testing.T) {
	at, _ := server(t)
	for _, asJSON := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &until{text: "onnected", do: cancel}
		if err := Run(ctx, Options{Addresses: []client.Address{at}, Follow: true, JSON: asJSON, Out: out}); err != nil {
			t.Error(err)
		}
		if asJSON && !json.Valid(out.b.Bytes()) {
			t.Errorf("no JSON: %s", out.b.Bytes())
		}
		cancel()
	}
}

// until does something when a text was written.
type until struct {
	b    bytes.Buffer
	text string
	do   func()
}

func (u *until) Write(p []byte) (int, error) {
	u.b.Write(p)
	if strings.Contains(u.b.String(), u.text) {
		u.do()
	}
	return len(p), nil
}

// program runs a screen as bubbletea does: commands side by side, messages one by
// one.
type program struct {
	s    *Screen
	msgs chan tea.Msg
	wg   sync.WaitGroup
	ctx  context.Context
}

func (p *program) do(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	p.wg.Go(func() {
		msg := cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for _, c := range batch {
				p.do(c)
			}
			return
		}
		if msg == nil {
			return
		}
		select {
		case p.msgs <- msg:
		case <-p.ctx.Done():
		}
	})
}

// until takes messages until a text is on the screen.
func (p *program) until(t *testing.T, text string) {
	t.Helper()
	end := time.After(20 * time.Second)
	for !strings.Contains(frame(t, p.s), text) {
		select {
		case m := <-p.msgs:
			if _, tick := m.(tickMsg); tick { // the clock is no help here
				continue
			}
			_, cmd := p.s.Update(m)
			p.do(cmd)
		case <-end:
			t.Fatalf("%q does not come:\n%s", text, frame(t, p.s))
		}
	}
}

// The screen with a real server: it connects, commands are answered, and it comes
// back after it was told to leave.
func TestScreenWithServer(t *testing.T) {
	at, control := server(t)
	ctx, cancel := context.WithCancel(t.Context())
	dial := func(a []client.Address) *client.Client { return client.New(client.Options{}, a...) }
	s := newScreen(ctx, dial, []client.Address{at}, &history{}, unicodeSymbols(), newLook())
	p := &program{s: s, msgs: make(chan tea.Msg), ctx: ctx}
	t.Cleanup(func() { cancel(); s.Close(); p.wg.Wait() })
	s.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	p.do(s.listen())
	p.until(t, "Detached")
	contains(t, s, at.Where, "0.5.8", "attach lets it join the network")
	p.do(press(s, "nodeid", "enter"))
	p.until(t, "VLD0:")
	p.do(press(s, "bogus", "enter"))
	p.until(t, "! Generic: Unknown debug command")
	p.do(press(s, "change_log_level api trace", "enter"))
	p.until(t, "Log level changed")
	if got := control(); len(got) != 1 || got[0] != "ChangeLogLevel api trace" {
		t.Errorf("control requests %q", got)
	}
	p.do(press(s, "disconnect", "enter"))
	p.until(t, "disconnected")
	p.do(press(s, "ctrl+l"))
	p.do(press(s, "connect "+at.Where, "enter"))
	p.until(t, "* connected to")
	p.do(press(s, "uptime", "enter"))
	p.until(t, "since launch")
	if got := s.language.unknown(); len(got) != 0 {
		t.Errorf("commands of our own server that we do not know: %v", got)
	}
}
