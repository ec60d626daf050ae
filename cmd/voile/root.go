package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/voile-net/voile/core/config"
)

// streams are what a command reads and writes: results on out, all else on err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitMisuse = 2 // wrong arguments or configuration
)

// misuse is an error of whoever called the program. It ends with code 2.
type misuse struct{ err error }

func (m *misuse) Error() string { return m.err.Error() }
func (m *misuse) Unwrap() error { return m.err }

func misused(format string, args ...any) error { return &misuse{fmt.Errorf(format, args...)} }

// execute runs the program and returns its exit code.
func execute(ctx context.Context, io streams, args []string) int {
	started := false // false: cobra did not like the arguments
	root := newRootCommand(io)
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	var bad *misuse
	var badKey *config.KeyError
	fmt.Fprintf(io.err, "%s\n", err)
	switch {
	case errors.As(err, &badKey), started && errors.As(err, &bad):
		return exitMisuse
	case !started:
		fmt.Fprintf(io.err, "See: %s --help\n", cmd.CommandPath())
		return exitMisuse
	}
	return exitFailed
}

func newRootCommand(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "voile",
		Short: "A private peer-to-peer node that speaks the Veilid 0.5.8 protocol",
		Long: `Voile is a private peer-to-peer node. It speaks the Veilid 0.5.8 protocol, so
that it joins networks of Veilid nodes and makes networks of its own.`,
		Example: `  voile serve                        join the public network, API on localhost:5959
  voile serve --help                 everything about running a node
  voile keys new --out node.key      make an identity
  voile help COMMAND                 what a command does, with examples`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	group(root)
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.AddCommand(
		newServeCommand(io), newGatewayCommand(io), newHealthCommand(io), newConsoleCommand(io), newDemoCommand(), newWebCommand(io), newChatCommand(io), newKeysCommand(io), newBootstrapRecordCommand(io), newVersionCommand(io),
	)
	return root
}

// group makes a command that only has others below it tell of them.
func group(cmd *cobra.Command) {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

func newVersionCommand(io streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of Voile and of the protocol",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Voile    string `json:"voile"`
				Protocol string `json:"protocol"`
				Go       string `json:"go"`
			}{"(devel)", "Veilid 0.5.8", ""}
			if info, ok := debug.ReadBuildInfo(); ok {
				v.Go = info.GoVersion
				if info.Main.Version != "" {
					v.Voile = info.Main.Version
				}
			}
			if asJSON {
				return printJSON(io.out, v)
			}
			_, err := fmt.Fprintf(io.out, "voile %s, protocol of %s, built with %s\n", v.Voile, v.Protocol, v.Go)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
