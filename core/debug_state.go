//go:build !nodebugapi

package core

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/network"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/transport/chaos"
	"github.com/voile-net/voile/core/wire"
)

// DebugAPI tells whether this build has the debug language, the feature debug-api of
// the original. The build tag nodebugapi leaves it out.
const DebugAPI = true

// debugState is what the debug language has in the node: what it remembers between
// lines, and the chaos that it can let loose. nodebug.go has the one of builds without
// the language.
type debugState struct {
	chaos      *chaos.Chaos  // of the links; does nothing unless it is told to
	lastCall   atomic.Uint64 // the newest call of an application; 0: none
	background atomic.Bool   // the application is in the background

	mu     sync.Mutex
	opened []crypto.RecordKey // by the language, the one opened last is last
	routes []crypto.RouteID   // imported by the language, by their numbers
}

// maxImported bounds the numbers of imported routes.
const maxImported = 256

// start makes the chaos, whose picks follow the seed.
func (s *debugState) start(seed [16]byte, p guard.Handler) {
	s.chaos = chaos.New(rand.New(rand.NewPCG(binary.LittleEndian.Uint64(seed[8:]), binary.LittleEndian.Uint64(seed[:]))), p)
}

// stop ends the chaos: what waits for its turn there would keep the transports from
// closing. It may be called twice, and without start.
func (s *debugState) stop() {
	if s.chaos != nil {
		s.chaos.Close()
	}
}

// between is what stands between the transports and the network.
func (s *debugState) between() attach.Between { return between{s.chaos} }

// pushes is what answers other nodes on records, as far as the chaos lets it.
func (s *debugState) pushes(r rpc.Records) rpc.Records { return pushes{r, s.chaos} }

func (s *debugState) noteCall(id uint64)     { s.lastCall.Store(id) }
func (s *debugState) noteBackground(on bool) { s.background.Store(on) }

func (s *debugState) open(key crypto.RecordKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(key.Opaque)
	s.opened = append(s.opened, key)
}

func (s *debugState) close(key crypto.OpaqueRecordKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(key)
}

func (s *debugState) closeLocked(key crypto.OpaqueRecordKey) {
	s.opened = slices.DeleteFunc(s.opened, func(k crypto.RecordKey) bool { return k.Opaque == key })
}

// opening lists the records in the order in which they were opened.
func (s *debugState) opening() []crypto.RecordKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.opened)
}

// number gives an imported route its number.
func (s *debugState) number(id crypto.RouteID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.routes, id); i >= 0 {
		return i
	}
	if len(s.routes) == maxImported {
		s.routes = s.routes[:0]
	}
	s.routes = append(s.routes, id)
	return len(s.routes) - 1
}

// imported finds a route by its number.
func (s *debugState) imported(text string) (crypto.RouteID, bool) {
	i, err := strconv.Atoi(text)
	if err != nil {
		return crypto.RouteID{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < 0 || i >= len(s.routes) {
		return crypto.RouteID{}, false
	}
	return s.routes[i], true
}

// between puts the chaos between the transports and the network.
type between struct{ chaos *chaos.Chaos }

func (b between) Handler(h transport.Handler) transport.Handler { return b.chaos.Handler(h) }
func (b between) Stack(s *transport.Stack) network.Stack        { return b.chaos.Stack(s) }

// pushes is what answers other nodes on records, but for the pushes that the chaos
// loses.
type pushes struct {
	rpc.Records
	chaos *chaos.Chaos
}

func (p pushes) ValueChanged(ctx context.Context, c *wire.ValueChanged, reporter crypto.NodeID) error {
	if p.chaos.LosesPush() {
		return nil
	}
	return p.Records.ValueChanged(ctx, c, reporter)
}

// parseAddr reads an address, IPv6 with or without brackets.
func parseAddr(text string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return a.Unmap(), err == nil && a.Zone() == ""
}

// seconds is a duration as the language shows it.
func seconds(d time.Duration) string {
	if d >= time.Second {
		return d.Round(time.Millisecond).String()
	}
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 3, 64) + "ms"
}
