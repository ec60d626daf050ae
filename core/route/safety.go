package route

import (
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Stability is what own routes are picked for; it is never on the wire
// (spec 03 §8.3).
type Stability uint8

const (
	LowLatency Stability = iota
	Reliable
)

// String is the name that the API uses.
func (s Stability) String() string {
	if s == LowLatency {
		return "LowLatency"
	}
	return "Reliable"
}

// Ordering is the property of links that a route was made for (spec 05 §13.1).
type Ordering uint8

const (
	Unordered Ordering = iota // datagrams: UDP
	Ordered                   // TCP, WS
)

const orderingCount = 2

// String is the name that the API uses.
func (o Ordering) String() string {
	if o == Unordered {
		return "Unordered"
	}
	return "Ordered"
}

// OrderingOf is the ordering of links over a protocol.
func OrderingOf(p wire.ProtocolType) Ordering {
	if p.Ordered() {
		return Ordered
	}
	return Unordered
}

// PreferredOrdering is the ordering of the routes that a sequencing asks for
// (spec 05 §15).
func PreferredOrdering(s wire.Sequencing) Ordering {
	if s == wire.PreferUnordered {
		return Unordered
	}
	return Ordered
}

// Strict is the sequencing that tests a route of this ordering (spec 05 §16).
func (o Ordering) Strict() wire.Sequencing {
	if o == Unordered {
		return wire.PreferUnordered
	}
	return wire.EnsureOrdered
}

// SafetySpec describes the safety route of a message. It is comparable.
type SafetySpec struct {
	Preferred  crypto.RouteID // zero: none
	HopCount   int
	Stability  Stability
	Sequencing wire.Sequencing
}

// SafetySelection says how a message is hidden: not at all, or by a safety route.
// The zero value is a safety route of no hops, which no function accepts, so that
// a forgotten selection never shows the sender. It is comparable.
type SafetySelection struct {
	unsafe bool
	spec   SafetySpec
}

// Unsafe selects no safety route: the receiver learns who sent the message.
func Unsafe(s wire.Sequencing) SafetySelection {
	return SafetySelection{unsafe: true, spec: SafetySpec{Sequencing: s}}
}

// Safe selects a safety route.
func Safe(spec SafetySpec) SafetySelection { return SafetySelection{spec: spec} }

// IsUnsafe reports whether there is no safety route.
func (s SafetySelection) IsUnsafe() bool { return s.unsafe }

// Spec is the description of the safety route; false: there is none.
func (s SafetySelection) Spec() (SafetySpec, bool) { return s.spec, !s.unsafe }

// Sequencing is the only part of a selection that is on the wire.
func (s SafetySelection) Sequencing() wire.Sequencing { return s.spec.Sequencing }

// HopCount is the number of hops as selected, before any doubling; 0 for Unsafe.
func (s SafetySelection) HopCount() int { return s.spec.HopCount }

// QuestionTimeout is how long to wait for the answer to a question that was sent
// with this selection: T and a tenth of it for each hop of the round trip above
// four (spec 05 §6).
func (s SafetySelection) QuestionTimeout(t time.Duration) time.Duration {
	return QuestionTimeout(t, s.HopCount())
}

// QuestionTimeout is [SafetySelection.QuestionTimeout] for a number of hops.
func QuestionTimeout(t time.Duration, hops int) time.Duration {
	return t + t/10*time.Duration(max(0, 2*hops-4))
}
