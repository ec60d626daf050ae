package bind

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/jsonread"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

// The composite parameters (spec 07 §1).

var errOneField = errors.New("must have exactly one field")

// stability reads a Stability.
func stability() reader[core.Stability] { return as[jsonapi.Stability](readStability) }

func readStability(raw []byte) (core.Stability, error) {
	b, err := plain(raw)
	switch {
	case err != nil:
		return 0, err
	case string(b) == string(jsonapi.LowLatency):
		return route.LowLatency, nil
	case string(b) == string(jsonapi.Reliable):
		return route.Reliable, nil
	}
	return 0, unknownName(b)
}

// sequencing reads a Sequencing. NoPreference is the name that 0.5.2 had for
// PreferUnordered (spec 07, "Changes from 0.5.2").
func sequencing() reader[core.Sequencing] { return as[jsonapi.Sequencing](readSequencing) }

func readSequencing(raw []byte) (core.Sequencing, error) {
	b, err := plain(raw)
	switch {
	case err != nil:
		return 0, err
	case string(b) == string(jsonapi.PreferUnordered), string(b) == "NoPreference":
		return wire.PreferUnordered, nil
	case string(b) == string(jsonapi.PreferOrdered):
		return wire.PreferOrdered, nil
	case string(b) == string(jsonapi.EnsureOrdered):
		return wire.EnsureOrdered, nil
	}
	return 0, unknownName(b)
}

func unknownName(name []byte) error { return fmt.Errorf("unknown name %.40q", name) }

// hopCount reads a count of 64 bits; what an int cannot hold is too many anyway.
func hopCount() reader[int] {
	return as[uint](func(raw []byte) (int, error) {
		n, err := readU64(raw)
		return int(min(n, math.MaxInt32)), err
	})
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
	members, err := jsonread.Object(nil, raw)
	switch {
	case err != nil:
		return "", nil, err
	case len(members) != 1:
		return "", nil, errOneField
	}
	return string(members[0].Name), members[0].Raw, nil
}

func safetySelection() reader[safety] { return as[jsonapi.SafetySelection](readSafety) }

func readSafety(raw []byte) (safety, error) {
	name, value, err := oneField(raw)
	if err != nil {
		return safety{}, err
	}
	switch name {
	case "Unsafe":
		_, err := readSequencing(value)
		return safety{unsafe: true}, err
	case "Safe":
		return safetySpec().read(nil, value)
	}
	return safety{}, errors.New("neither Safe nor Unsafe")
}

func safetySpec() reader[safety] {
	return object[jsonapi.SafetySpec](func(p *params) safety {
		return safety{
			preferred: opt(p, "preferred_route", key[crypto.RouteID]()),
			spec: core.Safety{
				HopCount:   omit(p, "hop_count", hopCount(), 0),
				Stability:  omit(p, "stability", stability(), route.Reliable),
				Sequencing: omit(p, "sequencing", sequencing(), wire.PreferOrdered),
			},
		}
	})
}

func privateSpec() reader[core.PrivateRouteSpec] {
	return object[jsonapi.PrivateSpec](func(p *params) core.PrivateRouteSpec {
		return core.PrivateRouteSpec{
			Kinds:      omit(p, "crypto_kinds", list(kind()), nil),
			HopCount:   omit(p, "hop_count", hopCount(), 0),
			Stability:  omit(p, "stability", stability(), route.Reliable),
			Sequencing: omit(p, "sequencing", sequencing(), wire.PreferOrdered),
		}
	})
}

// oldPrivateSpec reads the fields that 0.5.2 had in place of private_spec. Those
// that do not fit are ignored, as all unknown fields are (spec 07, "Changes").
func oldPrivateSpec(p *params) core.PrivateRouteSpec {
	old := &params{members: p.members}
	spec := core.PrivateRouteSpec{
		Kinds:      omit(old, "kinds", list(kind()), nil),
		Stability:  omit(old, "stability", stability(), route.Reliable),
		Sequencing: omit(old, "sequencing", sequencing(), wire.PreferOrdered),
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

func messageTarget() reader[target] { return as[jsonapi.Target](readTarget) }

func readTarget(raw []byte) (target, error) {
	name, value, err := oneField(raw)
	if err != nil {
		return target{}, err
	}
	switch name {
	case "NodeId":
		_, err := readKey[crypto.NodeID](value, 1, 1)
		return target{node: true}, err
	case "RouteId":
		k, err := readKey[crypto.RouteID](value, 1, 1)
		return target{route: k}, err
	}
	return target{}, errors.New("neither NodeId nor RouteId")
}

// condition is a VeilidStateAttachmentCondition; nil: does not matter.
type condition struct {
	least, most             *core.AttachmentState
	publicReady, localReady *bool
}

func attachmentCondition() reader[condition] {
	return object[jsonapi.VeilidStateAttachmentCondition](func(p *params) condition {
		return condition{
			least: opt(p, "opt_min_state", attachmentState()), most: opt(p, "opt_max_state", attachmentState()),
			publicReady: opt(p, "opt_public_internet_ready", boolean()), localReady: opt(p, "opt_local_network_ready", boolean()),
		}
	})
}

func attachmentState() reader[core.AttachmentState] {
	return as[jsonapi.AttachmentState](readAttachmentState)
}

func readAttachmentState(raw []byte) (core.AttachmentState, error) {
	name, err := readText(raw)
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
