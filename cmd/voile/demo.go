package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/voile-net/voile/cmd/voile/internal/demo"
)

// newDemoCommand is `voile demo`.
func newDemoCommand() *cobra.Command {
	var o demo.Options
	var plain bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show a private network at work, on this machine alone",
		Long: `Starts a network of whole nodes in this process, on 127.0.0.1, and shows how it
forms, how private routes are built, and how two of the nodes, Alice and Bob, talk
over them. Nothing is sent to another machine and nothing is kept.

It runs until Ctrl-C. With --once it ends after a call and a message in each
direction; the exit code says whether all of them arrived.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out = c.OutOrStdout()
			if f, ok := terminalOf(o.Out); ok && !plain {
				o.Size = sizeOf(f)
				o.Colour = os.Getenv("NO_COLOR") == ""
			}
			err := demo.Run(c.Context(), o)
			if errors.Is(err, demo.ErrNodes) {
				return &misuse{err}
			}
			return err
		},
	}
	c.Flags().IntVar(&o.Nodes, "nodes", demo.DefaultNodes, "number of nodes, 5 to 16")
	c.Flags().BoolVar(&o.Once, "once", false, "end after a call and a message in each direction")
	c.Flags().BoolVar(&plain, "plain", false, "one line per event, as when the output is no terminal")
	return c
}

// terminalOf is the terminal that a stream is, if it is one that can move its cursor.
func terminalOf(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" && movesCursor(f)
}

// sizeOf asks a terminal for its size; one that does not say is taken for 80x24.
func sizeOf(f *os.File) func() (int, int) {
	return func() (int, int) {
		w, h, err := term.GetSize(int(f.Fd()))
		if err != nil || w <= 0 || h <= 0 {
			return 80, 24
		}
		return w, h
	}
}
