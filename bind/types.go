package bind

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/jsonread"
	"github.com/voile-net/voile/core/routing"
)

// The values of the node as those of the API (spec 07 §1, §4).

// someMicros is nil for zero.
func someMicros(d time.Duration) *jsonapi.TimestampDuration {
	if d <= 0 {
		return nil
	}
	m := crypto.DurationOf(d)
	return &m
}

func attachmentOf(s core.AttachmentStatus) *jsonapi.VeilidStateAttachment {
	return &jsonapi.VeilidStateAttachment{
		State:               jsonapi.AttachmentState(s.State.String()),
		PublicInternetReady: s.PublicInternetReady, LocalNetworkReady: s.LocalNetworkReady,
		Uptime: crypto.DurationOf(s.Uptime), AttachedUptime: someMicros(s.AttachedUptime),
		ReliablePeerCount: jsonapi.NodeCount(s.ReliablePeers), LivePeerCount: jsonapi.NodeCount(s.LivePeers),
		EstimatedNetworkSize: jsonapi.NodeCount(s.EstimatedSize), MedianLatency: someMicros(s.MedianLatency),
		OverAttachedNodes: jsonapi.NodeCount(s.OverAttached),
	}
}

func networkOf(s core.NetworkStatus) *jsonapi.VeilidStateNetwork {
	n := &jsonapi.VeilidStateNetwork{
		Started: s.Started, BpsDown: jsonapi.ByteCount(s.BpsDown), BpsUp: jsonapi.ByteCount(s.BpsUp),
		Peers: make([]jsonapi.PeerTableData, len(s.Peers)), NodeIDs: notNil(s.NodeIDs),
	}
	for i, p := range s.Peers {
		n.Peers[i] = jsonapi.PeerTableData{NodeIDs: notNil(p.NodeIDs), PeerAddress: p.Address, PeerStats: peerStatsOf(p.Stats)}
	}
	return n
}

func peerStatsOf(s routing.PeerStats) jsonapi.PeerStats {
	p := jsonapi.PeerStats{Transfer: jsonapi.TransferStatsDownUp{Down: transferOf(s.Down), Up: transferOf(s.Up)}}
	if l := s.Latency; l != nil {
		p.Latency = &jsonapi.LatencyStats{
			Fastest: jsonapi.TimestampDuration(l.Fastest), Average: jsonapi.TimestampDuration(l.Average), Slowest: jsonapi.TimestampDuration(l.Slowest), TM90: jsonapi.TimestampDuration(l.TM90), TM75: jsonapi.TimestampDuration(l.TM75), P90: jsonapi.TimestampDuration(l.P90), P75: jsonapi.TimestampDuration(l.P75),
		}
	}
	return p
}

func transferOf(t routing.Transfer) jsonapi.TransferStats {
	return jsonapi.TransferStats{
		Total: jsonapi.ByteCount(t.Total), Maximum: jsonapi.ByteCount(t.Maximum),
		Average: jsonapi.ByteCount(t.Average), Minimum: jsonapi.ByteCount(t.Minimum),
	}
}

// notNil makes an empty list of none, since null is no list.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func blobOf(r core.PrivateRoute) *jsonapi.RouteBlob {
	return &jsonapi.RouteBlob{RouteID: r.ID, Blob: r.Blob}
}

func safetyOf(s core.Safety) jsonapi.SafetySelection {
	spec := jsonapi.SafetySpec{
		HopCount: uint(s.HopCount), Stability: jsonapi.Stability(s.Stability.String()), Sequencing: jsonapi.Sequencing(s.Sequencing.String()),
	}
	if !s.Preferred.IsZero() {
		spec.PreferredRoute = &s.Preferred
	}
	return jsonapi.SafetySelection{Safe: &spec}
}

func logOf(u core.LogUpdate) *jsonapi.VeilidLog {
	l := &jsonapi.VeilidLog{LogLevel: jsonapi.LogTrace, Message: u.Message}
	switch {
	case u.Level >= slog.LevelError:
		l.LogLevel = jsonapi.LogError
	case u.Level >= slog.LevelWarn:
		l.LogLevel = jsonapi.LogWarn
	case u.Level >= slog.LevelInfo:
		l.LogLevel = jsonapi.LogInfo
	case u.Level >= slog.LevelDebug:
		l.LogLevel = jsonapi.LogDebug
	}
	if u.Backtrace != "" {
		l.Backtrace = &u.Backtrace
	}
	return l
}

// errorOf is an error with the fields that its kind has in the API.
func errorOf(e *core.Error) *jsonapi.VeilidAPIError {
	return &jsonapi.VeilidAPIError{
		Kind: jsonapi.ErrorKind(e.Kind), Message: e.Message, Context: e.Context, Argument: e.Argument, Value: e.Value, Key: e.Key,
	}
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
	members, err := jsonread.Object(nil, whole)
	for _, m := range members {
		if string(m.Name) == "attachment" {
			continue
		}
		kept = append(kept, ',')
		kept = jsonapi.AppendString(kept, string(m.Name))
		kept = append(kept, ':')
		kept = append(kept, m.Raw...)
	}
	return "{" + string(kept[1:]) + "}", err
}
