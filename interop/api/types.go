package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Bytes is a byte string, in JSON base64url without padding (spec 07 §1).
type Bytes []byte

// MarshalText encodes b; with it a Bytes is a JSON string.
func (b Bytes) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText decodes strictly: padded text is refused.
func (b *Bytes) UnmarshalText(text []byte) error {
	raw, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("base64: %w", err)
	}
	*b = raw
	return nil
}

// Count is a number that the API writes as a decimal string (spec 07 §1).
type Count uint64

// UnmarshalText reads decimal digits.
func (c *Count) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return err
	}
	*c = Count(n)
	return nil
}

// MarshalText writes decimal digits.
func (c Count) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(c), 10), nil }

// Duration reads c as the microseconds that every time of the API is in.
func (c Count) Duration() time.Duration { return time.Duration(c) * time.Microsecond }

// Update is something a node tells without being asked (spec 07 §4). Only the
// fields of its kind are set.
type Update struct {
	Kind    string  `json:"kind"`
	Sender  *string `json:"sender"`   // AppMessage, AppCall
	RouteID *string `json:"route_id"` // AppMessage, AppCall
	Message Bytes   `json:"-"`        // AppMessage, AppCall
	CallID  string  `json:"call_id"`  // AppCall

	LogLevel string `json:"log_level"` // Log
	LogText  string `json:"-"`         // Log

	DeadRoutes       []string `json:"dead_routes"`        // RouteChange
	DeadRemoteRoutes []string `json:"dead_remote_routes"` // RouteChange

	Raw json.RawMessage `json:"-"` // the whole line; nil for AppMessage and AppCall, which can be many
}

// Attachment is how the node stands in the network.
type Attachment struct {
	State                string `json:"state"`
	PublicInternetReady  bool   `json:"public_internet_ready"`
	LocalNetworkReady    bool   `json:"local_network_ready"`
	Uptime               Count  `json:"uptime"`
	AttachedUptime       *Count `json:"attached_uptime"` // nil: not attached
	ReliablePeerCount    Count  `json:"reliable_peer_count"`
	LivePeerCount        Count  `json:"live_peer_count"`
	EstimatedNetworkSize Count  `json:"estimated_network_size"`
	MedianLatency        *Count `json:"median_latency"` // nil: nothing measured
}

// Peer is one recent peer of a node.
type Peer struct {
	NodeIDs []string `json:"node_ids"`
	Address string   `json:"peer_address"` // such as TCP:192.0.2.1:5150
}

// State is a node's answer to GetState.
type State struct {
	Attachment Attachment `json:"attachment"`
	Network    struct {
		Started bool     `json:"started"`
		Peers   []Peer   `json:"peers"`
		NodeIDs []string `json:"node_ids"`
	} `json:"network"`
	Config struct {
		Config json.RawMessage `json:"config"`
	} `json:"config"`
}

// RouteBlob is a new private route: what its owner calls it, and what others import.
type RouteBlob struct {
	RouteID string `json:"route_id"`
	Blob    Bytes  `json:"blob"`
}

// Sequencing says whether messages must keep their order on each link.
type Sequencing string

// The sequencings of 0.5.8.
const (
	PreferUnordered Sequencing = "PreferUnordered"
	PreferOrdered   Sequencing = "PreferOrdered"
	EnsureOrdered   Sequencing = "EnsureOrdered"
)

// Stability says what to look for in route hops.
type Stability string

// The stabilities.
const (
	LowLatency Stability = "LowLatency"
	Reliable   Stability = "Reliable"
)

// SafetySpec is how a message leaves its sender.
type SafetySpec struct {
	PreferredRoute *string    `json:"preferred_route"` // nil: any
	HopCount       int        `json:"hop_count"`       // 0: the node's default
	Stability      Stability  `json:"stability"`
	Sequencing     Sequencing `json:"sequencing"`
}

// PrivateSpec is what a private route is made of.
type PrivateSpec struct {
	CryptoKinds []string   `json:"crypto_kinds"`
	HopCount    int        `json:"hop_count"` // 0: the node's default
	Stability   Stability  `json:"stability"`
	Sequencing  Sequencing `json:"sequencing"`
}

// Target is where a message goes: to a private route, or, where nodes allow it,
// to a node.
type Target struct {
	RouteID string `json:"RouteId,omitempty"`
	NodeID  string `json:"NodeId,omitempty"`
}
