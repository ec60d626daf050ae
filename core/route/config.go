package route

import (
	"fmt"
	"time"
)

// Config holds the limits and intervals of routes (spec 05 §22). [DefaultConfig]
// gives those of the network; a private network of a few nodes lowers some.
type Config struct {
	MaxHopCount     int           // rpc.max_route_hop_count, 1..5; more than 4 cannot work inbound
	DefaultHopCount int           // rpc.default_route_hop_count, 1..MaxHopCount
	Timeout         time.Duration // rpc.timeout_ms, the time of a question over up to two hops

	// ShortRoutes lets a network of three nodes use routes: where no route of the
	// wanted length can be made, a shorter one is taken, and readiness needs routes
	// of the safe default length only. Fewer hops hide less: for private networks.
	ShortRoutes bool

	RemoteRoutes   int           // imported routes kept
	RemoteExpiry   time.Duration // of an imported route that is not used
	CompiledRoutes int           // compiled routes kept

	IdleBeforeTest     time.Duration // since a route was last proved
	KeepaliveInterval  time.Duration // between loopbacks of a route and ordering
	TestSpacing        time.Duration // between tests of one route
	MaxOrderedFails    int           // failed loopbacks in a row that kill an ordered route
	MaxUnorderedFails  int           // the same of an unordered one
	MaxLostDestination int           // destinations with lost questions that kill an ordering
	MaxPutOff          int           // failures in a row that are put off while degraded

	BackgroundRoutes int // kept of each default length and ordering
	ReadyRoutes      int // ordered routes of each default length to become ready
	StayReadyRoutes  int // ordered routes of any default length to stay ready
	Probes           int // other nodes asked through a new route of the application
}

// DefaultConfig is the configuration of a stock node (spec 05 §22).
func DefaultConfig() Config {
	return Config{
		MaxHopCount:        4,
		DefaultHopCount:    1,
		Timeout:            5 * time.Second,
		RemoteRoutes:       1024,
		RemoteExpiry:       5 * time.Minute,
		CompiledRoutes:     1024,
		IdleBeforeTest:     30 * time.Second,
		KeepaliveInterval:  10 * time.Second,
		TestSpacing:        15 * time.Second,
		MaxOrderedFails:    3,
		MaxUnorderedFails:  5,
		MaxLostDestination: 5,
		MaxPutOff:          3,
		BackgroundRoutes:   4,
		ReadyRoutes:        2,
		StayReadyRoutes:    1,
		Probes:             3,
	}
}

// UnsafeHopCount is the default length of a safety route whose destination is not
// itself hidden by a route (spec 05 §15 rule 2).
func (c *Config) UnsafeHopCount() int { return min(c.MaxHopCount, 2*c.DefaultHopCount) }

// Validate names the first setting that is out of range.
func (c *Config) Validate() error {
	switch {
	case c.MaxHopCount < 1 || c.MaxHopCount > 5:
		return fmt.Errorf("route: MaxHopCount %d is not 1..5", c.MaxHopCount)
	case c.DefaultHopCount < 1 || c.DefaultHopCount > c.MaxHopCount:
		return fmt.Errorf("route: DefaultHopCount %d is not 1..%d", c.DefaultHopCount, c.MaxHopCount)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"Timeout", c.Timeout}, {"RemoteExpiry", c.RemoteExpiry}, {"IdleBeforeTest", c.IdleBeforeTest},
		{"KeepaliveInterval", c.KeepaliveInterval}, {"TestSpacing", c.TestSpacing},
	} {
		if d.value <= 0 {
			return fmt.Errorf("route: %s %v is not positive", d.name, d.value)
		}
	}
	for _, n := range []struct {
		name  string
		value int
		least int
	}{
		{"RemoteRoutes", c.RemoteRoutes, 1}, {"CompiledRoutes", c.CompiledRoutes, 1},
		{"MaxOrderedFails", c.MaxOrderedFails, 1}, {"MaxUnorderedFails", c.MaxUnorderedFails, 1},
		{"MaxLostDestination", c.MaxLostDestination, 1}, {"MaxPutOff", c.MaxPutOff, 0},
		{"BackgroundRoutes", c.BackgroundRoutes, 0}, {"ReadyRoutes", c.ReadyRoutes, 0},
		{"StayReadyRoutes", c.StayReadyRoutes, 0}, {"Probes", c.Probes, 0},
	} {
		if n.value < n.least {
			return fmt.Errorf("route: %s %d is less than %d", n.name, n.value, n.least)
		}
	}
	return nil
}
