// Command voile runs a Voile node with the remote JSON API, and does the small
// chores around one: keys, bootstrap records, a demonstration network.
//
// Run "voile help" for its commands. It exits with 0, with 1 when something
// failed, and with 2 when it was called wrongly or its configuration is wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGQUIT)
	signal.Ignore(syscall.SIGHUP)
	go func() {
		<-signals
		cancel()
		<-signals // the user does not want to wait
		os.Exit(exitFailed)
	}()
	os.Exit(execute(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:]))
}
