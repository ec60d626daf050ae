package jsonapi

// The tuning values under `internal` of a configuration (spec 07 §6.1). A node of
// the default build takes them along and uses its own; package config therefore
// keeps them as they came, and these types read them.

// VeilidConfigInternal is the tuning tree.
type VeilidConfigInternal struct {
	Network VeilidConfigInternalNetwork `json:"network"`
}

// VeilidConfigInternalNetwork is the tuning of connections.
type VeilidConfigInternalNetwork struct {
	ConnectionInitialTimeoutMS     uint32                           `json:"connection_initial_timeout_ms"`
	SingleSendTimeoutMS            uint32                           `json:"single_send_timeout_ms"`
	ConnectionInactivityTimeoutMS  uint32                           `json:"connection_inactivity_timeout_ms"`
	MaxConnectionsPerIP4           uint32                           `json:"max_connections_per_ip4"`
	MaxConnectionsPerIP6Prefix     uint32                           `json:"max_connections_per_ip6_prefix"`
	MaxConnectionsPerIP6PrefixSize uint32                           `json:"max_connections_per_ip6_prefix_size"`
	MaxConnectionFrequencyPerMin   uint32                           `json:"max_connection_frequency_per_min"`
	ClientAllowlistTimeoutMS       uint32                           `json:"client_allowlist_timeout_ms"`
	ReverseConnectionReceiptTimeMS uint32                           `json:"reverse_connection_receipt_time_ms"`
	HolePunchReceiptTimeMS         uint32                           `json:"hole_punch_receipt_time_ms"`
	DefaultHolePunchTTL            uint32                           `json:"default_hole_punch_ttl"`
	CGNATHolePunchTTL              uint32                           `json:"cgnat_hole_punch_ttl"`
	RestrictedNATRetries           uint32                           `json:"restricted_nat_retries"`
	RPC                            VeilidConfigInternalRPC          `json:"rpc"`
	DHT                            VeilidConfigInternalDHT          `json:"dht"`
	Protocol                       VeilidConfigInternalProtocol     `json:"protocol"`
	RoutingTable                   VeilidConfigInternalRoutingTable `json:"routing_table"`
}

// VeilidConfigInternalRPC is the tuning of questions and answers.
type VeilidConfigInternalRPC struct {
	Concurrency          uint32  `json:"concurrency"`
	QueueSize            uint32  `json:"queue_size"`
	MaxTimestampBehindMS *uint32 `json:"max_timestamp_behind_ms"`
	MaxTimestampAheadMS  *uint32 `json:"max_timestamp_ahead_ms"`
	TimeoutMS            uint32  `json:"timeout_ms"`
	MaxRouteHopCount     uint8   `json:"max_route_hop_count"`
}

// VeilidConfigInternalDHT is the tuning of the distributed store.
type VeilidConfigInternalDHT struct {
	MaxFindNodeCount              uint32 `json:"max_find_node_count"`
	ResolveNodeTimeoutMS          uint32 `json:"resolve_node_timeout_ms"`
	ResolveNodeCount              uint32 `json:"resolve_node_count"`
	ResolveNodeFanout             uint32 `json:"resolve_node_fanout"`
	GetValueTimeoutMS             uint32 `json:"get_value_timeout_ms"`
	GetValueCount                 uint32 `json:"get_value_count"`
	GetValueFanout                uint32 `json:"get_value_fanout"`
	SetValueTimeoutMS             uint32 `json:"set_value_timeout_ms"`
	SetValueCount                 uint32 `json:"set_value_count"`
	SetValueFanout                uint32 `json:"set_value_fanout"`
	ConsensusWidth                uint32 `json:"consensus_width"`
	MinPeerCount                  uint32 `json:"min_peer_count"`
	MinPeerRefreshTimeMS          uint32 `json:"min_peer_refresh_time_ms"`
	ValidateDialInfoReceiptTimeMS uint32 `json:"validate_dial_info_receipt_time_ms"`
	MaxWatchExpirationMS          uint32 `json:"max_watch_expiration_ms"`
	MaxWatchInspectIntervalMS     uint32 `json:"max_watch_inspect_interval_ms"`
	PublicWatchLimit              uint32 `json:"public_watch_limit"`
	MemberWatchLimit              uint32 `json:"member_watch_limit"`
	PublicTransactionLimit        uint32 `json:"public_transaction_limit"`
	MemberTransactionLimit        uint32 `json:"member_transaction_limit"`
}

// VeilidConfigInternalProtocol is the tuning of transports.
type VeilidConfigInternalProtocol struct {
	UDP VeilidConfigInternalUDP `json:"udp"`
}

// VeilidConfigInternalUDP is the tuning of datagrams.
type VeilidConfigInternalUDP struct {
	SocketPoolSize uint32 `json:"socket_pool_size"`
}

// VeilidConfigInternalRoutingTable is the tuning of the routing table.
type VeilidConfigInternalRoutingTable struct {
	Save VeilidConfigInternalRoutingTableSave `json:"save"`
}

// VeilidConfigInternalRoutingTableSave says when the routing table is written.
type VeilidConfigInternalRoutingTableSave struct {
	SettleMS                uint32 `json:"settle_ms"`
	MinIntervalMS           uint32 `json:"min_interval_ms"`
	BackgroundMinIntervalMS uint32 `json:"background_min_interval_ms"`
	PeriodMS                uint32 `json:"period_ms"`
}
