package webdemo

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
)

// networkPath is where the page finds which network to join.
const networkPath = "/network.json"

// description is what the page is told of the network.
type description struct {
	// Network tells one network from another: what a browser keeps belongs to it.
	Network    string      `json:"network"`
	NetworkKey string      `json:"networkKey"` // its secret
	Bootstrap  []string    `json:"bootstrap"`  // bootstrap records
	Nodes      []nodeFacts `json:"nodes"`
}

type nodeFacts struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Address string `json:"address"`
}

// describe says how a page joins a network that is running.
func describe(w *privnet.Network) description {
	sum := sha256.Sum256([]byte(w.Ticket.NetworkKey))
	d := description{
		Network:    base64.RawURLEncoding.EncodeToString(sum[:9]),
		NetworkKey: w.Ticket.NetworkKey,
		Bootstrap:  []string{w.Ticket.Bootstrap},
	}
	for _, n := range w.Nodes {
		d.Nodes = append(d.Nodes, nodeFacts{n.Name, n.ID().String(), n.At.String()})
	}
	return d
}

// site is the page and what belongs to it. It answers no one but programs of this
// machine that call it by its own name: a page of another site that has its name
// resolve to 127.0.0.1 gets nothing.
type site struct {
	files   *files
	network []byte // description
	nodes   string // where a page may connect to, beside the site
}

func newSite(f *files, d description) (*site, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	s := &site{files: f, network: text}
	for _, n := range d.Nodes {
		s.nodes += " ws://" + n.Address
	}
	return s, nil
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	switch {
	case !local(r.Host):
		http.Error(w, "this page is for programs of this machine", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
	case r.URL.Path == networkPath:
		h.Set("Content-Type", "application/json")
		h.Set("Content-Security-Policy", "default-src 'none'")
		h.Set("Cache-Control", "no-store") // it has the network's key in it
		h.Set("Content-Length", fmt.Sprint(len(s.network)))
		if r.Method == http.MethodGet {
			w.Write(s.network)
		}
	default:
		s.files.serve(w, r, s.policy)
	}
}

// policy is what the page and its worker may do: run the code of the site, and
// connect to the site and to the nodes of its network. Nothing else.
func (s *site) policy(scripts []string) string {
	return strings.Join([]string{
		"default-src 'none'",
		strings.Join(append([]string{"script-src 'self' 'wasm-unsafe-eval'"}, scripts...), " "),
		"style-src 'self'",
		"img-src 'self' data:",
		"worker-src 'self'",
		"connect-src 'self'" + s.nodes,
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
	}, "; ")
}

// local reports whether the host of a request is a name of this machine.
func local(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
