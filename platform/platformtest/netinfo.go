package platformtest

import (
	"context"
	"errors"
	"testing"

	"github.com/voile-net/voile/platform"
)

// NetInfo runs the contract. open leaves closing to the test.
func NetInfo(t *testing.T, open func(t *testing.T) platform.NetInfo) {
	info := open(t)
	n, err := info.Network(t.Context())
	if err != nil {
		t.Fatalf("Network: %v", err)
	}
	names := make(map[string]bool)
	for _, in := range n.Interfaces {
		if in.Name == "" || names[in.Name] || in.MTU < 0 || in.Index < 0 {
			t.Errorf("impossible interface %+v", in)
		}
		names[in.Name] = true
		for _, a := range in.Addrs {
			if !a.Prefix.IsValid() || a.Prefix.Addr().Is4In6() || a.Prefix.Addr().Zone() != "" {
				t.Errorf("%s: impossible address %v", in.Name, a.Prefix)
			}
			if a.Prefix.Addr().Is4() && (a.Temporary || a.Deprecated) {
				t.Errorf("%s: IPv4 address %v with a flag of IPv6", in.Name, a.Prefix)
			}
		}
	}
	for family, e := range map[string]platform.Egress{"IPv4": n.Egress4, "IPv6": n.Egress6} {
		switch in, ok := n.ByName(e.Interface); {
		case !e.Source.IsValid() && e != platform.Egress{}:
			t.Errorf("%s: no source, but %+v", family, e)
		case e.Source.IsValid() && (e.Source.Is4() != (family == "IPv4") || e.Source.Is4In6()):
			t.Errorf("%s: source %v", family, e.Source)
		case e.Interface != "" && (!ok || in.MTU != e.MTU):
			t.Errorf("%s: egress %+v is no interface of %v", family, e, names)
		case e.Gateway.IsValid() && !e.GatewayKnown:
			t.Errorf("%s: gateway %v is not known", family, e.Gateway)
		}
	}

	if len(n.Interfaces) > 0 { // the caller owns it
		n.Interfaces[0].Name = "changed by the test"
		if again, err := info.Network(t.Context()); err != nil || again.Interfaces[0].Name == "changed by the test" {
			t.Errorf("Network gave the caller's value again: %+v, %v", again.Interfaces[0], err)
		}
	}
	if info.Changed() != info.Changed() {
		t.Error("Changed gave two channels")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := info.Network(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Network: %v, want context.Canceled", err)
	}
	for range 2 {
		if err := info.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if _, err := info.Network(t.Context()); !errors.Is(err, platform.ErrClosed) {
		t.Errorf("Network after Close: %v, want ErrClosed", err)
	}
	for open := true; open; { // what came before Close may be waiting; the channel is never closed
		select {
		case _, open = <-info.Changed():
			if !open {
				t.Error("Close closed the channel")
			}
		default:
			open = false
		}
	}
}
