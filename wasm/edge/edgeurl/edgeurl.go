package edgeurl

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Limits, so that a URL fits every proxy and names fit DNS.
const (
	MaxPath    = 128 // bytes of a node's path
	maxGateway = 512 // bytes of a gateway's URL
	maxName    = 253
	maxLabel   = 63
	maxText    = 5 + 2*(maxName+7) + MaxPath // of anything that is parsed
)

// marker is the first segment of a path; others are free for other uses.
const marker = "/ws/"

// Subprotocols. A page offers both, in this order. The gateway picks Open when the
// node has been reached, and Refused when it has not: the WebSocket then carries
// nothing but a Close frame, whose code says why. To a client that offers neither the
// gateway answers with an HTTP status, which a script in a browser cannot see.
const (
	Open    = "voile.gateway"
	Refused = "voile.gateway.refused"
)

// ErrForm is wrapped by every error of this package: the text is not of the form.
var ErrForm = errors.New("edgeurl: malformed")

func malformed(what, text, why string) error {
	if len(text) > 80 {
		text = text[:80] + "…"
	}
	return fmt.Errorf("%w: %s %q: %s", ErrForm, what, text, why)
}

// Node is a node as a page names it. The zero value is no node. Two nodes that are
// spelled differently (in case, or an address in another form) are equal values once
// they are parsed.
type Node struct {
	host string // lower case; an address in its canonical form
	addr netip.Addr
	port uint16
	path string // "" or from "/" on
}

// Host is the name or address, without brackets.
func (n Node) Host() string { return n.host }

// Addr is the host as an address, never an IPv4-mapped one; invalid: it is a name.
func (n Node) Addr() netip.Addr { return n.addr }

// Port is never 0.
func (n Node) Port() uint16 { return n.port }

// Request is the text that a dial info has of its URL, host:port/path, for the
// head of the request to the node.
func (n Node) Request() string { return n.authority() + n.path }

func (n Node) authority() string {
	host := n.host
	if n.addr.Is6() {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(n.port))
}

// Path is the path of the URL to open, from "/ws/" on.
func (n Node) Path() string {
	return marker + n.host + "/" + strconv.Itoa(int(n.port)) + n.path
}

// Parse reads the path of a URL that was opened, without the prefix of the gateway;
// it is Path's inverse. The path must be as it came, not decoded.
func Parse(path string) (Node, error) {
	rest, ok := strings.CutPrefix(path, marker)
	if !ok || len(path) > maxText {
		return Node{}, malformed("path", path, "want /ws/HOST/PORT/PATH")
	}
	host, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return Node{}, malformed("path", path, "no port")
	}
	port, rest, slash := strings.Cut(rest, "/")
	if slash {
		rest = "/" + rest
	}
	n, why := parse(host, port, rest)
	if why != "" {
		return Node{}, malformed("path", path, why)
	}
	return n, nil
}

// FromRequest reads the request text of a dial info, host[:port][/path], as it stands
// behind "ws://". The port is 80 if there is none.
func FromRequest(request string) (Node, error) {
	if len(request) > maxText {
		return Node{}, malformed("request", request, "too long")
	}
	authority, path := request, ""
	if i := strings.IndexByte(request, '/'); i >= 0 {
		authority, path = request[:i], request[i:]
	}
	host, port := authority, ""
	if in, ok := strings.CutPrefix(authority, "["); ok {
		in, after, ok := strings.Cut(in, "]")
		if !ok || !strings.Contains(in, ":") || after != "" && (after[0] != ':' || len(after) == 1) {
			return Node{}, malformed("request", request, "broken address in brackets")
		}
		host, port = in, strings.TrimPrefix(after, ":")
	} else if i := strings.IndexByte(authority, ':'); i >= 0 {
		host, port = authority[:i], authority[i+1:]
		if port == "" {
			return Node{}, malformed("request", request, "empty port")
		}
	}
	if port == "" {
		port = "80"
	}
	n, why := parse(host, port, path)
	if why != "" {
		return Node{}, malformed("request", request, why)
	}
	return n, nil
}

