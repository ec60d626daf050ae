//go:build !js

package igd

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/dcps/internetgateway2"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/routing"
)

// Numbers of the search (spec 04 §9.5) and limits of what it believes.
const (
	searchTime   = 3 * time.Second
	searchRepeat = 300 * time.Millisecond // since datagrams get lost
	searchSends  = 3
	searchWait   = 1         // seconds that a device may take to answer
	maxAnswer    = 2048      // bytes of an answer to the search
	maxDocument  = 512 << 10 // bytes of a description or of an action's answer
	maxGateways  = 8         // that are looked at
)

// searchTarget is the address that all UPnP devices of a network listen on.
var searchTarget = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), 1900)

// finder looks for a gateway.
type finder struct {
	program string
	target  netip.AddrPort
	client  *http.Client
}

// find asks everybody on the local network and takes the first gateway that has
// an address outside. It blocks for up to the search time.
func (f *finder) find(ctx context.Context) (gateway, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	sockets, err := f.sockets()
	if err != nil {
		return nil, fmt.Errorf("search for a gateway: %w", err)
	}
	var all guard.Group // its panics go on in whoever waits
	defer all.Wait()
	defer cancel()

	places := make(chan *url.URL)
	for _, s := range sockets {
		all.Go(func() { f.send(ctx, s) })
		all.Go(func() { receive(ctx, s, places) })
	}
	found := make(chan *device)
	seen := map[string]bool{}
	for {
		select {
		case place := <-places:
			if key := place.String(); !seen[key] && len(seen) < maxGateways {
				seen[key] = true
				all.Go(func() {
					d, err := f.open(ctx, place)
					if err != nil {
						return // a device that is no gateway, or one that is not connected
					}
					select {
					case found <- d:
					case <-ctx.Done():
					}
				})
			}
		case d := <-found:
			return d, nil
		case <-ctx.Done():
			if len(seen) > 0 {
				return nil, fmt.Errorf("%w: %d devices answered", ErrNoGateway, len(seen))
			}
			return nil, ErrNoGateway
		}
	}
}

// sockets opens one socket for each address that can send to a group, or, where
// these cannot be listed, one for wherever the kernel sends to.
func (f *finder) sockets() ([]*net.UDPConn, error) {
	addrs := []netip.Addr{netip.IPv4Unspecified()}
	if f.target.Addr().IsMulticast() {
		if found := multicastAddrs(); len(found) > 0 {
			addrs = found
		}
	}
	var sockets []*net.UDPConn
	var firstErr error
	for _, a := range addrs {
		s, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err == nil {
			sockets = append(sockets, s)
		} else if firstErr == nil {
			firstErr = err
		}
	}
	if len(sockets) == 0 {
		return nil, firstErr
	}
	return sockets, nil
}

func multicastAddrs() (addrs []netip.Addr) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil // Android does not tell
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagMulticast == 0 || i.Flags&net.FlagLoopback != 0 || i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() {
				addrs = append(addrs, p.Addr())
			}
		}
	}
	return addrs
}

// send asks for gateways of both versions. Devices answer in one of the next
// seconds, at random.
func (f *finder) send(ctx context.Context, s *net.UDPConn) {
	for range searchSends {
		for version := 1; version <= 2; version++ {
			question := fmt.Sprintf("M-SEARCH * HTTP/1.1\r\nHOST: %s\r\nMAN: \"ssdp:discover\"\r\nMX: %d\r\n"+
				"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:%d\r\n\r\n", searchTarget, searchWait, version)
			if _, err := s.WriteToUDPAddrPort([]byte(question), f.target); err != nil {
				return
			}
		}
		if !sleep(ctx, searchRepeat) {
			return
		}
	}
}

// receive reads answers until ctx ends, and then closes the socket.
func receive(ctx context.Context, s *net.UDPConn, places chan<- *url.URL) {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	defer s.Close()
	buf := make([]byte, maxAnswer)
	for {
		n, from, err := s.ReadFromUDPAddrPort(buf)
		if ctx.Err() != nil {
			return
		}
		if err != nil { // an ICMP error of one of the sends, on some systems
			if !sleep(ctx, 10*time.Millisecond) {
				return
			}
			continue
		}
		place, err := parseAnswer(buf[:n], from.Addr().Unmap())
		if err != nil {
			continue
		}
		select {
		case places <- place:
		case <-ctx.Done():
			return
		}
	}
}

