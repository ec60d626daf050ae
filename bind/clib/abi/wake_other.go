//go:build !unix

package abi

import "github.com/voile-net/voile/core"

// wakeup is nothing on systems whose loops do not wait for pipes.
type wakeup struct{}

func newWakeup() (*wakeup, error) {
	return nil, &core.Error{Kind: core.Unimplemented, Message: "this system has no descriptors to wait for"}
}

func (*wakeup) descriptor() int { return -1 }
func (*wakeup) set()            {}
func (*wakeup) clear()          {}
func (*wakeup) close()          {}
