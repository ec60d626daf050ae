//go:build linux && !android

package netns

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// ErrClosed is returned for a use of a network after its Close.
var ErrClosed = errors.New("network is closed")

// Process is a program that runs on a host. It is killed when the network
// closes and when the process that owns the network dies.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // valid once done is closed
}

// Spec says what to run. Stdout and Stderr may be nil: discarded. They are
// files, not writers, so that no goroutine has to copy for the program.
type Spec struct {
	Path   string
	Args   []string // without the program itself
	Env    []string // nil: the environment of this process
	Dir    string
	Stdout *os.File
	Stderr *os.File
}

// Start runs a program on the host and returns at once.
func (h *Host) Start(spec Spec) (*Process, error) {
	args := append([]string{"netns", "exec", h.ns, spec.Path}, spec.Args...)
	cmd := exec.Command("ip", args...)
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	if spec.Stdout != nil {
		cmd.Stdout = spec.Stdout
	}
	if spec.Stderr != nil {
		cmd.Stderr = spec.Stderr
	}
	// ip execs the program without a fork: the death signal and the pid are the program's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrClosed
	}
	if err := n.starter.start(cmd); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	n.procs[p] = struct{}{}
	go func() {
		p.err = cmd.Wait()
		n.mu.Lock()
		delete(n.procs, p)
		n.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// Output runs a program on the host to its end and returns what it printed.
func (h *Host) Output(ctx context.Context, name string, args ...string) (string, error) {
	return output(ctx, "ip", append([]string{"netns", "exec", h.ns, name}, args...)...)
}

// Pid is the process id of the program.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the program ended; nil while it runs and after exit status 0.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return p.err
	default:
		return nil
	}
}

// Stop asks the program to end, and kills it after the grace time. It reports
// whether the program ended by itself.
func (p *Process) Stop(grace time.Duration) bool {
	_ = syscall.Kill(-p.Pid(), syscall.SIGTERM)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		p.Kill()
		<-p.done
		return false
	}
}

// Kill ends the program and its children at once.
func (p *Process) Kill() {
	select {
	case <-p.done: // its pid may belong to somebody else by now
	default:
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	}
}

// starter starts all processes of a network from one thread. The kernel sends
// the death signal when the *thread* that started a process ends, so that
// thread has to live as long as the network does.
type starter struct {
	work chan func()
	wg   sync.WaitGroup
}

func newStarter() *starter {
	s := &starter{work: make(chan func())}
	s.wg.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range s.work {
			f()
		}
	})
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	s.work <- func() { result <- cmd.Start() }
	return <-result
}

func (s *starter) close() {
	close(s.work)
	s.wg.Wait()
}
