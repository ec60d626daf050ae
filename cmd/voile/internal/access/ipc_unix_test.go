//go:build unix

package access

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestListenIPC(t *testing.T) {
	dir, err := os.MkdirTemp("", "voile") // a short path: sockets have no long ones
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := IPCPath(filepath.Join(dir, "ipc"), 3)
	l, err := ListenIPC(path, 0o660)
	if err != nil {
		t.Fatal(err)
	}
	if path != filepath.Join(dir, "ipc", "3") || Remote(l) {
		t.Errorf("%s, remote %v", path, Remote(l))
	}
	for at, mode := range map[string]os.FileMode{filepath.Dir(path): os.ModeDir | 0o750, path: os.ModeSocket | 0o660} {
		if info, err := os.Stat(at); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want %v", at, info.Mode(), err, mode)
		}
	}
	var used *InUseError
	if _, err := ListenIPC(path, 0o600); !errors.As(err, &used) {
		t.Errorf("a socket in use: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as a crash leaves it
	l.Close()
	l, err = ListenIPC(path, 0o600)
	if err != nil {
		t.Fatalf("a socket that a crash has left: %v", err)
	}
	l.Close()
	if _, err := os.Stat(path); err == nil {
		t.Error("the socket is still there")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var wrong *PathError
	if _, err := ListenIPC(path, 0o600); !errors.As(err, &wrong) {
		t.Errorf("a file in the way: %v", err)
	}
}
