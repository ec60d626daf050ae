package route

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

const (
	passes = 3

	// maxWindows bounds the windows tried in one round, and with them the work that a
	// large table of nodes that cannot reach each other makes. A search almost always
	// ends in the first ones.
	maxWindows = 256
)

// relayPolicy says which hops must be relay-capable.
type relayPolicy uint8

const (
	everyHopRelays relayPolicy = iota
	lastHopRelays              // H[N-1], where senders enter
	noHopRelays
	relayPolicies
)

// search is one search for hops: nine rounds, the first route found wins
// (spec 05 §16, choosing).
type search struct {
	req    *AllocateRequest
	own    *wire.PeerInfo
	nodes  Nodes
	fit    []Candidate
	paths  map[string]bool // hop sequences in use
	random []byte          // 8 bytes per pass

	contacts map[link]bool // what CanContact said
	chosen   []int         // candidate of each hop, of the permutation at hand
	swaps    [8]int        // state of Heap's algorithm
}

// link is a connection between two candidates; usIndex is our own node.
type link struct{ from, to int }

const usIndex = -1

func (s *search) run() []Candidate {
	n := s.req.HopCount
	windows := len(s.fit) - n + 1
	s.chosen = make([]int, n)
	for pass := range passes {
		for policy := range relayPolicies {
			first := 0
			if pass > 0 {
				first = int(binary.LittleEndian.Uint64(s.random[8*pass:]) % uint64(windows))
			}
			for i := range min(windows, maxWindows) {
				if s.window((first+i)%windows, pass, policy) {
					hops := make([]Candidate, n)
					for i, c := range s.chosen {
						hops[i] = s.fit[c]
					}
					return hops
				}
			}
		}
	}
	return nil
}

// window tries the orders of hop_count consecutive candidates. The first stays next to
// us; the others are permuted by Heap's algorithm, at most 4! orders.
func (s *search) window(start, pass int, policy relayPolicy) bool {
	for i := range s.chosen {
		s.chosen[i] = start + i
	}
	// What does not depend on the order is looked at once.
	if !s.distinct() || pass == 0 && !s.diverse() {
		return false
	}
	if policy == everyHopRelays && slices.ContainsFunc(s.chosen, func(c int) bool { return !s.fit[c].RelayCapable }) {
		return false
	}
	if s.accept(pass, policy) {
		return true
	}
	tail := s.chosen[1:]
	clear(s.swaps[:])
	for i := 1; i < len(tail); {
		if s.swaps[i] >= i {
			s.swaps[i] = 0
			i++
			continue
		}
		if i%2 == 0 {
			tail[0], tail[i] = tail[i], tail[0]
		} else {
			tail[s.swaps[i]], tail[i] = tail[i], tail[s.swaps[i]]
		}
		if s.accept(pass, policy) {
			return true
		}
		s.swaps[i]++
		i = 1
	}
	return false
}

// accept looks at one order of the hops.
func (s *search) accept(pass int, policy relayPolicy) bool {
	n := len(s.chosen)
	if policy == lastHopRelays && !s.fit[s.chosen[n-1]].RelayCapable {
		return false
	}
	if pass < 2 {
		ids := make([]crypto.NodeID, n)
		for i, c := range s.chosen {
			ids[i] = s.fit[c].PeerInfo.NodeIDs[0]
		}
		if s.paths[pathOf(ids)] {
			return false
		}
	}
	if s.req.Directions&Out != 0 {
		from := usIndex
		for _, c := range s.chosen {
			if !s.contact(from, c) {
				return false
			}
			from = c
		}
	}
	if s.req.Directions&In != 0 {
		// The reference walks from us to the far end and back to H[0], although
		// messages take the other direction, and never asks whether H[0] reaches us.
		from := usIndex
		for _, c := range slices.Backward(s.chosen) {
			if !s.contact(from, c) {
				return false
			}
			from = c
		}
	}
	return true
}

// distinct reports whether no node occurs twice among the hops and their relays: no
// node twice, none with its relay, no two that share a relay.
func (s *search) distinct() bool {
	seen := make(map[crypto.NodeID]int, 2*len(s.chosen))
	for _, c := range s.chosen {
		node := s.fit[c].PeerInfo
		for _, id := range node.NodeIDs {
			if _, ok := seen[id]; ok {
				return false
			}
			seen[id] = c
		}
		for i := range node.Info.Relays {
			for _, id := range node.Info.Relays[i].NodeIDs {
				// A relay may serve one node over two transports.
				if by, ok := seen[id]; ok && by != c {
					return false
				}
				seen[id] = c
			}
		}
	}
	return true
}

// diverse reports whether no IP block occurs in two hops.
func (s *search) diverse() bool {
	seen := make(map[netip.AddrPort]int, 4*len(s.chosen))
	for _, c := range s.chosen {
		for _, block := range s.fit[c].Blocks {
			if by, ok := seen[block]; ok && by != c {
				return false
			}
			seen[block] = c
		}
	}
	return true
}

func (s *search) contact(from, to int) bool {
	l := link{from, to}
	can, known := s.contacts[l]
	if !known {
		source := s.own
		if from != usIndex {
			source = s.fit[from].PeerInfo
		}
		can = s.nodes.CanContact(source, s.fit[to].PeerInfo, s.req.Ordering)
		s.contacts[l] = can
	}
	return can
}
