//go:build linux && !android

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/voile-net/voile/interop/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// plan is what to measure, the same for every kind.
type plan struct {
	name     string        // of the laboratory
	nodes    int           // of one kind; the last two talk, the rest are hops
	idle     time.Duration // before memory is first looked at
	load     time.Duration // of each kind of load
	offered  float64       // MB/s of messages
	messages int           // bytes of a message
	calls    int           // bytes of a call and of its answer
	loads    []string      // some of allLoads
	zeros    bool          // what is sent compresses to nearly nothing
}

var allLoads = []string{"calls", "records", "messages", "api"}

// timeLimit bounds the measurement of one kind, whatever hangs.
func (p plan) timeLimit() time.Duration { return 4*time.Minute + p.idle + 10*p.load }

func run(ctx context.Context, args []string) error {
	p := plan{calls: 1 << 10, messages: 16 << 10}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	kinds := flags.String("kinds", "real,voile", "what to measure, in this order: real, real052, voile")
	out := flags.String("json", "", "write the figures to this file, too")
	loads := flags.String("loads", strings.Join(allLoads, ","), "which loads to run")
	flags.BoolVar(&p.zeros, "zeros", false, "send zeros, which the protocol compresses, in place of noise")
	keep := flags.Bool("keep", false, "keep the nodes' logs and configurations")
	flags.StringVar(&p.name, "lab", "ihbench", "name of the laboratory; two runs side by side need different ones")
	flags.IntVar(&p.nodes, "nodes", 8, "nodes of each kind, at least 6")
	flags.DurationVar(&p.idle, "idle", 10*time.Second, "rest before the idle memory is read")
	flags.DurationVar(&p.load, "load", 8*time.Second, "length of each load")
	flags.Float64Var(&p.offered, "offer", 60, "offered messages in MB/s")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if p.nodes < 6 || flags.NArg() > 0 || p.load <= 0 || p.offered <= 0 {
		return errors.New("want at least 6 nodes, a load and a rate above zero, and no arguments")
	}
	for _, load := range splitList(*loads) {
		if !slices.Contains(allLoads, load) {
			return fmt.Errorf("unknown load %q: want some of %s", load, strings.Join(allLoads, ", "))
		}
		p.loads = append(p.loads, load)
	}
	list, err := parseKinds(*kinds)
	if err != nil {
		return err
	}
	var results []Result
	for _, kind := range list {
		r, err := measureKind(ctx, p, kind, *keep)
		if errors.Is(err, lab.ErrNoVoile) {
			fmt.Fprintf(os.Stderr, "%s is left out: %v\n", kind, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		results = append(results, r)
	}
	if err := writeTable(os.Stdout, p, results); err != nil {
		return err
	}
	if *out == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*out, append(text, '\n'), 0o644)
}
