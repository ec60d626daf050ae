package wire

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Default ports of URLs without one.
const (
	portWS  = 80
	portWSS = 443
)

// DialInfoURL is the URL form of a dial info, as in configuration and
// bootstrap records: its host may be a name (spec 02 §1.2).
type DialInfoURL struct {
	Protocol ProtocolType
	Host     string // name or address, without brackets
	Port     uint16 // given, or the default of WS and WSS
	Path     string // WS and WSS only: "" or from "/" on

	request string // WS and WSS: the text without its scheme
}

// ParseURL reads udp://host:port, tcp://host:port, ws://host[:port][/path] and
// wss://host[:port][/path]. Errors are Local.
func ParseURL(text string) (DialInfoURL, error) {
	u, msg := parseURL(text)
	if msg != "" {
		return DialInfoURL{}, &Error{Local, "dial info URL", strconv.Quote(text) + ": " + msg}
	}
	return u, nil
}

func parseURL(text string) (u DialInfoURL, fault string) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return u, "no scheme"
	}
	switch scheme {
	case "udp":
		return parseRequest(UDP, rest)
	case "tcp":
		return parseRequest(TCP, rest)
	case "ws":
		return parseRequest(WS, rest)
	case "wss":
		return parseRequest(WSS, rest)
	}
	return u, "scheme is not udp, tcp, ws or wss"
}

// parseRequest reads what follows the scheme.
func parseRequest(protocol ProtocolType, rest string) (u DialInfoURL, fault string) {
	u.Protocol = protocol
	authority, web := rest, protocol >= WS
	if web {
		u.request, u.Port = rest, portWS
		if protocol == WSS {
			u.Port = portWSS
		}
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			authority, u.Path = rest[:i], rest[i:]
		}
		authority = authority[strings.LastIndexByte(authority, '@')+1:]
	}
	port := ""
	if strings.HasPrefix(authority, "[") {
		host, after, ok := strings.Cut(authority[1:], "]")
		if !ok || after != "" && after[0] != ':' {
			return u, "broken address in brackets"
		}
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() || a.Zone() != "" {
			return u, "no IPv6 address in brackets"
		}
		u.Host, port, ok = host, strings.TrimPrefix(after, ":"), after != ""
		if ok && port == "" {
			return u, "empty port"
		}
	} else {
		host, p, hasPort := strings.Cut(authority, ":")
		if hasPort && p == "" {
			return u, "empty port"
		}
		u.Host, port = host, p
	}
	if u.Host == "" || strings.ContainsFunc(u.Host, notInHost) {
		return u, "no valid host"
	}
	if port == "" {
		if !web {
			return u, "no port"
		}
		return u, ""
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || port[0] == '+' {
		return u, "port is not a number of 16 bits"
	}
	u.Port = uint16(n)
	return u, ""
}

func notInHost(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`/?#@[]\|`, r)
}

