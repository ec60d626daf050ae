package console

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core"
)

// UsageError is a command of the console that was not typed as it has to be.
type UsageError struct{ Msg string }

func (e *UsageError) Error() string { return e.Msg }

func usage(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

// splitCommand is the first word of a line, if that is a command of the console,
// with what follows; other lines are the server's.
func splitCommand(line string) (own core.DebugCommand, args []string, ok bool) {
	words := strings.Fields(line)
	if len(words) == 0 {
		return core.DebugCommand{}, nil, false
	}
	own, ok = named(ownCommands(), words[0])
	return own, words[1:], ok
}

// checkArguments says whether a command has as many arguments as it takes, and that
// those of fixed words are among them. Directives and levels are the server's.
func checkArguments(c core.DebugCommand, args []string) error {
	least := 0
	for _, a := range c.Arguments {
		if !a.Optional {
			least++
		}
	}
	if c.Name != "help" && (len(args) < least || len(args) > len(c.Arguments)) {
		return usage("usage: %s", c.Usage())
	}
	for i, a := range c.Arguments {
		if i < len(args) && (a.Name == "what" || a.Name == "level") && !slices.Contains(a.Words, args[i]) {
			return usage("%s: %s must be one of %s", c.Name, a.Name, strings.Join(a.Words, ", "))
		}
	}
	return nil
}

// execute runs a line that the server answers. Lines that are about the screen
// (exit, clear, log and so on) are not for it.
func execute(ctx context.Context, c *client.Client, line string) (string, error) {
	own, args, ok := splitCommand(line)
	if !ok {
		return c.Debug(ctx, strings.TrimSpace(line))
	}
	if err := checkArguments(own, args); err != nil {
		return "", err
	}
	switch own.Name {
	case "help":
		return help(ctx, c, args)
	case "attach":
		return "Attaching", c.Attach(ctx)
	case "detach":
		return "Detaching", c.Detach(ctx)
	case "shutdown":
		err := c.Shutdown(ctx)
		var lost *client.ConnectionError
		if errors.As(err, &lost) && lost.Sent { // it was quicker than its answer
			err = nil
		}
		return "The server stops", err
	case "change_log_level":
		return "Log level changed", c.ChangeLogLevel(ctx, args[0], args[1])
	case "change_log_ignore":
		return "Log filter changed", c.ChangeLogIgnore(ctx, args[0], args[1])
	}
	return "", usage("%s is for the screen of the console", own.Name)
}

// help joins our help and the server's.
func help(ctx context.Context, c *client.Client, args []string) (string, error) {
	if len(args) > 0 {
		if own, ok := named(ownCommands(), args[0]); ok && own.Name != "help" {
			return own.Usage() + "\n" + own.About, nil
		}
		return c.Debug(ctx, "help "+strings.Join(args, " "))
	}
	text, err := c.Debug(ctx, "help")
	if err != nil {
		return ownHelp(), nil // it helps without a server, too
	}
	return ownHelp() + "\nCommands of the node (help COMMAND tells more):\n" + text, nil
}
