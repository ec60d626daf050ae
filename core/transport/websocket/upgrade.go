package websocket

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Limits of an upgrade request (spec 02 §4.1) and of the answer to one.
const (
	MaxRequest     = 2048 // the whole head, which must arrive in one read
	maxHeaders     = 24
	maxHeaderBytes = 512  // name and value of one header
	MaxResponse    = 4096 // ours: bounds what a server can make us buffer
)

// NotFound is the whole answer to a request that is over a limit (spec 02 §4.1).
const NotFound = "HTTP/1.1 404 Not Found\r\n\r\n"

var (
	// ErrNotUpgrade: the bytes are not a request that this server answers; the
	// connection is reset without a word.
	ErrNotUpgrade = errors.New("websocket: not an upgrade request for the path")
	// ErrTooMany: over a limit of headers; answered by NotFound.
	ErrTooMany = errors.New("websocket: too many headers or too long ones")
	// ErrResponse: the server did not upgrade, or not correctly.
	ErrResponse = errors.New("websocket: no upgrade")
)

// acceptSuffix is appended to the key (RFC 6455 §1.3).
const acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

// IsRequest reports whether the bytes of a first read are a request for the
// path, whole, as the listener decides it (spec 02 §4.1, steps 1 and 2). The
// path has no slash at either end and may be empty.
func IsRequest(peek []byte, path string) bool {
	rest, ok := bytes.CutPrefix(peek, []byte("GET /"+path))
	if !ok {
		return false
	}
	if !bytes.HasPrefix(rest, []byte(" ")) && !bytes.HasPrefix(rest, []byte("/ ")) {
		return false
	}
	return bytes.Contains(peek[:min(len(peek), MaxRequest)], []byte("\r\n\r\n"))
}

// ParseRequest reads a whole request that IsRequest has let through. rest is
// what follows the head, a part of b. The error is ErrTooMany or wraps
// ErrNotUpgrade.
func ParseRequest(b []byte) (key string, rest []byte, err error) {
	line, fields, rest, ok := splitHead(b)
	if !ok || !strings.HasSuffix(line, " HTTP/1.1") {
		return "", nil, ErrNotUpgrade
	}
	if err := checkLimits(fields); err != nil {
		return "", nil, err
	}
	key = fields.get("sec-websocket-key")
	switch {
	case !fields.hasToken("connection", "upgrade"):
		return "", nil, fmt.Errorf("%w: no connection: upgrade", ErrNotUpgrade)
	case !strings.EqualFold(fields.get("upgrade"), "websocket"):
		return "", nil, fmt.Errorf("%w: no upgrade: websocket", ErrNotUpgrade)
	case fields.get("sec-websocket-version") != "13":
		return "", nil, fmt.Errorf("%w: version is not 13", ErrNotUpgrade)
	case key == "":
		return "", nil, fmt.Errorf("%w: no key", ErrNotUpgrade)
	}
	return key, rest, nil
}

// AppendResponse appends the answer to a request with this key: three headers
// with names in lower case (spec 02 §4.1).
func AppendResponse(dst []byte, key string) []byte {
	dst = append(dst, "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: "...)
	dst = append(dst, accept(key)...)
	return append(dst, "\r\n\r\n"...)
}

// NewKey makes the key of a request from 16 random bytes.
func NewKey(random [16]byte) string { return base64.StdEncoding.EncodeToString(random[:]) }

// AppendRequest appends the request for a dial info: request is its URL without
// the scheme, host[:port]/path. It must be sent in one write (spec 02 §4.1). It
// fails if request cannot stand in an HTTP head or if the head is too long.
func AppendRequest(dst []byte, request, key string) ([]byte, error) {
	host, path, _ := strings.Cut(request, "/")
	if host == "" || !printable(request) {
		return dst, fmt.Errorf("websocket: malformed request %q", request)
	}
	start := len(dst)
	dst = append(dst, "GET /"+path+" HTTP/1.1\r\nHost: "+host...)
	dst = append(dst, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "...)
	dst = append(dst, key+"\r\n\r\n"...)
	if len(dst)-start > MaxRequest || len("Host")+len(host) > maxHeaderBytes {
		return dst[:start], fmt.Errorf("websocket: request of %d bytes is too long", len(dst)-start)
	}
	return dst, nil
}

// ParseResponse reads the answer to a request with this key. While the head is
// not whole, more is true. rest is what follows the head, a part of b. An error
// wraps ErrResponse.
func ParseResponse(b []byte, key string) (rest []byte, more bool, err error) {
	line, fields, rest, ok := splitHead(b)
	switch {
	case !ok && len(b) >= MaxResponse:
		return nil, false, fmt.Errorf("%w: head is too long", ErrResponse)
	case !ok:
		return nil, true, nil
	case !strings.HasPrefix(line, "HTTP/1.1 101 "):
		return nil, false, fmt.Errorf("%w: %.40q", ErrResponse, line)
	case fields == nil,
		!fields.hasToken("connection", "upgrade"),
		!strings.EqualFold(fields.get("upgrade"), "websocket"),
		fields.get("sec-websocket-accept") != accept(key):
		return nil, false, fmt.Errorf("%w: wrong headers", ErrResponse)
	case fields.has("sec-websocket-protocol"), fields.has("sec-websocket-extensions"):
		return nil, false, fmt.Errorf("%w: answers what was not asked", ErrResponse)
	}
	return rest, false, nil
}

func accept(key string) string {
	sum := sha1.Sum([]byte(key + acceptSuffix))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// headers are the header lines of a head; nil: malformed.
type headers []headerField

type headerField struct{ name, value string } // the name in lower case

func (h headers) get(name string) string {
	for _, f := range h {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

func (h headers) has(name string) bool {
	for _, f := range h {
		if f.name == name {
			return true
		}
	}
	return false
}

// hasToken reports whether a comma list contains the token, in any case.
func (h headers) hasToken(name, token string) bool {
	for _, f := range h {
		if f.name != name {
			continue
		}
		for part := range strings.SplitSeq(f.value, ",") {
			if strings.EqualFold(strings.TrimSpace(part), token) {
				return true
			}
		}
	}
	return false
}

func checkLimits(h headers) error {
	if h == nil {
		return fmt.Errorf("%w: malformed head", ErrNotUpgrade)
	}
	if len(h) > maxHeaders {
		return ErrTooMany
	}
	for _, f := range h {
		if len(f.name)+len(f.value) > maxHeaderBytes {
			return ErrTooMany
		}
	}
	return nil
}

// splitHead takes the head of an HTTP message apart. ok is false if it is not whole.
func splitHead(b []byte) (line string, h headers, rest []byte, ok bool) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		return "", nil, nil, false
	}
	rest = b[end+4:]
	lines := strings.Split(string(b[:end]), "\r\n")
	h = make(headers, 0, len(lines))
	for _, l := range lines[1:] {
		name, value, found := strings.Cut(l, ":")
		if !found || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(value, "\x00\r\n") {
			return lines[0], nil, rest, true
		}
		h = append(h, headerField{strings.ToLower(name), strings.Trim(value, " \t")})
	}
	return lines[0], h, rest, true
}

// printable reports whether s can stand in a request line.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
