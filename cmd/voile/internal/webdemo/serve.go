package webdemo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
)

// The address of the page if nothing else is asked for: the first of these ports
// that is free.
const (
	defaultHost = "127.0.0.1"
	firstPort   = 8080
	portCount   = 20
)

// Times.
const (
	networkStarts  = 60 * time.Second // until every node is ready
	answersEnd     = 2 * time.Second  // given to answers under way at the end
	headersArrive  = 10 * time.Second // of a request
	idleConnection = 2 * time.Minute  // then it is closed
)

// ErrListen is an address that cannot be listened at by its form.
var ErrListen = errors.New("want host:port, with an address of this machine alone, such as 127.0.0.1:8080")

// names are those of the nodes of the network.
var names = []string{"Carol", "Dave", "Erin", "Frank", "Grace", "Heidi"}

// Options are those of Run.
type Options struct {
	Dir    string                           // folder web of the project; "": looked for
	Listen string                           // host:port; "": 127.0.0.1:8080 or the next free port
	Logger *slog.Logger                     // nil: no log
	Ready  func(url string, nodes []string) // called once, when the page can be opened
}

// Run serves the page until the context ends, which is no error.
func Run(ctx context.Context, o Options) (err error) {
	dir, err := findFolder(o.Dir)
	if err != nil {
		return err
	}
	f, err := openFiles(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	l, err := listen(ctx, o.Listen)
	if err != nil {
		return err
	}
	defer l.Close()
	network, err := privnet.Start(ctx, names, privnet.Options{Logger: o.Logger})
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	ready, cancel := context.WithTimeout(ctx, networkStarts)
	err = network.WaitReady(ready)
	cancel()
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("the private network: %w", err)
	}
	s, err := newSite(f, describe(network))
	if err != nil {
		return err
	}
	return serve(ctx, l, s, func() {
		if o.Ready != nil {
			o.Ready("http://"+l.Addr().String()+"/", names)
		}
	})
}

// serve answers until the context ends.
func serve(ctx context.Context, l net.Listener, s *site, ready func()) error {
	server := &http.Server{Handler: s, ReadHeaderTimeout: headersArrive, IdleTimeout: idleConnection, MaxHeaderBytes: 64 << 10}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }() // joined below
	ready()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), answersEnd)
	defer cancel()
	if server.Shutdown(wait) != nil {
		server.Close() // whoever is still reading loses the rest
	}
	<-ended
	return nil
}

// findFolder is the folder web: the one asked for, or that of the directory we are
// in, or the one beside the directory of the program.
func findFolder(asked string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	tried := []string{"web"}
	if program, err := os.Executable(); err == nil {
		tried = append(tried, filepath.Join(filepath.Dir(program), "..", "web"))
	}
	for _, dir := range tried {
		if _, err := os.Stat(filepath.Join(dir, pageFolder, "index.html")); err == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("%w: the page is not in %s: run it in the folder of the project, or name its folder web with --dir", ErrMissing, strings.Join(tried, " or "))
}

// listen opens the address of the page.
func listen(ctx context.Context, asked string) (net.Listener, error) {
	var lc net.ListenConfig
	if asked != "" {
		at, err := loopbackAddress(asked)
		if err != nil {
			return nil, fmt.Errorf("listen at %q: %w", asked, err)
		}
		l, err := lc.Listen(ctx, "tcp", at)
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%s is in use: choose another with --listen, or leave it out to take a free one: %w", at, err)
		}
		return l, err
	}
	var last error
	for port := firstPort; port < firstPort+portCount; port++ {
		l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(defaultHost, strconv.Itoa(port)))
		if err == nil {
			return l, nil
		}
		last = err
	}
	return nil, fmt.Errorf("none of the ports %d to %d of %s is free: choose one with --listen: %w", firstPort, firstPort+portCount-1, defaultHost, last)
}

// loopbackAddress checks that an address is this machine's alone: the page is told
// the network's key, and a browser gives it storage for secrets only here or over
// https.
func loopbackAddress(asked string) (string, error) {
	host, portText, err := net.SplitHostPort(asked)
	if err != nil {
		return "", ErrListen
	}
	if strings.EqualFold(host, "localhost") {
		host = defaultHost
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Unmap().IsLoopback() {
		return "", ErrListen
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return "", ErrListen
	}
	return netip.AddrPortFrom(ip, uint16(port)).String(), nil
}
