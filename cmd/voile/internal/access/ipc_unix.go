//go:build unix

package access

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// IPCPath is where the original puts the socket of a subnode (spec 07 §5.1).
func IPCPath(directory string, index uint16) string {
	return filepath.Join(directory, strconv.Itoa(int(index)))
}

// ListenIPC opens a Unix socket with the mode, and makes its directory, for its
// owner and group, if there is none. A socket that a crash has left is replaced;
// one that answers is not.
func ListenIPC(path string, mode fs.FileMode) (net.Listener, error) {
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return nil, &InUseError{path}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, &PathError{path, "there is a file of that name that is no socket"}
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, fmt.Errorf("mode of the socket: %w", err)
	}
	return l, nil
}
