//go:build linux && !android

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/interop/api"
	"github.com/voile-net/voile/interop/netns"
)

// Kind is which program a node runs.
type Kind string

// The kinds of node.
const (
	Real    Kind = "real 0.5.8"
	Real052 Kind = "real 0.5.2"
	Voile   Kind = "voile"
)

const (
	apiAddress = "127.0.0.1:5959" // reached from inside the node's namespace
	startTime  = 30 * time.Second // for the API to answer; opening new stores takes most of it
	stopGrace  = 10 * time.Second // between the request to end and the kill
	logTail    = 4 << 10          // bytes of log that an error shows
)

// Node is one node of a laboratory, of any kind.
type Node interface {
	// Name is what the host is called, such as n3.lab.
	Name() string
	Kind() Kind
	Identity() Identity
	// ID is the node id as others see it.
	ID() string
	Host() *netns.Host
	// Dir holds the configuration, the stores and node.log.
	Dir() string
	// Settings are what Add or the last Configure said.
	Settings() Settings
	// Configure changes the settings, from the next Start on.
	Configure(Settings)
	// Start runs the program and connects to its API. A node that was stopped
	// may be started again and finds its stores.
	Start(ctx context.Context) error
	// Stop asks the program to end. That it had to be killed, or ended with a
	// status, is an error; that it did not run is none.
	Stop() error
	// Kill ends the program at once, as a crash would.
	Kill()
	// Client is the connection of the last Start, nil before the first.
	Client() *api.Client
	// Pid is the process id of the last Start, 0 before the first.
	Pid() int
	// Log is what the program has written so far, over all its starts.
	Log() (string, error)
}

// program is what differs between the kinds.
type program struct {
	kind Kind
	path string
	base []byte                                  // whole configuration to start from
	args func(config, address string) []string   // of the program
	env  func(verbose bool) (variables []string) // beside this process's own
}

// node is a Node that runs a program.
type node struct {
	program program
	host    *netns.Host
	id      Identity
	dir     string

	mu       sync.Mutex
	settings Settings
	proc     *netns.Process
	client   *api.Client
}

func (n *node) Name() string       { return n.host.Name() }
func (n *node) Kind() Kind         { return n.program.kind }
func (n *node) Identity() Identity { return n.id }
func (n *node) ID() string         { return n.id.Public() }
func (n *node) Host() *netns.Host  { return n.host }
func (n *node) Dir() string        { return n.dir }

func (n *node) Settings() Settings {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.settings
}

func (n *node) Configure(s Settings) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.settings = s
}

func (n *node) Client() *api.Client {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.client
}

func (n *node) Pid() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return 0
	}
	return n.proc.Pid()
}

func (n *node) logPath() string { return filepath.Join(n.dir, "node.log") }

func (n *node) Log() (string, error) {
	text, err := os.ReadFile(n.logPath())
	return string(text), err
}

func (n *node) Start(ctx context.Context) error {
	if err := n.start(ctx); err != nil {
		return fmt.Errorf("start of %s (%s): %w%s", n.Name(), n.Kind(), err, n.tail())
	}
	return nil
}

func (n *node) start(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc != nil {
		select {
		case <-n.proc.Done():
		default:
			return errors.New("it runs already")
		}
	}
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	text, err := n.settings.config(n.program.base, n.id, n.dir)
	if err != nil {
		return err
	}
	config := filepath.Join(n.dir, "config.json")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(n.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the program has its own copy
	n.proc, err = n.host.Start(netns.Spec{
		Path:   n.program.path,
		Args:   n.program.args(config, apiAddress),
		Env:    append(os.Environ(), n.program.env(n.settings.Verbose)...),
		Dir:    n.dir,
		Stdout: log,
		Stderr: log,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	n.client, err = n.connect(ctx)
	if err != nil {
		n.proc.Kill()
		<-n.proc.Done()
		n.proc = nil
		return err
	}
	return n.client.Attach(ctx)
}

// connect tries until the API answers, the program ends or the time is over.
func (n *node) connect(ctx context.Context) (*api.Client, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := n.host.Dial(ctx, "tcp", apiAddress)
		if err == nil {
			return api.New(conn), nil
		}
		select {
		case <-tick.C:
		case <-n.proc.Done():
			return nil, fmt.Errorf("the program ended: %w", errors.Join(n.proc.Err(), errEnded))
		case <-ctx.Done():
			return nil, fmt.Errorf("no API after %s: %w", startTime, err)
		}
	}
}

var errEnded = errors.New("before its API answered")

func (n *node) Stop() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return nil
	}
	n.client.Close()
	select {
	case <-n.proc.Done():
		return n.ended("ended by itself")
	default:
	}
	if !n.proc.Stop(stopGrace) {
		return fmt.Errorf("%s (%s) had to be killed after %s%s", n.Name(), n.Kind(), stopGrace, n.tail())
	}
	return n.ended("ended with a status")
}

// ended makes an error of a bad exit status.
func (n *node) ended(how string) error {
	if err := n.proc.Err(); err != nil {
		return fmt.Errorf("%s (%s) %s: %w%s", n.Name(), n.Kind(), how, err, n.tail())
	}
	return nil
}

func (n *node) Kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.proc == nil {
		return
	}
	n.proc.Kill()
	<-n.proc.Done()
	n.client.Close()
}

// tail is the end of the log, for error messages.
func (n *node) tail() string {
	f, err := os.Open(n.logPath())
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logTail {
		if _, err := f.Seek(-logTail, io.SeekEnd); err != nil {
			return ""
		}
	}
	text, err := io.ReadAll(f)
	if err != nil || len(text) == 0 {
		return ""
	}
	return "\nits log ends:\n" + strings.TrimSpace(string(text))
}
