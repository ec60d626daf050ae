package client

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// pipeWait is between two attempts to open a pipe that is busy.
const pipeWait = 10 * time.Millisecond

// dialPipe opens a named pipe. The server makes an instance for the next client only
// when it has taken the last one; until then the pipe is busy.
func dialPipe(ctx context.Context, path string) (net.Conn, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|windows.FILE_FLAG_OVERLAPPED, 0)
		if err == nil {
			return pipe{f, pipeAddr(path)}, nil
		}
		if !errors.Is(err, windows.ERROR_PIPE_BUSY) {
			return nil, err
		}
		select {
		case <-time.After(pipeWait):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// pipe is a named pipe as a connection.
type pipe struct {
	*os.File
	addr pipeAddr
}

func (p pipe) LocalAddr() net.Addr  { return p.addr }
func (p pipe) RemoteAddr() net.Addr { return p.addr }

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }
