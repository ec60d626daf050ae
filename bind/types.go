package bind

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
)

// The results and updates that are objects (spec 07 §1, §4). The order of the
// fields is that of the original, which no client relies on.

// count is a 64-bit number that is a decimal text in JSON.
type count uint64

// MarshalText gives the decimal number.
func (c count) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(c), 10), nil }

func micros(d time.Duration) count { return count(max(d, 0) / time.Microsecond) }

// someMicros is nil for zero.
func someMicros(d time.Duration) *count {
	if d <= 0 {
		return nil
	}
	c := micros(d)
	return &c
}

type veilidState struct {
	Attachment stateAttachment `json:"attachment"`
	Network    stateNetwork    `json:"network"`
	Config     stateConfig     `json:"config"`
}

type stateConfig struct {
	Config config.Config `json:"config"`
}

type stateAttachment struct {
	State                string `json:"state"`
	PublicInternetReady  bool   `json:"public_internet_ready"`
	LocalNetworkReady    bool   `json:"local_network_ready"`
	Uptime               count  `json:"uptime"`
	AttachedUptime       *count `json:"attached_uptime"`
	ReliablePeerCount    count  `json:"reliable_peer_count"`
	LivePeerCount        count  `json:"live_peer_count"`
	EstimatedNetworkSize count  `json:"estimated_network_size"`
	MedianLatency        *count `json:"median_latency"`
	OverAttachedNodes    count  `json:"over_attached_nodes"`
}

func attachmentOf(s core.AttachmentStatus) stateAttachment {
	return stateAttachment{
		State: s.State.String(), PublicInternetReady: s.PublicInternetReady, LocalNetworkReady: s.LocalNetworkReady,
		Uptime: micros(s.Uptime), AttachedUptime: someMicros(s.AttachedUptime),
		ReliablePeerCount: count(s.ReliablePeers), LivePeerCount: count(s.LivePeers),
		EstimatedNetworkSize: count(s.EstimatedSize), MedianLatency: someMicros(s.MedianLatency),
		OverAttachedNodes: count(s.OverAttached),
	}
}

type stateNetwork struct {
	Started bool            `json:"started"`
	BpsDown count           `json:"bps_down"`
	BpsUp   count           `json:"bps_up"`
	Peers   []peerTableData `json:"peers"`
	NodeIDs []crypto.NodeID `json:"node_ids"`
}

type peerTableData struct {
	NodeIDs     []crypto.NodeID `json:"node_ids"`
	PeerAddress string          `json:"peer_address"`
	PeerStats   peerStats       `json:"peer_stats"`
}

type peerStats struct {
	Latency  *latencyStats `json:"latency"`
	Transfer transferBoth  `json:"transfer"`
}

type latencyStats struct {
	Fastest count `json:"fastest"`
	Average count `json:"average"`
	Slowest count `json:"slowest"`
	TM90    count `json:"tm90"`
	TM75    count `json:"tm75"`
	P90     count `json:"p90"`
	P75     count `json:"p75"`
}

type transferBoth struct {
	Down transferStats `json:"down"`
	Up   transferStats `json:"up"`
}

type transferStats struct {
	Total   count `json:"total"`
	Maximum count `json:"maximum"`
	Average count `json:"average"`
	Minimum count `json:"minimum"`
}

func networkOf(s core.NetworkStatus) stateNetwork {
	n := stateNetwork{
		Started: s.Started, BpsDown: count(s.BpsDown), BpsUp: count(s.BpsUp),
		Peers: make([]peerTableData, len(s.Peers)), NodeIDs: notNil(s.NodeIDs),
	}
	for i, p := range s.Peers {
		n.Peers[i] = peerTableData{NodeIDs: notNil(p.NodeIDs), PeerAddress: p.Address, PeerStats: peerStatsOf(p.Stats)}
	}
	return n
}

func peerStatsOf(s routing.PeerStats) peerStats {
	p := peerStats{Transfer: transferBoth{transferOf(s.Down), transferOf(s.Up)}}
	if l := s.Latency; l != nil {
		p.Latency = &latencyStats{
			count(l.Fastest), count(l.Average), count(l.Slowest), count(l.TM90), count(l.TM75), count(l.P90), count(l.P75),
		}
	}
	return p
}

func transferOf(t routing.Transfer) transferStats {
	return transferStats{count(t.Total), count(t.Maximum), count(t.Average), count(t.Minimum)}
}

// notNil makes an empty list of none, since null is no list.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

type routeBlob struct {
	RouteID crypto.RouteID `json:"route_id"`
	Blob    string         `json:"blob"`
}

func blobOf(r core.PrivateRoute) routeBlob { return routeBlob{r.ID, crypto.EncodeBase64(r.Blob)} }

type safetyJSON struct {
	Safe safetySpecJSON `json:"Safe"`
}

type safetySpecJSON struct {
	PreferredRoute *crypto.RouteID `json:"preferred_route"`
	HopCount       int             `json:"hop_count"`
	Stability      string          `json:"stability"`
	Sequencing     string          `json:"sequencing"`
}

func safetyOf(s core.Safety) safetyJSON {
	spec := safetySpecJSON{HopCount: s.HopCount, Stability: s.Stability.String(), Sequencing: s.Sequencing.String()}
	if !s.Preferred.IsZero() {
		spec.PreferredRoute = &s.Preferred
	}
	return safetyJSON{spec}
}

type versionJSON struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Patch int `json:"patch"`
}

// withoutSecrets is a configuration that may leave the process (spec 07 §4).
func withoutSecrets(c config.Config) config.Config {
	c.Network.RoutingTable.SecretKeys = []config.Secret{}
	c.ProtectedStore.DeviceEncryptionKeyPassword = ""
	blank := func(s *config.Secret) *config.Secret {
		if s == nil {
			return nil
		}
		return new(config.Secret)
	}
	c.ProtectedStore.NewDeviceEncryptionKeyPassword = blank(c.ProtectedStore.NewDeviceEncryptionKeyPassword)
	c.Network.NetworkKeyPassword = blank(c.Network.NetworkKeyPassword)
	return c
}

// defaultConfig is the default configuration as a text. The field "attachment"
// is left out, since the client 0.5.6 does not take it (spec 07 §5.9).
func defaultConfig() (string, error) {
	whole, err := json.Marshal(config.Default())
	if err != nil {
		return "", err
	}
	var kept []byte
	members, err := parseObject(nil, whole)
	for _, m := range members {
		if string(m.name) == "attachment" {
			continue
		}
		kept = append(kept, ',')
		kept = appendText(kept, string(m.name))
		kept = append(kept, ':')
		kept = append(kept, m.raw...)
	}
	return "{" + string(kept[1:]) + "}", err
}
