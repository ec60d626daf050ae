package access

import (
	"io/fs"
	"net"
	"strconv"
	"strings"

	"github.com/Microsoft/go-winio"
)

// IPCPath is the pipe of a subnode (spec 07 §5.1). It depends on no directory.
func IPCPath(_ string, index uint16) string {
	return `\\.\PIPE\veilid-server\` + strconv.Itoa(int(index))
}

// onlyOwner lets the user who runs the server, administrators and the system in.
const onlyOwner = "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;OW)"

// ListenIPC opens a named pipe for its owner; there is no mode. It is the first
// instance or fails.
func ListenIPC(path string, _ fs.FileMode) (net.Listener, error) {
	if !strings.HasPrefix(strings.ToLower(path), `\\.\pipe\`) {
		return nil, &PathError{path, `want \\.\pipe\NAME`}
	}
	l, err := winio.ListenPipe(path, &winio.PipeConfig{SecurityDescriptor: onlyOwner})
	if err != nil {
		return nil, err
	}
	return l, nil
}
