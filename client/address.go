package client

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// DefaultAddress is where a server listens if nothing else was said (spec 07 §5.1).
const DefaultAddress = "localhost:5959"

// defaultPort of an address without one.
const defaultPort = "5959"

// Address is the place of a server.
type Address struct {
	Network string // "tcp", "unix", "pipe" (of Windows) or "tls"
	Where   string // host:port, or a path
}

// String is the form that ParseAddress reads.
func (a Address) String() string {
	switch a.Network {
	case "unix":
		return "unix:" + a.Where
	case "tls":
		return "tls://" + a.Where
	}
	return a.Where
}

// ParseAddress reads the place of a server:
//
//	localhost:5959, tcp://localhost:5959, 192.0.2.1, [::1]:5959   TCP
//	unix:/run/voile/api, /run/voile/api, ./api                    Unix socket
//	tls://node.example.org:5959                                   TLS over TCP
//	\\.\pipe\veilid-server\0                                      named pipe of Windows
//
// The port may be left out and is 5959 then.
func ParseAddress(text string) (Address, error) {
	if text == "" {
		return Address{}, fmt.Errorf("address is empty")
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path = strings.TrimPrefix(path, "//"); path == "" {
			return Address{}, fmt.Errorf("address %q has no path", text)
		}
		return Address{"unix", path}, nil
	}
	if strings.HasPrefix(text, `\\.\`) {
		return Address{"pipe", text}, nil
	}
	network := "tcp"
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case !ok:
		rest = text
	case scheme == "tls", scheme == "tcp":
		network = scheme
	default:
		return Address{}, fmt.Errorf("address %q: want host:port, tls://host:port or unix:PATH", text)
	}
	if !ok && (strings.ContainsRune(text, '/') || runtime.GOOS == "windows" && filepath.IsAbs(text)) {
		return Address{"unix", text}, nil
	}
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		if host, port, err = net.SplitHostPort(rest + ":" + defaultPort); err != nil {
			host, port, err = net.SplitHostPort("[" + rest + "]:" + defaultPort)
		}
	}
	if err != nil || strings.ContainsRune(host, '/') {
		return Address{}, fmt.Errorf("address %q: want host:port, tls://host:port or unix:PATH", text)
	}
	if host == "" {
		host = "localhost"
	}
	return Address{network, net.JoinHostPort(host, port)}, nil
}

// DefaultAddresses are the places where a server of this machine is looked for, the
// likeliest first: what the environment variables VEILID_SERVER_IPC and
// VEILID_SERVER_NETWORK name, the sockets of servers that are there, TCP. It is the
// order of the public clients (spec 07 §10.1).
func DefaultAddresses() []Address {
	var found []Address
	if path := os.Getenv("VEILID_SERVER_IPC"); path != "" {
		found = append(found, Address{"unix", path})
	}
	if where := os.Getenv("VEILID_SERVER_NETWORK"); where != "" {
		if a, err := ParseAddress(where); err == nil {
			found = append(found, a)
		}
	}
	for _, path := range socketPlaces() {
		if info, err := os.Stat(path); err == nil && info.Mode().Type() == os.ModeSocket {
			found = append(found, Address{"unix", path})
		}
	}
	if runtime.GOOS == "windows" {
		found = append(found, Address{"pipe", `\\.\pipe\veilid-server\0`})
	}
	tcp, _ := ParseAddress(DefaultAddress) // of our own writing
	return append(found, tcp)
}

// socketPlaces are the paths of the sockets of servers.
func socketPlaces() []string {
	places := []string{"/run/voile/ipc/0", "/var/db/voile/ipc/0", "/var/db/veilid-server/ipc/0"}
	home, err := os.UserHomeDir()
	if err != nil {
		return places
	}
	data := os.Getenv("XDG_DATA_HOME")
	switch {
	case runtime.GOOS == "darwin":
		data = filepath.Join(home, "Library", "Application Support")
	case data == "":
		data = filepath.Join(home, ".local", "share")
	}
	return append(places, filepath.Join(data, "voile", "ipc", "0"), filepath.Join(data, "veilid", "ipc", "0"))
}

// dial opens a plain connection.
func (a Address) dial(ctx context.Context) (net.Conn, error) {
	switch a.Network {
	case "pipe":
		return dialPipe(ctx, a.Where)
	case "tls":
		return new(net.Dialer).DialContext(ctx, "tcp", a.Where)
	}
	return new(net.Dialer).DialContext(ctx, a.Network, a.Where)
}
