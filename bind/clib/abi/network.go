package abi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/platform"
)

// maxInterfaces bounds the facts of a host, and maxAddresses those of an interface.
const (
	maxInterfaces = 256
	maxAddresses  = 256
)

// networkFacts is the form of the facts in JSON; voile.h describes it.
type networkFacts struct {
	Interfaces []struct {
		Name         string `json:"name"`
		Index        int    `json:"index"`
		MTU          int    `json:"mtu"`
		Running      *bool  `json:"running"`
		Loopback     bool   `json:"loopback"`
		PointToPoint bool   `json:"point_to_point"`
		Multicast    bool   `json:"multicast"`
		CLAT         bool   `json:"clat"`
		Addresses    []struct {
			Prefix     netip.Prefix `json:"prefix"`
			Temporary  bool         `json:"temporary"`
			Deprecated bool         `json:"deprecated"`
		} `json:"addresses"`
	} `json:"interfaces"`
	Egress4 *egressFacts `json:"egress4"`
	Egress6 *egressFacts `json:"egress6"`
}

type egressFacts struct {
	Source    netip.Addr      `json:"source"`
	Interface string          `json:"interface"`
	MTU       int             `json:"mtu"`
	Gateway   json.RawMessage `json:"gateway"` // nil: not known
}

func badNetwork(format string, args ...any) error {
	return &core.Error{Kind: core.ParseError, Message: "network facts: " + fmt.Sprintf(format, args...)}
}

// ParseNetwork reads the facts that a host gives. Errors are of the kind ParseError
// and name the place, or TooLarge.
func ParseNetwork(text []byte) (platform.Network, error) {
	var facts networkFacts
	var n platform.Network
	if len(text) > MaxConfig {
		return n, TooLarge("network_size", uint64(len(text)), MaxConfig)
	}
	if err := json.Unmarshal(text, &facts); err != nil {
		return n, badNetwork("%v", err)
	}
	if len(facts.Interfaces) > maxInterfaces {
		return n, badNetwork("%d interfaces, at most %d", len(facts.Interfaces), maxInterfaces)
	}
	for i, f := range facts.Interfaces {
		in := platform.Interface{
			Name: f.Name, Index: f.Index, MTU: f.MTU, Running: f.Running == nil || *f.Running, Loopback: f.Loopback,
			PointToPoint: f.PointToPoint, Multicast: f.Multicast, CLAT: f.CLAT,
		}
		_, twice := n.ByName(f.Name)
		switch {
		case f.Name == "":
			return platform.Network{}, badNetwork("interfaces[%d].name is missing", i)
		case twice:
			return platform.Network{}, badNetwork("interfaces[%d].name %q is there twice", i, f.Name)
		case f.Index < 0 || f.MTU < 0:
			return platform.Network{}, badNetwork("interfaces[%d] has a negative index or mtu", i)
		case len(f.Addresses) > maxAddresses:
			return platform.Network{}, badNetwork("interfaces[%d] has %d addresses, at most %d", i, len(f.Addresses), maxAddresses)
		}
		for j, a := range f.Addresses {
			addr := a.Prefix.Addr()
			if !a.Prefix.IsValid() || addr.Is4In6() {
				return platform.Network{}, badNetwork("interfaces[%d].addresses[%d].prefix is missing or an IPv4 address in IPv6 form", i, j)
			}
			six := addr.Is6()
			in.Addrs = append(in.Addrs, platform.InterfaceAddr{Prefix: a.Prefix, Temporary: six && a.Temporary, Deprecated: six && a.Deprecated})
		}
		n.Interfaces = append(n.Interfaces, in)
	}
	var err error
	if n.Egress4, err = facts.Egress4.read("egress4", &n, true); err != nil {
		return platform.Network{}, err
	}
	if n.Egress6, err = facts.Egress6.read("egress6", &n, false); err != nil {
		return platform.Network{}, err
	}
	return n, nil
}

// read is the egress of facts; nil: there is none.
func (f *egressFacts) read(name string, n *platform.Network, four bool) (platform.Egress, error) {
	if f == nil {
		return platform.Egress{}, nil
	}
	e := platform.Egress{Source: f.Source.WithZone(""), Interface: f.Interface, MTU: f.MTU}
	if !e.Source.IsValid() || e.Source.Is4() != four || e.Source.Is4In6() {
		return platform.Egress{}, badNetwork("%s.source is missing or of the other family", name)
	}
	if e.Interface != "" {
		in, ok := n.ByName(e.Interface)
		if !ok {
			return platform.Egress{}, badNetwork("%s.interface %q is not among the interfaces", name, e.Interface)
		}
		e.MTU = in.MTU
	}
	if f.Gateway == nil {
		return e, nil
	}
	e.GatewayKnown = true
	if bytes.Equal(f.Gateway, []byte("null")) {
		return e, nil
	}
	if err := json.Unmarshal(f.Gateway, &e.Gateway); err != nil || e.Gateway.Is4() != four {
		return platform.Egress{}, badNetwork("%s.gateway is no address of the family", name)
	}
	e.Gateway = e.Gateway.WithZone("")
	return e, nil
}

// HostNetwork is a platform.NetInfo whose facts the host tells.
type HostNetwork struct {
	changed chan struct{}

	mu     sync.Mutex
	facts  platform.Network
	closed bool
}

// NewHostNetwork begins with the facts of the start.
func NewHostNetwork(facts platform.Network) *HostNetwork {
	return &HostNetwork{changed: make(chan struct{}, 1), facts: facts}
}

// Set replaces the facts.
func (h *HostNetwork) Set(facts platform.Network) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.facts = facts
		signal(h.changed)
	}
}

// Network gives the facts as they are now.
func (h *HostNetwork) Network(ctx context.Context) (platform.Network, error) {
	if err := ctx.Err(); err != nil {
		return platform.Network{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return platform.Network{}, platform.ErrClosed
	}
	n := h.facts
	n.Interfaces = slices.Clone(n.Interfaces)
	for i := range n.Interfaces {
		n.Interfaces[i].Addrs = slices.Clone(n.Interfaces[i].Addrs)
	}
	return n, nil
}

// Changed has a value after a change.
func (h *HostNetwork) Changed() <-chan struct{} { return h.changed }

// Close ends it. It may be called twice.
func (h *HostNetwork) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	return nil
}
