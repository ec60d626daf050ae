package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/cmd/voile/internal/access"
)

// listeners are what the API listens on.
type listeners []net.Listener

func (s listeners) Close() {
	for _, l := range s {
		l.Close()
	}
}

// address is what clients are told of first.
func (s listeners) address() string {
	if len(s) == 0 {
		return ""
	}
	return " " + s[0].Addr().String()
}

// remote reports whether one of them can be reached from other machines.
func (s listeners) remote() bool {
	for _, l := range s {
		if access.Remote(l) {
			return true
		}
	}
	return false
}

// listen opens the sockets of the API, TCP first. The socket of the original's
// place is a convenience: that it cannot be opened is only told, unless it is the
// only one or was asked for by its path.
func (a *apiSettings) listen(ctx context.Context, index uint16, log *slog.Logger) (all listeners, err error) {
	defer func() {
		if err != nil {
			all.Close()
		}
	}()
	if a.network {
		for address := range strings.SplitSeq(a.addresses, ",") {
			listeners, err := access.ListenTCP(ctx, strings.TrimSpace(address), log)
			if errors.Is(err, access.ErrAddress) {
				return all, misused("client_api.listen_address: %w", err)
			}
			if err != nil {
				return all, fmt.Errorf("api: %w; stop the program that has this address or choose another with --api HOST:PORT", err)
			}
			all = append(all, listeners...)
		}
	}
	if !a.ipc {
		return all, nil
	}
	path := a.ipcPath
	if path == "" {
		path = access.IPCPath(a.ipcDirectory, index)
	}
	mode, err := strconv.ParseUint(a.ipcMode, 8, 32)
	if err != nil {
		return all, err
	}
	l, err := access.ListenIPC(path, fs.FileMode(mode))
	var wrong *access.PathError
	switch {
	case err == nil:
		return append(all, l), nil
	case len(all) > 0 && a.ipcPath == "":
		log.Warn("api socket not opened; clients can use the tcp address", "path", path, "err", err)
		return all, nil
	case errors.As(err, &wrong):
		return all, misused("api: %w", err)
	}
	return all, fmt.Errorf("api: %w; stop that program or choose another path with --api unix:PATH", err)
}

// guard finds what remote clients must show. data is where a certificate is kept
// that has to be made.
func (a *apiSettings) guard(all listeners, data string, log *slog.Logger) (token string, cfg *tls.Config, err error) {
	if !all.remote() {
		return "", nil, nil
	}
	if a.tokenFile == "" && !a.insecure {
		return "", nil, misused(`api: %s can be reached from other machines, so clients must show a token:
name a file for it with --api-token-file (it is made if there is none),
or take everybody who can connect with --insecure`, strings.TrimSpace(all.firstRemote()))
	}
	if a.tokenFile != "" {
		made, open := false, false
		if token, made, open, err = access.LoadToken(a.tokenFile); err != nil {
			return "", nil, misused("api token: %w", err)
		}
		if made {
			log.Info("api token made", "path", a.tokenFile)
		}
		if open {
			log.Warn("api token can be read by others; chmod 600 helps", "path", a.tokenFile)
		}
	}
	if a.insecure {
		log.Warn("remote api clients are let in without tls", "address", all.firstRemote(), "token", token != "")
		return token, nil, nil
	}
	cfg, err = access.LoadTLS(a.certificate, a.key, filepath.Join(data, "tls"), now())
	if err != nil {
		return "", nil, misused("api: %w", err)
	}
	log.Info("api certificate", "sha256", access.Fingerprint(cfg))
	return token, cfg, nil
}

func (s listeners) firstRemote() string {
	for _, l := range s {
		if access.Remote(l) {
			return l.Addr().String()
		}
	}
	return ""
}

// front puts what protects the API before it.
func (a *apiSettings) front(server *bind.Server, token string, cfg *tls.Config, log *slog.Logger) *access.Front {
	return access.New(server, access.Options{
		TLS: cfg, Token: token, WebSocket: a.webSocket, Origins: a.origins, Hosts: a.hosts, Logger: log,
	})
}
