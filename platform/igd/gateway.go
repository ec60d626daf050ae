//go:build !js

package igd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/huin/goupnp/soap"

	"github.com/voile-net/voile/core/attach/detect"
	"github.com/voile-net/voile/core/wire"
)

// Faults of the services that decide something (UPnP WANIPConnection).
const (
	faultInvalidAction   = 401
	faultNotImplemented  = 602
	faultConflict        = 718 // the port is passed on to somebody else
	faultSamePort        = 724 // outside and inside port must be the same
	faultPermanentLeases = 725 // a lease must be for ever
)

// Outside ports to try when our own is taken.
const (
	portAttempts = 4
	lowestPort   = 32768
)

// service is one of the services that map ports; those of goupnp have these
// methods in common.
type service interface {
	AddPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string,
		internalPort uint16, internalClient string, enabled bool, description string, lease uint32) error
	DeletePortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string) error
	GetExternalIPAddressCtx(ctx context.Context) (string, error)
}

// anyService is a service that picks a port by itself (WANIPConnection:2).
type anyService interface {
	AddAnyPortMappingCtx(ctx context.Context, remoteHost string, externalPort uint16, protocol string,
		internalPort uint16, internalClient string, enabled bool, description string, lease uint32) (uint16, error)
}

// device is a gateway reached by UPnP.
type device struct {
	service service
	client  string // our own address as the gateway sees it
	program string
}

func (d *device) external(ctx context.Context) (netip.Addr, error) {
	text, err := d.service.GetExternalIPAddressCtx(ctx)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("outside address: %w", err)
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is4() || addr.IsUnspecified() {
		return netip.Addr{}, fmt.Errorf("outside address: %q is none", clip(text))
	}
	return addr, nil
}

func (d *device) add(ctx context.Context, p detect.Port, want uint16, lease time.Duration, any bool) (uint16, error) {
	if s, ok := d.service.(anyService); ok && any {
		port, err := s.AddAnyPortMappingCtx(ctx, "", want, protocolName(p), p.Number, d.client, true,
			d.description(p), uint32(lease/time.Second))
		switch code := faultOf(err); {
		case err == nil && port != 0:
			return port, nil
		case err == nil:
			return 0, errors.New("mapped to port 0")
		case code != faultInvalidAction && code != faultNotImplemented && code != faultPermanentLeases:
			return 0, err
		}
	}
	err := d.addAt(ctx, p, want, lease)
	for range portAttempts {
		if !any || faultOf(err) != faultConflict {
			break
		}
		want = uint16(lowestPort + rand.IntN(1<<16-lowestPort))
		err = d.addAt(ctx, p, want, lease)
	}
	return want, err
}

// addAt maps one outside port, for ever if the gateway knows no other lease: it
// is taken back at the end like the others.
func (d *device) addAt(ctx context.Context, p detect.Port, outside uint16, lease time.Duration) error {
	add := func(seconds uint32) error {
		return d.service.AddPortMappingCtx(ctx, "", outside, protocolName(p), p.Number, d.client, true,
			d.description(p), seconds)
	}
	err := add(uint32(lease / time.Second))
	if faultOf(err) == faultPermanentLeases {
		err = add(0)
	}
	return err
}

func (d *device) remove(ctx context.Context, p detect.Port, outside uint16) error {
	return d.service.DeletePortMappingCtx(ctx, "", outside, protocolName(p))
}

// description is what the owner of the gateway reads (spec 04 §9.5).
func (d *device) description(p detect.Port) string {
	return fmt.Sprintf("%s map %s for port %d", d.program, protocolName(p), p.Number)
}

func protocolName(p detect.Port) string {
	if p.Protocol == wire.UDP {
		return "UDP"
	}
	return "TCP"
}

// faultOf is the code that a gateway refused with; 0: it did not.
func faultOf(err error) int {
	var f *soap.SOAPFaultError
	if errors.As(err, &f) {
		return f.Detail.UPnPError.Errorcode
	}
	return 0
}

// clip shortens what a stranger wrote.
func clip(s string) string { return s[:min(len(s), 64)] }
