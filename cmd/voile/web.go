package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/voile-net/voile/cmd/voile/internal/webdemo"
)

// newWebCommand is `voile web`.
func newWebCommand(s streams) *cobra.Command {
	var o webdemo.Options
	var open bool
	var level string
	cmd := &cobra.Command{
		Use:   "web",
		Short: "Show a node inside a web page, with a private network on this machine",
		Long: `Starts a private network of six nodes in this process, on 127.0.0.1, and serves a
page whose tabs become nodes of it: they talk over private routes and edit a record
together. Nothing is sent to another machine; the network ends with the command.

The page and the module it runs are files of the project's folder web, which
"make web" builds. The address of the page is printed on stdout.`,
		Example: `  make web
  voile web --open
  voile web --listen 127.0.0.1:9000 --dir ~/voile/web`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLogger(s.err, level)
			if err != nil {
				return err
			}
			o.Logger = log
			var opening sync.WaitGroup
			defer opening.Wait()
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			o.Ready = func(url string, nodes []string) {
				fmt.Fprintln(s.out, url)
				fmt.Fprintf(s.err, "Open it in a browser, in two tabs. %d nodes run here: %s.\nCtrl-C ends the network.\n", len(nodes), strings.Join(nodes, ", "))
				if open {
					opening.Go(func() { openBrowser(ctx, s.err, url) })
				}
			}
			err = webdemo.Run(ctx, o)
			if errors.Is(err, webdemo.ErrListen) || errors.Is(err, webdemo.ErrMissing) {
				return &misuse{err}
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.Listen, "listen", "", "`address` of the page, on this machine (default 127.0.0.1:8080 or the next free port)")
	flags.StringVar(&o.Dir, "dir", "", "the project's `folder` web (default: web here, or beside the program's)")
	flags.BoolVar(&open, "open", false, "open the page in the browser")
	flags.StringVar(&level, "log-level", "off", "off, error, warn, info, debug or trace: what the six nodes log")
	return cmd
}

// openBrowser asks the desktop to show the page; some wait until it is closed. The
// command goes on without one.
func openBrowser(ctx context.Context, told io.Writer, url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	if err := exec.CommandContext(ctx, name, args...).Run(); err != nil && ctx.Err() == nil {
		fmt.Fprintf(told, "No browser opened: %v\n", err)
	}
}
