package jsonapi

import (
	"encoding/json"
	"errors"

	"github.com/voile-net/voile/core/crypto"
)

// RouteBlob is a private route of a node: hand the blob to others, keep the id.
type RouteBlob struct {
	RouteID crypto.RouteID `json:"route_id"`
	Blob    Bytes          `json:"blob"`
}

// SafetySpec says how a context hides its own node. Zero fields ask for the
// default; in answers all are set.
type SafetySpec struct {
	PreferredRoute *crypto.RouteID `json:"preferred_route"`          // nil: any
	HopCount       uint            `json:"hop_count" api:"optional"` // 0: the configured default
	Stability      Stability       `json:"stability,omitempty" api:"optional"`
	Sequencing     Sequencing      `json:"sequencing,omitempty" api:"optional"`
}

// SafetySelection is the safety of a context: one of the two fields is set.
type SafetySelection struct {
	Unsafe Sequencing  // direct; no node of the default build takes it
	Safe   *SafetySpec // through a safety route
}

// ErrOneOf: a value that is exactly one of several is none of them or more.
var ErrOneOf = errors.New("exactly one of the fields must be set")

// MarshalJSON gives {"Safe":…} or {"Unsafe":…}.
func (s SafetySelection) MarshalJSON() ([]byte, error) {
	switch {
	case s.Safe != nil && s.Unsafe == "":
		return oneField("Safe", s.Safe)
	case s.Safe == nil && s.Unsafe != "":
		return oneField("Unsafe", s.Unsafe)
	}
	return nil, ErrOneOf
}

// UnmarshalJSON reads {"Safe":…} or {"Unsafe":…}.
func (s *SafetySelection) UnmarshalJSON(text []byte) error {
	var v struct {
		Safe   *SafetySpec
		Unsafe Sequencing
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	if (v.Safe != nil) == (v.Unsafe != "") {
		return ErrOneOf
	}
	*s = SafetySelection{Safe: v.Safe, Unsafe: v.Unsafe}
	return nil
}

// PrivateSpec says what a private route shall be. Zero fields ask for the default.
type PrivateSpec struct {
	CryptoKinds []crypto.Kind `json:"crypto_kinds,omitempty" api:"optional"` // empty: all
	HopCount    uint          `json:"hop_count,omitempty" api:"optional"`    // 0: the configured default
	Stability   Stability     `json:"stability,omitempty" api:"optional"`
	Sequencing  Sequencing    `json:"sequencing,omitempty" api:"optional"`
}

// Target is the receiver of a message: one of the two fields is set.
type Target struct {
	NodeID  *crypto.NodeID  // no node of the default build takes it
	RouteID *crypto.RouteID // an imported private route
}

// ToRoute is an imported private route as a receiver.
func ToRoute(id crypto.RouteID) Target { return Target{RouteID: &id} }

// MarshalJSON gives {"RouteId":…} or {"NodeId":…}.
func (t Target) MarshalJSON() ([]byte, error) {
	switch {
	case t.RouteID != nil && t.NodeID == nil:
		return oneField("RouteId", t.RouteID)
	case t.RouteID == nil && t.NodeID != nil:
		return oneField("NodeId", t.NodeID)
	}
	return nil, ErrOneOf
}

// UnmarshalJSON reads {"RouteId":…} or {"NodeId":…}.
func (t *Target) UnmarshalJSON(text []byte) error {
	var v struct {
		NodeID  *crypto.NodeID  `json:"NodeId"`
		RouteID *crypto.RouteID `json:"RouteId"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	if (v.NodeID != nil) == (v.RouteID != nil) {
		return ErrOneOf
	}
	*t = Target{NodeID: v.NodeID, RouteID: v.RouteID}
	return nil
}

func oneField(name string, value any) ([]byte, error) {
	return json.Marshal(map[string]any{name: value})
}