// literal is the host as an address, if it is one.
func (u DialInfoURL) literal() (netip.Addr, bool) {
	// An address ends in a digit or has colons; asking first spares the error
	// value that a name would cost.
	if n := len(u.Host); n == 0 || !strings.Contains(u.Host, ":") && (u.Host[n-1] < '0' || u.Host[n-1] > '9') {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(u.Host)
	return addr.Unmap(), err == nil
}

// String returns the URL.
func (u DialInfoURL) String() string {
	switch u.Protocol {
	case WS:
		return "ws://" + u.request
	case WSS:
		return "wss://" + u.request
	}
	host := u.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strings.ToLower(u.Protocol.String()) + "://" + host + ":" + strconv.Itoa(int(u.Port))
}

// At makes the dial info of the URL whose host has this address. A host that is
// an address itself must be the same. Errors are Local.
func (u DialInfoURL) At(addr netip.Addr) (DialInfo, error) {
	d := DialInfo{Protocol: u.Protocol, Addr: netip.AddrPortFrom(addr.Unmap().WithZone(""), u.Port), Request: u.request}
	if literal, ok := u.literal(); ok && literal != d.Addr.Addr() {
		return DialInfo{}, unfit("dial info URL", "host "+u.Host+" is not "+addr.String())
	}
	if err := d.Check(); err != nil {
		return DialInfo{}, err
	}
	return d, nil
}

// URL returns the URL form of the dial info.
func (d DialInfo) URL() string {
	switch d.Protocol {
	case UDP:
		return "udp://" + d.Addr.String()
	case TCP:
		return "tcp://" + d.Addr.String()
	case WS:
		return "ws://" + d.Request
	}
	return "wss://" + d.Request
}

// String returns the debug text form: udp|1.2.3.4:5150, ws|1.2.3.4:5150/ws, or
// ws|1.2.3.4|name:5150/ws when the request has a name (spec 02 §1.2).
func (d DialInfo) String() string {
	switch d.Protocol {
	case UDP:
		return "udp|" + d.Addr.String()
	case TCP:
		return "tcp|" + d.Addr.String()
	}
	scheme := strings.ToLower(d.Protocol.String())
	u, fault := parseRequest(d.Protocol, d.Request)
	if _, ok := u.literal(); fault == "" && ok {
		return scheme + "|" + d.Request
	}
	return scheme + "|" + d.Addr.Addr().String() + "|" + d.Request
}

// Check reports whether the dial info may be published as far as no routing
// domain is asked: a protocol we speak, a specified address that is not an
// IPv4-mapped one, a port, and a WS request that agrees with them (spec 02
// §1.2). Errors are Local.
func (d DialInfo) Check() error {
	const field = "dialInfo"
	addr := d.Addr.Addr()
	switch {
	case d.Protocol > WS:
		return unfit(field, "protocol not supported")
	case !addr.IsValid() || addr.IsUnspecified() || addr.Is4In6() || addr.Zone() != "":
		return unfit(field, "no usable address: "+d.Addr.String())
	case d.Addr.Port() == 0:
		return unfit(field, "no port: "+d.Addr.String())
	case d.Protocol != WS && d.Request != "":
		return unfit(field, "request without WS")
	case d.Protocol == WS:
		if msg := requestFault(d.Addr, d.Request); msg != "" {
			return unfit(field, msg+": "+d.String())
		}
	}
	return nil
}

// requestFault checks a request without scheme against its socket address: the
// port must agree, and so must a host that is an address (spec 03 §5.2).
func requestFault(addr netip.AddrPort, request string) string {
	if !utf8.ValidString(request) {
		return "request is not UTF-8"
	}
	u, fault := parseRequest(WS, request)
	if fault != "" {
		return fault
	}
	if u.Port != addr.Port() {
		return "port of the request is not that of the address"
	}
	if literal, ok := u.literal(); ok && literal != addr.Addr() {
		return "address of the request is another"
	}
	return ""
}

// Compare is the sort order of dial info: protocol, address, request (spec 02 §1.2).
func (d DialInfo) Compare(o DialInfo) int {
	return cmp.Or(
		cmp.Compare(d.Protocol, o.Protocol),
		CompareSocketAddress(d.Addr, o.Addr),
		strings.Compare(d.Request, o.Request),
	)
}

// Compare is the sort order of dial info with class: class first.
func (d DialInfoDetail) Compare(o DialInfoDetail) int {
	return cmp.Or(cmp.Compare(d.Class, o.Class), d.DialInfo.Compare(o.DialInfo))
}

// CompareSocketAddress sorts IPv6 before IPv4, then by the bytes of the address,
// then by port (spec 02 §1.2).
func CompareSocketAddress(a, b netip.AddrPort) int {
	return cmp.Or(
		cmp.Compare(AddressTypeOf(a.Addr()), AddressTypeOf(b.Addr())),
		a.Addr().Unmap().Compare(b.Addr().Unmap()),
		cmp.Compare(a.Port(), b.Port()),
	)
}
