package console

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/voile-net/voile/client"
)

// maxCommand bounds a line of a script.
const maxCommand = 1 << 20

// Script runs commands line by line and prints what comes back.
type Script struct {
	Client    *client.Client
	Out, Err  io.Writer
	JSON      bool          // one JSON object for each command, on Out
	KeepGoing bool          // after a command that failed
	Terminal  bool          // Out is one: what could harm it is left out
	Timeout   time.Duration // of each command; 0: none
}

// CommandError is a command that failed.
type CommandError struct {
	Command string
	Err     error
}

func (e *CommandError) Error() string { return e.Command + ": " + safe(reason(e.Err)) }

// Unwrap returns why it failed.
func (e *CommandError) Unwrap() error { return e.Err }

// FailedError: some commands failed, which were told, and the others were run.
type FailedError struct{ Count int }

func (e *FailedError) Error() string {
	if e.Count == 1 {
		return "one command failed"
	}
	return fmt.Sprintf("%d commands failed", e.Count)
}

// result is what a command came to, in JSON.
type result struct {
	Command string        `json:"command"`
	OK      bool          `json:"ok"`
	Output  *string       `json:"output,omitempty"`
	Error   *client.Error `json:"error,omitempty"`  // of the node
	Reason  string        `json:"reason,omitempty"` // of another error
}

// Run runs the commands of a list.
func (s *Script) Run(ctx context.Context, commands []string) error {
	return s.run(ctx, func(yield func(string) bool) {
		for _, c := range commands {
			if !yield(c) {
				return
			}
		}
	}, func() error { return nil })
}

// RunLines runs the commands of a stream, one in each line. Empty lines and those
// that begin with # are skipped. prompt is called before each line; nil: nothing is.
func (s *Script) RunLines(ctx context.Context, in io.Reader, prompt func()) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxCommand)
	return s.run(ctx, func(yield func(string) bool) {
		for {
			if prompt != nil {
				prompt()
			}
			if !lines.Scan() {
				return
			}
			line := strings.TrimSpace(lines.Text())
			if line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}, lines.Err)
}

func (s *Script) run(ctx context.Context, commands func(yield func(string) bool), end func() error) error {
	failed := 0
	for line := range commands {
		own, _, isOwn := splitCommand(line)
		if isOwn && (own.Name == "exit" || own.Name == "quit") {
			break
		}
		err := s.one(ctx, line)
		var of *CommandError
		if err == nil {
			continue
		}
		if !errors.As(err, &of) || !s.KeepGoing || ctx.Err() != nil {
			return err
		}
		failed++
		if !s.JSON {
			fmt.Fprintln(s.Err, err)
		}
	}
	if err := end(); err != nil {
		return fmt.Errorf("commands: %w", err)
	}
	if failed > 0 {
		return &FailedError{failed}
	}
	return nil
}

// one runs a command and prints what comes of it. A failed command is a
// CommandError, which is only printed in JSON.
func (s *Script) one(ctx context.Context, line string) error {
	if s.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Timeout)
		defer cancel()
	}
	text, err := execute(ctx, s.Client, line)
	if printErr := s.print(line, text, err); printErr != nil {
		return printErr
	}
	if err != nil {
		return &CommandError{line, err}
	}
	return nil
}

func (s *Script) print(line, text string, err error) error {
	switch {
	case s.JSON:
		r := result{Command: line, OK: err == nil}
		if err == nil {
			r.Output = &text
		} else if !errors.As(err, &r.Error) {
			r.Reason = reason(err)
		}
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	case err != nil:
		return nil
	}
	if s.Terminal {
		text = safe(text)
	}
	if text = strings.TrimRight(text, "\n"); text == "" {
		return nil
	}
	_, err = fmt.Fprintln(s.Out, text)
	return err
}

// reason is the text of an error for people.
func reason(err error) string {
	var e *client.Error
	var c *client.ConnectionError
	switch {
	case errors.As(err, &e):
		return e.Error()
	case errors.As(err, &c) && !c.Sent:
		return c.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	return err.Error()
}

// Follow prints what happens, line by line, until ctx ends: the log of the node,
// messages, changes, and the connection. In JSON it prints updates as objects with
// their kind.
func Follow(ctx context.Context, sub *client.Subscription, out io.Writer, asJSON bool, now func() time.Time) error {
	for u := range sub.All(ctx) {
		line, err := followLine(u, asJSON, now)
		if err != nil {
			return err
		}
		if line == "" {
			continue
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

func followLine(u client.Update, asJSON bool, now func() time.Time) (string, error) {
	at := now()
	if asJSON {
		var value any = u
		switch u := u.(type) {
		case *client.NetworkState: // every second, which nobody wants to read
			return "", nil
		case *client.Connected:
			value = struct {
				Address string `json:"address"`
			}{u.Address.String()}
		case *client.Disconnected:
			value = struct {
				Reason string `json:"reason"`
			}{u.Err.Error()}
		}
		b, err := json.Marshal(struct {
			At     time.Time `json:"at"`
			Kind   string    `json:"kind"`
			Update any       `json:"update"`
		}{at, string(u.UpdateKind()), value})
		return string(b), err
	}
	text, _ := describe(u)
	switch u := u.(type) {
	case *client.Log:
		text = strings.ToUpper(string(u.LogLevel)) + " " + safe(u.Message)
	case *client.Connected:
		text = "connected to " + u.Address.String()
	case *client.Disconnected:
		text = "not connected: " + safe(u.Err.Error())
	case *client.AttachmentState:
		text = attachmentText(u)
	}
	if text == "" {
		return "", nil
	}
	return at.Format(time.TimeOnly) + " " + text, nil
}

func attachmentText(a *client.AttachmentState) string {
	switch {
	case !a.State.Attached():
		return string(a.State)
	case a.PublicInternetReady:
		return string(a.State) + ", ready"
	}
	return string(a.State) + ", not ready"
}

// notices prints what happens beside a session of lines on a terminal. stop ends it
// and waits.
func notices(ctx context.Context, c *client.Client, out io.Writer, now func() time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	sub := c.Subscribe(client.SubscribeOptions{})
	var done sync.WaitGroup
	done.Go(func() {
		// Output that fails shows where commands are printed.
		_ = Follow(ctx, sub, out, false, now)
	})
	return func() { cancel(); done.Wait(); sub.Close() }
}
