package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/voile-net/voile/client"
)

// framesPerSecond bounds how often the screen is drawn: enough to type, and kind to
// slow links.
const framesPerSecond = 20

// Options say what the console does.
type Options struct {
	Addresses []client.Address // of the server; none: the default ones
	Client    client.Options
	Timeout   time.Duration // of the connecting and of each command of a script; 0: none

	Commands  []string  // to run and end; none: see below
	Script    io.Reader // commands to run and end; nil: see below
	Follow    bool      // print what happens, until ctx ends
	Plain     bool      // lines in place of the screen
	JSON      bool
	KeepGoing bool // after a command that failed

	In       io.Reader
	Out, Err io.Writer
	// Whether In and Out are terminals. With both, the console is a screen; with In
	// alone, or Plain, a session of lines; else In is a script.
	InTerminal, OutTerminal bool
	ASCII                   bool   // no other characters for drawing
	History                 string // file; "": none
}

// Run does what the options say. A command of a script that failed is a
// CommandError.
func Run(ctx context.Context, o Options) error {
	switch {
	case o.Follow:
		return follow(ctx, o)
	case len(o.Commands) > 0 || o.Script != nil || !o.InTerminal:
		return script(ctx, o)
	case o.Plain || !o.OutTerminal || o.JSON || os.Getenv("TERM") == "dumb":
		return session(ctx, o)
	}
	return screen(ctx, o)
}

// connected waits for a connection.
func connected(ctx context.Context, o Options) (*client.Client, error) {
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		o.Client.DialTimeout = o.Timeout
	}
	c := client.New(o.Client, o.Addresses...)
	sub := c.Subscribe(client.SubscribeOptions{})
	defer sub.Close()
	u, err := sub.Next(ctx) // how the first attempt went
	if d, ok := u.(*client.Disconnected); ok {
		err = d.Err
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("no server: %w\nstart one with \"voile serve\", or name another with --address", err)
	}
	return c, nil
}

func (o Options) script(c *client.Client) *Script {
	return &Script{Client: c, Out: o.Out, Err: o.Err, JSON: o.JSON, KeepGoing: o.KeepGoing, Terminal: o.OutTerminal, Timeout: o.Timeout}
}

// script runs commands and ends.
func script(ctx context.Context, o Options) error {
	o.Client.NoReconnect = true
	c, err := connected(ctx, o)
	if err != nil {
		return err
	}
	defer c.Close()
	s := o.script(c)
	if len(o.Commands) > 0 {
		if err := s.Run(ctx, o.Commands); err != nil || o.Script == nil {
			return err
		}
	}
	in := o.Script
	if in == nil {
		in = o.In
	}
	return s.RunLines(ctx, in, nil)
}

// session is a conversation in lines: what happens comes on Err.
func session(ctx context.Context, o Options) error {
	c, err := connected(ctx, o)
	if err != nil {
		return err
	}
	defer c.Close()
	var mu sync.Mutex // what happens is told while a command prints
	o.Out, o.Err = &shared{&mu, o.Out}, &shared{&mu, o.Err}
	defer notices(ctx, c, o.Err, time.Now)()
	s := o.script(c)
	s.KeepGoing, s.Timeout = true, 0 // its user sees what fails, and can wait
	err = s.RunLines(ctx, o.In, func() { fmt.Fprint(o.Err, "> ") })
	var failed *FailedError
	if errors.As(err, &failed) { // they were seen
		return nil
	}
	return err
}

// shared is a stream that several goroutines write to.
type shared struct {
	mu *sync.Mutex
	w  io.Writer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

// follow prints what happens.
func follow(ctx context.Context, o Options) error {
	c := client.New(o.Client, o.Addresses...)
	defer c.Close()
	sub := c.Subscribe(client.SubscribeOptions{})
	defer sub.Close()
	return Follow(ctx, sub, o.Out, o.JSON, time.Now)
}

// screen is the console on a terminal.
func screen(ctx context.Context, o Options) error {
	h, err := loadHistory(o.History)
	if err != nil { // it works without
		fmt.Fprintln(o.Err, err)
		h.path = ""
	}
	sym := unicodeSymbols()
	if o.ASCII || !unicodeTerminal() {
		sym = asciiSymbols()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	dial := func(addresses []client.Address) *client.Client { return client.New(o.Client, addresses...) }
	s := newScreen(ctx, dial, o.Addresses, h, sym, newLook())
	defer s.Close()
	program := tea.NewProgram(s, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithFPS(framesPerSecond), tea.WithoutSignalHandler())
	if _, err = program.Run(); ctx.Err() != nil { // it was told to end
		return nil
	}
	return err
}

// unicodeTerminal guesses by the locale whether a terminal shows more than ASCII.
func unicodeTerminal() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(os.Getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}