// parseAnswer takes the place of the description out of an answer. It must be at
// the address that answered, and that must be a local one.
func parseAnswer(datagram []byte, from netip.Addr) (*url.URL, error) {
	if !routing.IsLocal(from) && !from.IsLoopback() {
		return nil, fmt.Errorf("answer from %s, which is not local", from)
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(datagram)), nil)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answer %d to the search", response.StatusCode)
	}
	place, err := url.Parse(response.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	return place, at(place, from)
}

// at checks that a URL is of plain HTTP and at an address.
func at(u *url.URL, host netip.Addr) error {
	if a, err := netip.ParseAddr(u.Hostname()); u.Scheme != "http" || err != nil || a != host || u.User != nil {
		return fmt.Errorf("%q is not at %s", clip(u.String()), host)
	}
	return nil
}

// open reads a description and makes a gateway of the first service in it that
// has an address outside.
func (f *finder) open(ctx context.Context, place *url.URL) (*device, error) {
	host, err := netip.ParseAddr(place.Hostname())
	if err != nil {
		return nil, err
	}
	root, err := f.describe(ctx, place)
	if err != nil {
		return nil, err
	}
	client, err := ownAddr(host)
	if err != nil {
		return nil, err
	}
	fault := ErrNoGateway
	for _, s := range services(root, place) {
		c := s.client
		if err := at(&c.SOAPClient.EndpointURL, host); err != nil {
			fault = err
			continue
		}
		c.SOAPClient.HTTPClient = *f.client
		d := &device{service: s.service, client: client.String(), program: f.program}
		if _, fault = d.external(ctx); fault == nil {
			return d, nil
		}
	}
	return nil, fault
}

// describe reads the description of a device.
func (f *finder) describe(ctx context.Context, place *url.URL) (*goupnp.RootDevice, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place.String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := f.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("description: %d", response.StatusCode)
	}
	root := new(goupnp.RootDevice)
	decoder := xml.NewDecoder(response.Body)
	decoder.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := decoder.Decode(root); err != nil {
		return nil, fmt.Errorf("description: %w", err)
	}
	base := place
	if root.URLBaseStr != "" {
		if base, err = url.Parse(root.URLBaseStr); err != nil {
			return nil, fmt.Errorf("description: %w", err)
		}
	}
	root.SetURLBase(base)
	return root, nil
}

// candidate is a service that maps ports, and the client that it works by.
type candidate struct {
	service service
	client  *goupnp.ServiceClient
}

// services are those of a device that map ports, the newest kind first.
func services(root *goupnp.RootDevice, place *url.URL) (all []candidate) {
	// A kind that the device has not is an error of these, and leaves none.
	if list, err := internetgateway2.NewWANIPConnection2ClientsFromRootDevice(root, place); err == nil {
		for _, c := range list {
			all = append(all, candidate{c, &c.ServiceClient})
		}
	}
	if list, err := internetgateway2.NewWANIPConnection1ClientsFromRootDevice(root, place); err == nil {
		for _, c := range list {
			all = append(all, candidate{c, &c.ServiceClient})
		}
	}
	if list, err := internetgateway2.NewWANPPPConnection1ClientsFromRootDevice(root, place); err == nil {
		for _, c := range list {
			all = append(all, candidate{c, &c.ServiceClient})
		}
	}
	return all
}

// ownAddr is the address that we have towards a host. Nothing is sent.
func ownAddr(host netip.Addr) (netip.Addr, error) {
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 1900)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// newHTTPClient is a client that goes straight to where it is told, and keeps no
// connection, so that no goroutine is left.
func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: limited{&http.Transport{
			DialContext:            (&net.Dialer{Timeout: callTimeout}).DialContext,
			DisableKeepAlives:      true,
			MaxResponseHeaderBytes: 16 << 10,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       callTimeout,
	}
}

// limited bounds what is read of an answer.
type limited struct{ next http.RoundTripper }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxDocument), response.Body}
	return response, nil
}
