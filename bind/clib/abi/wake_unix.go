//go:build unix

package abi

import (
	"syscall"

	"github.com/voile-net/voile/core"
)

// wakeup is a pipe with a byte in it while it is set. The methods are called under
// one lock.
type wakeup struct {
	read, write int
	isSet       bool
}

func newWakeup() (*wakeup, error) {
	var p [2]int
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := syscall.Pipe(p[:]); err != nil {
		return nil, &core.Error{Kind: core.Generic, Message: "pipe: " + err.Error(), Err: err}
	}
	for _, fd := range p {
		syscall.CloseOnExec(fd)
		if err := syscall.SetNonblock(fd, true); err != nil {
			syscall.Close(p[0])
			syscall.Close(p[1])
			return nil, &core.Error{Kind: core.Generic, Message: "pipe: " + err.Error(), Err: err}
		}
	}
	return &wakeup{read: p[0], write: p[1]}, nil
}

func (w *wakeup) descriptor() int { return w.read }

func (w *wakeup) set() {
	if w.isSet {
		return
	}
	if n, _ := syscall.Write(w.write, []byte{1}); n == 1 { // an empty pipe has room for a byte
		w.isSet = true
	}
}

func (w *wakeup) clear() {
	var b [1]byte
	if !w.isSet {
		return
	}
	if n, _ := syscall.Read(w.read, b[:]); n == 1 {
		w.isSet = false
	}
}

func (w *wakeup) close() {
	syscall.Close(w.read)
	syscall.Close(w.write)
}
