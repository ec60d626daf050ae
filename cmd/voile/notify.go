package main

import (
	"context"
	"net"
	"os"
	"strconv"
	"time"
)

// notify tells systemd how the program is, if systemd has started it and wants
// to know (sd_notify). That it cannot be told is no reason to fail.
func notify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	if path[0] == '@' { // an abstract socket
		path = "\x00" + path[1:]
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}

// watchdogInterval is how often systemd wants to hear that the program is well, so
// often that two times can be missed. 0: it does not (sd_watchdog_enabled).
func watchdogInterval(lookup func(string) string, pid int) time.Duration {
	micros, err := strconv.ParseUint(lookup("WATCHDOG_USEC"), 10, 62)
	if err != nil || micros == 0 {
		return 0
	}
	if of := lookup("WATCHDOG_PID"); of != "" && of != strconv.Itoa(pid) {
		return 0
	}
	return time.Duration(micros) * time.Microsecond / 3
}

// watchdog tells systemd again and again that the program is well, until ctx ends. One
// that hangs does not get to it, since alive does not return, and systemd starts it anew.
func watchdog(ctx context.Context, alive func() error) {
	every := watchdogInterval(os.Getenv, os.Getpid())
	if every <= 0 {
		return
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if alive() == nil {
				notify("WATCHDOG=1")
			}
		case <-ctx.Done():
			return
		}
	}
}
