package client

import (
	"context"
	"net"
	"os"

	"golang.org/x/sys/windows"
)

// dialPipe opens a named pipe.
func dialPipe(_ context.Context, path string) (net.Conn, error) {
	f, err := os.OpenFile(path, os.O_RDWR|windows.FILE_FLAG_OVERLAPPED, 0)
	if err != nil {
		return nil, err
	}
	return pipe{f, pipeAddr(path)}, nil
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