func parse(host, port, path string) (n Node, why string) {
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || port[0] == '0' || port[0] == '+' {
		return n, "port is not a number from 1 to 65535"
	}
	n.port = uint16(number)
	if why := pathFault(path); why != "" {
		return n, why
	}
	n.path = path
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return n, "address with a zone"
		}
		n.addr = addr.Unmap()
		n.host = n.addr.String()
		return n, ""
	}
	n.host = strings.ToLower(host)
	return n, nameFault(n.host)
}

// nameFault says what is wrong with a name of a host, in lower case; "": nothing.
func nameFault(name string) string {
	if name == "" || len(name) > maxName {
		return "no host, or one of more than 253 bytes"
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return "host is no address and no name"
		}
		for i := range len(label) {
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
				return "host has a character that names do not have"
			}
		}
		last = label
	}
	// Browsers and some resolvers read such names as IPv4 addresses, 127.1 and
	// 0x7f.1 among them.
	if last[0] >= '0' && last[0] <= '9' {
		return "host ends in a number and is no address"
	}
	return ""
}

// pathFault says what is wrong with a path; "": nothing.
func pathFault(path string) string {
	if path == "" || path == "/" {
		return ""
	}
	if len(path) > MaxPath || path[0] != '/' {
		return "path is too long or does not begin with a slash"
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(path[1:], "/"), "/") {
		switch segment {
		case "":
			return "path has an empty segment"
		case ".", "..":
			return "path has a dot segment"
		}
		for i := range len(segment) {
			if !inPath(segment[i]) {
				return "path has a character that would have to be encoded"
			}
		}
	}
	return ""
}

// inPath are the characters of a path that stand for themselves (RFC 3986 §3.3),
// without those that URL parsers disagree about.
func inPath(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("-._~!$&()*+,=:@", c) >= 0
}

// Gateway is the place of a gateway. The zero value is none.
type Gateway struct{ base string }

// ParseGateway reads wss://HOST[:PORT][/PREFIX], or ws:// for a gateway without TLS,
// which a page served by https cannot use except on localhost. A slash at the end
// does not count.
func ParseGateway(url string) (Gateway, error) {
	if len(url) > maxGateway {
		return Gateway{}, malformed("gateway", url, "too long")
	}
	scheme, rest, ok := strings.Cut(url, "://")
	if scheme = strings.ToLower(scheme); !ok || scheme != "wss" && scheme != "ws" {
		return Gateway{}, malformed("gateway", url, "want wss://HOST[:PORT][/PREFIX]")
	}
	rest = strings.TrimSuffix(rest, "/")
	authority, prefix := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, prefix = rest[:i], rest[i:]
	}
	n, err := FromRequest(authority)
	if err != nil {
		return Gateway{}, malformed("gateway", url, "host or port is not valid")
	}
	if why := pathFault(prefix); why != "" || strings.HasSuffix(prefix, "/") {
		return Gateway{}, malformed("gateway", url, "prefix is not a plain path")
	}
	// An authority without port keeps none: its default is not that of a node.
	host := strings.TrimSuffix(n.authority(), ":80")
	if strings.HasSuffix(authority, ":80") {
		host = n.authority()
	}
	return Gateway{scheme + "://" + host + prefix}, nil
}

// Secure reports whether the way to the gateway is wss.
func (g Gateway) Secure() bool { return strings.HasPrefix(g.base, "wss:") }

// String is the URL, without a slash at its end.
func (g Gateway) String() string { return g.base }

// URL is what to open for a node.
func (g Gateway) URL(n Node) string { return g.base + n.Path() }

// For is the URL to open for the request text of a dial info.
func (g Gateway) For(request string) (string, error) {
	n, err := FromRequest(request)
	if err != nil {
		return "", err
	}
	return g.URL(n), nil
}
