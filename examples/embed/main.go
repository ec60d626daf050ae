// Command embed is a small program with a whole node inside: it answers everybody
// who calls it, over a private route, without anyone learning where it runs.
//
//	go run ./examples/embed                 prints a route and answers calls to it
//	go run ./examples/embed ROUTE hello     calls it, from anywhere
//
// Both join the public network; -config names a JSON file with another
// configuration. Errors end it with code 1.
package main

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

func main() {
	file := flag.String("config", "", "JSON file with a configuration over the defaults")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *file, flag.Args(), os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

// run does what the command line says.
func run(ctx context.Context, file string, args []string, out io.Writer) error {
	cfg := config.Default()
	cfg.ProgramName = "embed" // nothing is kept, since no directory is named
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if cfg, _, err = config.ParseOver(text, cfg); err != nil {
			return err
		}
	}
	switch len(args) {
	case 0:
		return serve(ctx, cfg, out)
	case 2:
		return call(ctx, cfg, args[0], args[1], out)
	}
	return fmt.Errorf("%d arguments; want none, or ROUTE and TEXT", len(args))
}

// start is all that it takes to have a node: the caller closes it.
func start(ctx context.Context, cfg config.Config) (*core.Node, error) {
	node, err := core.Start(ctx, cfg, core.Options{})
	if err != nil {
		return nil, err
	}
	if err = node.Attach(); err == nil {
		err = node.WaitReady(ctx)
	}
	if err != nil {
		node.Close()
		return nil, err
	}
	return node, nil
}

// serve prints a private route to this node and answers calls until ctx ends. Routes
// die with the nodes on them: then it prints another one.
func serve(ctx context.Context, cfg config.Config, out io.Writer) error {
	node, err := start(ctx, cfg)
	if err != nil {
		return err
	}
	defer node.Close()
	updates := node.Subscribe(0) // before the route is known, so that no call is missed
	var route core.PrivateRoute
	for {
		if route.Blob == nil {
			if route, err = node.NewPrivateRoute(ctx); err != nil {
				return err
			}
			fmt.Fprintln(out, base64.RawURLEncoding.EncodeToString(route.Blob))
		}
		update, err := updates.Next(ctx)
		if err != nil {
			return err
		}
		switch update := update.(type) {
		case core.AppCall:
			answer := fmt.Appendf(nil, "you said %q", update.Message)
			if err := node.Reply(ctx, update.CallID, answer); err != nil {
				fmt.Fprintln(os.Stderr, "not answered:", err)
			}
		case core.RouteChange:
			if slices.Contains(update.DeadRoutes, route.ID) {
				route = core.PrivateRoute{}
			}
		}
	}
}

// call sends a text over a private route and prints the answer.
func call(ctx context.Context, cfg config.Config, route, text string, out io.Writer) error {
	blob, err := base64.RawURLEncoding.DecodeString(route)
	if err != nil {
		return fmt.Errorf("route: %w", err)
	}
	node, err := start(ctx, cfg)
	if err != nil {
		return err
	}
	defer node.Close()
	to, err := node.ImportPrivateRoute(blob)
	if err != nil {
		return err
	}
	answer, err := node.Call(ctx, to, []byte(text))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n", answer)
	return nil
}
