package bind

import (
	"errors"
	"math"
	"strings"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// The composite parameters (spec 07 §1).

var errOneField = errors.New("must have exactly one field")

// stability reads a Stability.
func stability(raw []byte) (core.Stability, error) {
	return enum(map[string]core.Stability{"LowLatency": route.LowLatency, "Reliable": route.Reliable})(raw)
}

// sequencing reads a Sequencing. NoPreference is the name that 0.5.2 had for
// PreferUnordered (spec 07, "Changes from 0.5.2").
func sequencing(raw []byte) (core.Sequencing, error) {
	return enum(map[string]core.Sequencing{
		"PreferUnordered": wire.PreferUnordered, "NoPreference": wire.PreferUnordered,
		"PreferOrdered": wire.PreferOrdered, "EnsureOrdered": wire.EnsureOrdered,
	})(raw)
}

// hopCount reads a count of 64 bits; what an int cannot hold is too many anyway.
func hopCount(raw []byte) (int, error) {
	n, err := u64(raw)
	return int(min(n, math.MaxInt32)), err
}

// safety is a SafetySelection.
type safety struct {
	unsafe    bool
	spec      core.Safety
	preferred *keyText[crypto.RouteID]
}

// oneField reads an object of one field, such as {"Safe":{}}.
func oneField(raw []byte) (name string, value []byte, err error) {
	if raw[0] != '{' {
		return "", nil, kindFault(raw)
	}
	s := scanner{text: raw}
	count := 0
	err = s.object(func(n, v []byte) {
		name, value = string(n), v
		count++
	})
	if err == nil && count != 1 {
		err = errOneField
	}
	return name, value, err
}

func safetySelection(raw []byte) (safety, error) {
	name, value, err := oneField(raw)
	if err != nil {
		return safety{}, err
	}
	switch name {
	case "Unsafe":
		_, err := sequencing(value)
		return safety{unsafe: true}, err
	case "Safe":
		return object(func(p *params) safety {
			return safety{
				preferred: opt(p, "preferred_route", key[crypto.RouteID]),
				spec: core.Safety{
					HopCount:   omit(p, "hop_count", hopCount, 0),
					Stability:  omit(p, "stability", stability, route.Reliable),
					Sequencing: omit(p, "sequencing", sequencing, wire.PreferOrdered),
				},
			}
		})(value)
	}
	return safety{}, errors.New("neither Safe nor Unsafe")
}

func privateSpec(p *params) core.PrivateRouteSpec {
	return core.PrivateRouteSpec{
		Kinds:      omit(p, "crypto_kinds", list(kind), nil),
		HopCount:   omit(p, "hop_count", hopCount, 0),
		Stability:  omit(p, "stability", stability, route.Reliable),
		Sequencing: omit(p, "sequencing", sequencing, wire.PreferOrdered),
	}
}

// oldPrivateSpec reads the fields that 0.5.2 had in place of private_spec. Those
// that do not fit are ignored, as all unknown fields are (spec 07, "Changes").
func oldPrivateSpec(p *params) core.PrivateRouteSpec {
	old := &params{members: p.members}
	spec := core.PrivateRouteSpec{
		Kinds:      omit(old, "kinds", list(kind), nil),
		Stability:  omit(old, "stability", stability, route.Reliable),
		Sequencing: omit(old, "sequencing", sequencing, wire.PreferOrdered),
	}
	if old.err != nil {
		return core.PrivateRouteSpec{Stability: route.Reliable, Sequencing: wire.PreferOrdered}
	}
	return spec
}

// target is the receiver of a message; only routes can be one.
type target struct {
	node  bool
	route keyText[crypto.RouteID]
}

func readTarget(raw []byte) (target, error) {
	name, value, err := oneField(raw)
	if err != nil {
		return target{}, err
	}
	switch name {
	case "NodeId":
		_, err := key[crypto.NodeID](value)
		return target{node: true}, err
	case "RouteId":
		k, err := key[crypto.RouteID](value)
		return target{route: k}, err
	}
	return target{}, errors.New("neither NodeId nor RouteId")
}

// condition is a VeilidStateAttachmentCondition; nil: does not matter.
type condition struct {
	least, most             *core.AttachmentState
	publicReady, localReady *bool
}

func readCondition(p *params) condition {
	return condition{
		least: opt(p, "opt_min_state", attachmentState), most: opt(p, "opt_max_state", attachmentState),
		publicReady: opt(p, "opt_public_internet_ready", boolean), localReady: opt(p, "opt_local_network_ready", boolean),
	}
}

func attachmentState(raw []byte) (core.AttachmentState, error) {
	name, err := text(raw)
	if err != nil {
		return 0, err
	}
	for s := attach.Detached; s <= attach.AttachedFull; s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, errors.New("unknown state")
}

// defaultCondition holds when the node is attached and ready (spec 07 §2.1).
func defaultCondition() condition {
	least, ready := attach.AttachedWeak, true
	return condition{least: &least, publicReady: &ready}
}

func (c condition) check() error {
	if c.least != nil && c.most != nil && *c.least > *c.most {
		return invalidArgument("wait_for_attachment_condition", "condition",
			"min "+snakeCase(c.least.String())+" above max "+snakeCase(c.most.String()))
	}
	return nil
}

func (c condition) holds(s core.AttachmentStatus) bool {
	return (c.least == nil || s.State >= *c.least) && (c.most == nil || s.State <= *c.most) &&
		(c.publicReady == nil || s.PublicInternetReady == *c.publicReady) &&
		(c.localReady == nil || s.LocalNetworkReady == *c.localReady)
}

// snakeCase makes attached_weak of AttachedWeak.
func snakeCase(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
