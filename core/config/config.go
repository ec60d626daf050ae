package config

import (
	"encoding/json"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

// Secret is text that must not reach a log: every formatting verb prints "…".
// Only JSON encoding and an explicit conversion to string reveal it.
type Secret string

// String hides the text.
func (Secret) String() string { return "…" }

// GoString hides the text.
func (Secret) GoString() string { return "…" }

// Config is the configuration of one node (spec 07 §6.1). Use [Default] and
// change what differs; the zero value is not valid.
type Config struct {
	ProgramName    string         `json:"program_name"`
	Namespace      string         `json:"namespace"`
	Capabilities   Capabilities   `json:"capabilities"`
	ProtectedStore ProtectedStore `json:"protected_store"`
	TableStore     TableStore     `json:"table_store"`
	BlockStore     BlockStore     `json:"block_store"`
	Network        Network        `json:"network"`
	// Attachment is empty in every default build of the protocol.
	Attachment struct{} `json:"attachment" voile:"omit"`
	// Internal is accepted and kept so that a configuration survives a round
	// trip; the values that apply are those of [Tuning] (spec 07 §6.1).
	Internal json.RawMessage `json:"internal" voile:"opt"`
}

// Capabilities names what the node does not offer.
type Capabilities struct {
	Disable []string `json:"disable"` // four characters each: ROUT, SGNL, RLAY, DIAL, DHTV, APPM
}

// ProtectedStore says where the few secrets of the device are kept.
type ProtectedStore struct {
	AllowInsecureFallback          bool    `json:"allow_insecure_fallback"`
	AlwaysUseInsecureStorage       bool    `json:"always_use_insecure_storage"`
	Directory                      string  `json:"directory"`
	Delete                         bool    `json:"delete"`
	DeviceEncryptionKeyPassword    Secret  `json:"device_encryption_key_password"`
	NewDeviceEncryptionKeyPassword *Secret `json:"new_device_encryption_key_password" voile:"opt"`
	Backend                        string  `json:"backend" voile:"omit"`
}

// TableStore says where the tables are kept.
type TableStore struct {
	Directory                        string `json:"directory"`
	Delete                           bool   `json:"delete"`
	WipeOnInvalidDeviceEncryptionKey bool   `json:"wipe_on_invalid_device_encryption_key"`
	MaxValueSizeMB                   uint32 `json:"max_value_size_mb"`
}

// BlockStore is unused by the protocol so far.
type BlockStore struct {
	Directory string `json:"directory"`
	Delete    bool   `json:"delete"`
}

// Network configures everything that other nodes can notice.
type Network struct {
	MaxConnections       uint32       `json:"max_connections"`
	NetworkKeyPassword   *Secret      `json:"network_key_password" voile:"opt"`
	RoutingTable         RoutingTable `json:"routing_table"`
	RPC                  RPC          `json:"rpc"`
	DHT                  DHT          `json:"dht"`
	AddressTypes         []string     `json:"address_types" voile:"omit"` // IPV4, IPV6; empty: both
	UPnP                 bool         `json:"upnp"`
	DetectAddressChanges *bool        `json:"detect_address_changes" voile:"opt"` // nil: automatic
	BindRetryMS          uint32       `json:"bind_retry_ms" voile:"omit"`
	TLS                  TLS          `json:"tls"`
	Protocol             Protocol     `json:"protocol"`
	Privacy              Privacy      `json:"privacy"`
	// PrivateNetwork lets loopback and private addresses count as reachable, so
	// that a whole network runs on one machine or LAN. It needs a network key,
	// so such a network never mixes with another (docs/protocol/deviations.md).
	PrivateNetwork bool `json:"private_network,omitempty" voile:"omit"`
}

// RoutingTable holds the identity and the ways into the network.
type RoutingTable struct {
	PublicKeys           []string `json:"public_keys"`
	SecretKeys           []Secret `json:"secret_keys"`
	Bootstrap            []string `json:"bootstrap"`
	BootstrapKeys        []string `json:"bootstrap_keys"`
	BootstrapRecords     []string `json:"bootstrap_records"`
	ServeDirectBootstrap bool     `json:"serve_direct_bootstrap" voile:"omit"`
}

// RPC holds the settings of routes.
type RPC struct {
	DefaultRouteHopCount uint8 `json:"default_route_hop_count"`
}

// DHT holds the limits of the record stores.
type DHT struct {
	LocalSubkeyCacheSize         uint32 `json:"local_subkey_cache_size"`
	LocalMaxSubkeyCacheMemoryMB  uint32 `json:"local_max_subkey_cache_memory_mb"`
	RemoteSubkeyCacheSize        uint32 `json:"remote_subkey_cache_size"`
	RemoteMaxRecords             uint32 `json:"remote_max_records"`
	RemoteMaxSubkeyCacheMemoryMB uint32 `json:"remote_max_subkey_cache_memory_mb"`
	RemoteMaxStorageSpaceMB      uint32 `json:"remote_max_storage_space_mb"`
	MaxConcurrentOperations      uint32 `json:"max_concurrent_operations" voile:"omit"`
}

// TLS names the certificate of encrypted listeners.
type TLS struct {
	CertificatePath            string `json:"certificate_path"`
	PrivateKeyPath             string `json:"private_key_path"`
	ConnectionInitialTimeoutMS uint32 `json:"connection_initial_timeout_ms"`
}

// Protocol holds the settings of the transports.
type Protocol struct {
	UDP UDP `json:"udp"`
	TCP TCP `json:"tcp"`
	WS  WS  `json:"ws"`
}

// UDP holds the settings of datagrams.
type UDP struct {
	Enabled       bool    `json:"enabled"`
	ListenAddress string  `json:"listen_address"`
	PublicAddress *string `json:"public_address" voile:"opt"`
}

// TCP holds the settings of raw streams.
type TCP struct {
	Connect       bool    `json:"connect"`
	Listen        bool    `json:"listen"`
	ListenAddress string  `json:"listen_address"`
	PublicAddress *string `json:"public_address" voile:"opt"`
}

// WS holds the settings of WebSocket connections.
type WS struct {
	Connect       bool    `json:"connect"`
	Listen        bool    `json:"listen"`
	ListenAddress string  `json:"listen_address"`
	Path          string  `json:"path"`
	URL           *string `json:"url" voile:"opt"`
}

// Privacy holds what hides the node.
type Privacy struct {
	RequireInboundRelay bool `json:"require_inbound_relay"`
}

// DefaultBootstrap is the public network's bootstrap name (spec 02 §13.1).
const DefaultBootstrap = "bootstrap-v1.veilid.net"

// defaultCacheMB stands for RAM/32 where the original asks the machine: it is
// the original's value when it cannot tell (spec 07 §6.1).
const defaultCacheMB = 256

// Default returns the defaults of 0.5.8 for a native node. ProgramName is
// empty and has to be set.
func Default() Config {
	detect := true
	return Config{
		Capabilities:   Capabilities{Disable: []string{}},
		ProtectedStore: ProtectedStore{Backend: "PlatformDefault"},
		TableStore:     TableStore{WipeOnInvalidDeviceEncryptionKey: true, MaxValueSizeMB: 64},
		Network: Network{
			MaxConnections: 32,
			RoutingTable: RoutingTable{
				PublicKeys: []string{},
				SecretKeys: []Secret{},
				Bootstrap:  []string{DefaultBootstrap},
				BootstrapKeys: []string{
					"VLD0:Vj0lKDdUQXmQ5Ol1SZdlvXkBHUccBcQvGLN9vbLSI7k",
					"VLD0:QeQJorqbXtC7v3OlynCZ_W3m76wGNeB5NTF81ypqHAo",
					"VLD0:QNdcl-0OiFfYVj9331XVR6IqZ49NG-E18d5P7lwi4TA",
				},
				BootstrapRecords: []string{},
			},
			RPC: RPC{DefaultRouteHopCount: 1},
			DHT: DHT{
				LocalSubkeyCacheSize: 1024, LocalMaxSubkeyCacheMemoryMB: defaultCacheMB,
				RemoteSubkeyCacheSize: 128, RemoteMaxRecords: 128,
				RemoteMaxSubkeyCacheMemoryMB: defaultCacheMB, RemoteMaxStorageSpaceMB: 256,
				MaxConcurrentOperations: 16,
			},
			AddressTypes:         []string{},
			UPnP:                 true,
			DetectAddressChanges: &detect,
			BindRetryMS:          10000,
			TLS:                  TLS{ConnectionInitialTimeoutMS: 2000},
			Protocol: Protocol{
				UDP: UDP{Enabled: true},
				TCP: TCP{Connect: true, Listen: true},
				WS:  WS{Connect: true, Listen: true, Path: "ws"},
			},
		},
	}
}

// Tuning holds the values that a release build of the protocol keeps fixed
// (the `internal` tree, spec 07 §6.1). They are a type so that tests and
// simulations can shorten them; [StockTuning] gives what applies otherwise.
type Tuning struct {
	RPCTimeout              time.Duration // of a question without a long route
	QueueSize               int           // received messages that wait for a worker
	MaxRouteHopCount        int
	ConnectTimeout          time.Duration // connect, TLS and upgrade together
	SendTimeout             time.Duration // of one send
	InactivityTimeout       time.Duration // of a connection, by received data
	ReverseConnectTimeout   time.Duration
	HolePunchTimeout        time.Duration
	HolePunchTTL            int
	HolePunchTTLBehindCGNAT int
	ValidateReceiptTimeout  time.Duration
	RestrictedNATRetries    int
	MaxFindNodeCount        int
	ResolveNodeTimeout      time.Duration
	ResolveNodeFanout       int
	MinPeerCount            int
	MinPeerRefresh          time.Duration
	BucketDepth             int // entries of the first bucket of the routing table (spec 04 §4)
}

// StockTuning returns the values of a release build.
func StockTuning() Tuning {
	return Tuning{
		RPCTimeout:              5 * time.Second,
		QueueSize:               1024,
		MaxRouteHopCount:        4,
		ConnectTimeout:          5 * time.Second,
		SendTimeout:             2 * time.Second,
		InactivityTimeout:       time.Minute,
		ReverseConnectTimeout:   5 * time.Second,
		HolePunchTimeout:        5 * time.Second,
		HolePunchTTL:            3,
		HolePunchTTLBehindCGNAT: 8,
		ValidateReceiptTimeout:  time.Second,
		MaxFindNodeCount:        20,
		ResolveNodeTimeout:      10 * time.Second,
		ResolveNodeFanout:       5,
		MinPeerCount:            20,
		MinPeerRefresh:          time.Minute,
		BucketDepth:             256,
	}
}

// KeyPairs returns the configured identity, one pair per kind, or none.
func (c *Config) KeyPairs() ([]crypto.KeyPair, error) { return keyPairs(c.Network.RoutingTable) }
