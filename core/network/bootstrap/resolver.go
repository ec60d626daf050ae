package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/voile-net/voile/core/crypto/lru"
)

// The TXT cache (spec 02 §13.2), and limits of what a name server may hand us.
const (
	cacheNames   = 256
	cacheTime    = 300 * time.Second
	maxStrings   = 256   // TXT strings of one name
	maxAddresses = 32    // addresses of one host
	maxTXTBytes  = 65535 // of one name
)

// ErrNoResolver: the platform has none, as a browser has none.
var ErrNoResolver = errors.New("no name resolution here")

// Resolver looks names up. Methods may block until the context ends and may be
// called from any goroutine. A name without an entry is an error or an empty
// result.
type Resolver interface {
	// TXT returns the TXT records of a name, the character-strings of each
	// joined to one string.
	TXT(ctx context.Context, name string) ([]string, error)
	// Host returns the addresses of a host name.
	Host(ctx context.Context, host string) ([]netip.Addr, error)
}

// NetLookup is the part of a *net.Resolver that [NewNetResolver] uses.
type NetLookup interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// NewNetResolver makes a Resolver of a *net.Resolver.
func NewNetResolver(r NetLookup) Resolver { return netResolver{r} }

type netResolver struct{ r NetLookup }

func (n netResolver) TXT(ctx context.Context, name string) ([]string, error) {
	return n.r.LookupTXT(ctx, name)
}

func (n netResolver) Host(ctx context.Context, host string) ([]netip.Addr, error) {
	return n.r.LookupNetIP(ctx, "ip", host)
}

// Cache remembers the TXT records of 256 names for 300 s, if there are any
// (spec 02 §13.2). A node has one and gives it to each [Gather]. Methods may be
// called from any goroutine.
type Cache struct {
	resolver Resolver // nil: ErrNoResolver

	mu    sync.Mutex // guards names
	names *lru.Cache[string, cached]
}

type cached struct {
	strings []string
	until   time.Time
}

// NewCache makes a cache in front of a resolver. nil: nothing is looked up and
// only addresses that stand in the configuration are used.
func NewCache(r Resolver) *Cache {
	return &Cache{resolver: r, names: lru.New[string, cached](cacheNames, nil)}
}

// CanLookup reports whether there is a resolver.
func (c *Cache) CanLookup() bool { return c.resolver != nil }

// Forget empties the cache, for a change of network.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.names.Clear()
}

// TXT looks a name up. The caller must not change the result.
func (c *Cache) TXT(ctx context.Context, name string) ([]string, error) {
	if c.resolver == nil {
		return nil, ErrNoResolver
	}
	c.mu.Lock()
	if have := c.names.Get(name); have != nil && time.Now().Before(have.until) {
		found := have.strings
		c.mu.Unlock()
		return found, nil
	}
	c.mu.Unlock()
	found, err := c.resolver.TXT(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("TXT of %.100q: %w", name, err)
	}
	found = bounded(found)
	if len(found) > 0 {
		c.mu.Lock()
		c.names.Put(name, cached{found, time.Now().Add(cacheTime)})
		c.mu.Unlock()
	}
	return found, nil
}

// bounded drops strings that are not UTF-8 (spec 02 §13.2) and what is beyond
// the limits.
func bounded(in []string) []string {
	out := make([]string, 0, min(len(in), maxStrings))
	total := 0
	for _, s := range in {
		if total += len(s); total > maxTXTBytes || len(out) == maxStrings {
			break
		}
		if utf8.ValidString(s) {
			out = append(out, s)
		}
	}
	return out
}

// Host resolves a host name; an IP literal, IPv6 with or without brackets, is
// its own address.
func (c *Cache) Host(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, ok := literal(host); ok {
		return []netip.Addr{addr}, nil
	}
	if c.resolver == nil {
		return nil, ErrNoResolver
	}
	found, err := c.resolver.Host(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("addresses of %.100q: %w", host, err)
	}
	addrs := make([]netip.Addr, 0, min(len(found), maxAddresses))
	for _, a := range found {
		a = a.Unmap().WithZone("")
		if a.IsValid() && !a.IsUnspecified() && !slices.Contains(addrs, a) && len(addrs) < maxAddresses {
			addrs = append(addrs, a)
		}
	}
	return addrs, nil
}

// literal reads an IP address, IPv6 with or without brackets.
func literal(host string) (netip.Addr, bool) {
	if len(host) > 2 && host[0] == '[' && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap().WithZone(""), err == nil
}
