package jsonapi

import (
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// VeilidConfig is the configuration of a node (spec 07 §6). Its secrets marshal.
type VeilidConfig = config.Config

// VeilidState is everything about a node at once. Its configuration has the
// secret keys in it.
type VeilidState struct {
	Attachment VeilidStateAttachment `json:"attachment"`
	Network    VeilidStateNetwork    `json:"network"`
	Config     VeilidStateConfig     `json:"config"`
}

// VeilidStateAttachment is the state of the attachment, and the update that says
// that it has changed.
type VeilidStateAttachment struct {
	State                AttachmentState    `json:"state"`
	PublicInternetReady  bool               `json:"public_internet_ready"`
	LocalNetworkReady    bool               `json:"local_network_ready"`
	Uptime               TimestampDuration  `json:"uptime"`
	AttachedUptime       *TimestampDuration `json:"attached_uptime"` // nil: not attached
	ReliablePeerCount    NodeCount          `json:"reliable_peer_count"`
	LivePeerCount        NodeCount          `json:"live_peer_count"`
	EstimatedNetworkSize NodeCount          `json:"estimated_network_size"`
	MedianLatency        *TimestampDuration `json:"median_latency"` // nil: not known
	OverAttachedNodes    NodeCount          `json:"over_attached_nodes"`
}

// VeilidStateNetwork is what the network does, and the update of each second.
type VeilidStateNetwork struct {
	Started bool            `json:"started"`
	BpsDown ByteCount       `json:"bps_down"`
	BpsUp   ByteCount       `json:"bps_up"`
	Peers   []PeerTableData `json:"peers"` // at most 64
	NodeIDs []crypto.NodeID `json:"node_ids"`
}

// VeilidStateConfig is the configuration in a state, and the update that says that
// it has changed; that one is without secrets.
type VeilidStateConfig struct {
	Config VeilidConfig `json:"config"`
}

// PeerTableData is one peer.
type PeerTableData struct {
	NodeIDs     []crypto.NodeID `json:"node_ids"`
	PeerAddress string          `json:"peer_address"` // such as "UDP:192.0.2.1:5150"
	PeerStats   PeerStats       `json:"peer_stats"`
}

// PeerStats is what was measured of a peer.
type PeerStats struct {
	Latency  *LatencyStats       `json:"latency"` // nil: nothing yet
	Transfer TransferStatsDownUp `json:"transfer" api:"optional"`
}

// LatencyStats are times from question to answer. tm90 and tm75 are means without
// the slowest, p90 and p75 percentiles.
type LatencyStats struct {
	Fastest TimestampDuration `json:"fastest"`
	Average TimestampDuration `json:"average"`
	Slowest TimestampDuration `json:"slowest"`
	TM90    TimestampDuration `json:"tm90" api:"optional"`
	TM75    TimestampDuration `json:"tm75" api:"optional"`
	P90     TimestampDuration `json:"p90" api:"optional"`
	P75     TimestampDuration `json:"p75" api:"optional"`
}

// TransferStatsDownUp is what was received and sent.
type TransferStatsDownUp struct {
	Down TransferStats `json:"down"`
	Up   TransferStats `json:"up"`
}

// TransferStats is a total, and bytes per second.
type TransferStats struct {
	Total   ByteCount `json:"total"`
	Maximum ByteCount `json:"maximum"`
	Average ByteCount `json:"average"`
	Minimum ByteCount `json:"minimum"`
}

// VeilidStateAttachmentCondition is what WaitForAttachmentCondition waits for; nil
// fields do not matter, bounds are inclusive.
type VeilidStateAttachmentCondition struct {
	OptMinState            *AttachmentState `json:"opt_min_state"`
	OptMaxState            *AttachmentState `json:"opt_max_state"`
	OptPublicInternetReady *bool            `json:"opt_public_internet_ready"`
	OptLocalNetworkReady   *bool            `json:"opt_local_network_ready"`
}

// VeilidVersion is the version of the API.
type VeilidVersion struct {
	Major uint32 `json:"major"`
	Minor uint32 `json:"minor"`
	Patch uint32 `json:"patch"`
}
