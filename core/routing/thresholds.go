package routing

import "time"

// rpcTimeout is the unit of most times of the protocol (spec 04 "Words").
const rpcTimeout = 5 * time.Second

// Thresholds are the numbers that decide when a node counts as joined and ready.
// They are LOCAL: peers do not see them, only how soon a node goes to work.
type Thresholds struct {
	// ConnectivityPeers is how many maybe-live entries with all connectivity
	// capabilities a kind needs, else bootstrap is needed (spec 04 §3.1: 4).
	ConnectivityPeers int
	// MaxTestedPeers bounds the responsive ones wanted of them (spec 04 §3.1: 12).
	MaxTestedPeers int
	// MinTestedPeers is wanted of them in any case (spec 04 §3.1: 0; the share of
	// the low-water mark is what asks for 2 in a network of five).
	MinTestedPeers int
	// SafetyRoutes is how many tested ordered automatic routes are wanted of each
	// of the two default lengths (spec 04 §3.1, spec 05 §17.6: 2).
	SafetyRoutes int
	// MinPeers is how many maybe-live connectivity entries a kind should have
	// before the minimum refresh rests (spec 04 §6, min_peer_count: 20).
	MinPeers int
	// DetectionPeers is how many live connectivity entries a kind needs before the
	// public address is detected (spec 04 §9.1: 2).
	DetectionPeers int
	// FamilyCandidates is how many live nodes a platform that hides its network
	// wants to know of an address family before it tries that (spec 04 §14: 4).
	FamilyCandidates int
	// OwnTransportsOnly makes the need for relays count only the transports that
	// this node listens on, instead of all protocols in both families (spec 04
	// §3.2: false).
	OwnTransportsOnly bool
}

// StockThresholds are those of the protocol.
func StockThresholds() Thresholds {
	return Thresholds{
		ConnectivityPeers: 4,
		MaxTestedPeers:    12,
		SafetyRoutes:      2,
		MinPeers:          20,
		DetectionPeers:    2,
		FamilyCandidates:  4,
	}
}

// PrivateThresholds let a private network of three nodes come up: two others to
// know and to build routes from, one route of each length, and no need for an
// address family or a protocol that the node does not have.
func PrivateThresholds() Thresholds {
	return Thresholds{
		ConnectivityPeers: 2,
		MaxTestedPeers:    2,
		MinTestedPeers:    1,
		SafetyRoutes:      1,
		MinPeers:          20,
		DetectionPeers:    1,
		FamilyCandidates:  1,
		OwnTransportsOnly: true,
	}
}

// stamp is a moment in microseconds since the Unix epoch; 0 is never. Entries hold
// dozens of moments, for which it is a third of the size of a time.Time.
type stamp int64

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return 0
	}
	return stamp(t.UnixMicro())
}

// Time is the zero time for never.
func (s stamp) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(s))
}

// since is the time from s to now, at least 0: a clock set back makes nothing old.
func (s stamp) since(now stamp) time.Duration {
	return time.Duration(max(0, now-s)) * time.Microsecond
}
