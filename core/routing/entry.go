package routing

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/transport"
	"github.com/voile-net/voile/core/wire"
)

// Entry is what we know of one peer (spec 04 §5.1). Entries are made by the Table
// and may outlive their place in it. Methods may be called from any goroutine;
// those that change an entry take its own lock only.
type Entry struct {
	table *Table // never nil; for excused time and the list of recent peers
	peers [domainCount]atomic.Pointer[wire.PeerInfo]
	ids   atomic.Pointer[[]crypto.NodeID] // sorted by kind, never empty, never changed in place
	holds atomic.Int32
	dirty atomic.Bool // to be saved
	place atomic.Bool // in the table

	mu        sync.Mutex
	versions  []wire.EnvelopeVersion
	added     stamp
	touched   stamp // last time it was moved up in the list of recent peers
	acc       accounts
	flows     flowList
	received  uint32 // times that something was received
	senders   map[senderKey]netip.AddrPort
	latency   *samples // nil: none yet
	lived     *samples // of protected connections; nil: none yet
	down, up  TransferMeter
	seenOurs  [domainCount]crypto.Timestamp // version of our NodeInfo that it has
	status    [domainCount]bool             // a node status is held
	failures  map[ContactMethod]stamp       // last failure of each; nil: none
	methodsAt uint64                        // generation of our network that failures belong to
	viableAt  uint64                        // generation of our network that acc.viable was made for
	revived   uint64                        // generation of our network at the last revival
}

func newEntry(t *Table, ids []crypto.NodeID, now stamp) *Entry {
	e := &Entry{table: t, added: now, revived: t.generation.Load()}
	e.ids.Store(&ids)
	return e
}

// NodeIDs are the ids of the peer, best kind first. The slice must not be changed.
func (e *Entry) NodeIDs() []crypto.NodeID { return *e.ids.Load() }

// ID is the id of one kind.
func (e *Entry) ID(kind crypto.Kind) (crypto.NodeID, bool) { return idOfKind(e.NodeIDs(), kind) }

// BestID is the id of the best kind.
func (e *Entry) BestID() crypto.NodeID { return e.NodeIDs()[0] }

// HasID reports whether id is one of the peer's.
func (e *Entry) HasID(id crypto.NodeID) bool { return slices.Contains(e.NodeIDs(), id) }

func idOfKind(ids []crypto.NodeID, kind crypto.Kind) (crypto.NodeID, bool) {
	for _, id := range ids {
		if id.Kind == kind {
			return id, true
		}
	}
	return crypto.NodeID{}, false
}

func sharesID(a, b []crypto.NodeID) bool {
	return slices.ContainsFunc(a, func(id crypto.NodeID) bool { return slices.Contains(b, id) })
}

// PeerInfo is the description held for a domain, nil if there is none. It is not
// always signed: bootstrap records are not.
func (e *Entry) PeerInfo(domain wire.RoutingDomain) *wire.PeerInfo { return e.peers[domain].Load() }

// SignedPeerInfo is the description held for a domain if it is signed, else nil.
func (e *Entry) SignedPeerInfo(domain wire.RoutingDomain) *wire.PeerInfo {
	if p := e.peers[domain].Load(); p != nil && p.Signed() {
		return p
	}
	return nil
}

// NodeInfoTimestamp is the version held for a domain, 0 for none: what a message
// to the peer carries as targetNodeInfoTs (spec 04 §11.4).
func (e *Entry) NodeInfoTimestamp(domain wire.RoutingDomain) crypto.Timestamp {
	if p := e.peers[domain].Load(); p != nil {
		return p.Info.Timestamp
	}
	return 0
}

// BestDomain is the domain to talk to the peer in: LocalNetwork before
// PublicInternet by description held, else that of a live flow (spec 04 §11.4).
// false: none is known.
func (e *Entry) BestDomain(alive Alive) (wire.RoutingDomain, bool) {
	for d := range e.peers {
		if e.peers[d].Load() != nil {
			return wire.RoutingDomain(d), true
		}
	}
	f, ok := e.LastFlow(AnyDialInfo(), wire.PreferUnordered, alive)
	if !ok {
		return 0, false
	}
	return e.table.Domains().DomainOfFlow(f.Remote, f.Local)
}

// EnvelopeVersions are the envelope versions that the peer is known to speak, from
// its envelopes and descriptions. The slice must not be changed.
func (e *Entry) EnvelopeVersions() []wire.EnvelopeVersion {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.versions
}

func (e *Entry) addVersionsLocked(versions ...wire.EnvelopeVersion) {
	for _, v := range versions {
		if !slices.Contains(e.versions, v) && len(e.versions) < wire.MaxEnvelopeVersions {
			e.versions = append(slices.Clone(e.versions), v)
		}
	}
}

// State evaluates the entry at a time (spec 04 §5.2).
func (e *Entry) State(now time.Time) State {
	s, _ := e.StateReason(now)
	return s
}

// StateReason is the state and why.
func (e *Entry) StateReason(now time.Time) (State, Reason) {
	at := e.table.excused(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acc.state(at)
}

// Hold keeps the entry in its bucket until Release is called as often. Whoever
// waits for something from a peer holds its entry.
func (e *Entry) Hold() { e.holds.Add(1) }

// Release ends a Hold. The last one puts the buckets of the entry up for a kick.
func (e *Entry) Release() {
	if e.holds.Add(-1) == 0 {
		e.table.queueKick(e)
	}
}

// SetPunished sets or clears the punishment of a node: state Punished, last flows
// forgotten, never contacted nor returned to others (spec 04 §11.5).
func (e *Entry) SetPunished(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.acc.punished = on
	if on {
		e.flows = nil
	}
}

// Punished reports whether the node is punished.
func (e *Entry) Punished() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acc.punished
}

// SetLastSeenOurs records the version of our NodeInfo that the peer says it has,
// received as targetNodeInfoTs (spec 04 §11.4).
func (e *Entry) SetLastSeenOurs(domain wire.RoutingDomain, ts crypto.Timestamp) {
	e.mu.Lock()
	e.seenOurs[domain] = ts
	e.mu.Unlock()
}

// LastSeenOurs is the version of our NodeInfo that the peer has, 0 for none.
func (e *Entry) LastSeenOurs(domain wire.RoutingDomain) crypto.Timestamp {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seenOurs[domain]
}

// SetNodeStatus notes that the peer sent its (empty) node status.
func (e *Entry) SetNodeStatus(domain wire.RoutingDomain) {
	e.mu.Lock()
	e.status[domain] = true
	e.mu.Unlock()
}

// HasNodeStatus reports whether the peer ever sent its node status.
func (e *Entry) HasNodeStatus(domain wire.RoutingDomain) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.status[domain]
}

// Added is when the entry was made.
func (e *Entry) Added() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.added.Time()
}

// LastSeen is when anything was last received from the peer; zero: never.
func (e *Entry) LastSeen() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acc.node.lastSeen.Time()
}

// LastQuestion is when the peer was last asked anything; zero: never.
func (e *Entry) LastQuestion() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acc.node.lastQuestion.Time()
}

// Answered reports whether the peer ever answered.
func (e *Entry) Answered() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acc.node.lastAnswer != 0
}

// TransportFailing reports whether questions or sends over a transport of this
// peer failed three times in a row (spec 04 §10.1).
func (e *Entry) TransportFailing(t Transport) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.acc.transport[t.index()].failing()
}

// Latency is the summary of the round trips; false: no sample yet.
func (e *Entry) Latency() (Latency, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.latency.latency()
}

// ConnectionLived notes how long a protected connection to the peer lasted
// (spec 04 §10.2). Early ends are also send failures: the caller counts those.
func (e *Entry) ConnectionLived(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lived == nil {
		e.lived = new(samples)
	}
	e.lived.add(uint64(max(0, d.Microseconds())))
}

// Stats is what applications see of the entry (spec 04 §13).
func (e *Entry) Stats(now time.Time) PeerStats {
	at := e.table.excused(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	s := PeerStats{
		Down: e.down.Transfer(), Up: e.up.Transfer(),
		LastSeen: e.acc.node.lastSeen.Time(), Added: e.added.Time(),
		Lost: e.acc.node.lost, Failed: e.acc.node.failed,
	}
	s.State, s.Reason = e.acc.state(at)
	if l, ok := e.latency.latency(); ok {
		s.Latency = &l
	}
	return s
}

// Path is the way a message took: the flow, and whether we opened it (a UDP send
// counts as dialled). For a send that failed before there was a flow, Flow has
// protocol and remote address only.
type Path struct {
	Flow    transport.Flow
	Dialled bool
}

// rowsLocked calls f with the accounts that an event on a path belongs to.
func (e *Entry) rowsLocked(p Path, f func(*counters)) {
	f(&e.acc.node)
	f(&e.acc.ordering[OrderingOf(p.Flow.Protocol)])
	if p.Dialled {
		f(&e.acc.transport[TransportOfFlow(p.Flow).index()])
	}
}

// QuestionSent counts a question of ours that was handed to the network; bytes is
// the length of the RPC message.
func (e *Entry) QuestionSent(p Path, bytes int, now time.Time) { e.messageSent(p, bytes, true, now) }

// StatementSent counts a statement of ours.
func (e *Entry) StatementSent(p Path, bytes int, now time.Time) { e.messageSent(p, bytes, false, now) }

// AnswerSent counts an answer of ours.
func (e *Entry) AnswerSent(p Path, bytes int, now time.Time) { e.messageSent(p, bytes, false, now) }

func (e *Entry) messageSent(p Path, bytes int, question bool, now time.Time) {
	at := e.table.excused(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rowsLocked(p, func(c *counters) { c.sentOne(at, question) })
	e.up.Add(bytes)
}

// MessageReceived counts a question or a statement of the peer.
func (e *Entry) MessageReceived(p Path, bytes int, now time.Time) {
	at := e.table.excused(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rowsLocked(p, func(c *counters) { c.receivedOne(at) })
	e.down.Add(bytes)
}

// AnswerReceived counts an answer to a question that was sent on the path.
func (e *Entry) AnswerReceived(p Path, bytes int, latency time.Duration, now time.Time) {
	e.table.answers.Add(latency)
	at := e.table.excused(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rowsLocked(p, func(c *counters) { c.answered(at) })
	e.down.Add(bytes)
	if e.latency == nil {
		e.latency = new(samples)
	}
	e.latency.add(uint64(max(0, latency.Microseconds())))
	e.dirty.Store(true)
}

// AnswerLost charges a question that got no answer in time. Only a flow that we
// dialled is charged for; of one that the peer opened, just the flow is forgotten
// (spec 04 §5.3). What is our own fault must not be reported here.
func (e *Entry) AnswerLost(p Path, now time.Time) {
	if !p.Dialled {
		e.ForgetFlow(p.Flow)
		return
	}
	at := e.table.excused(now)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rowsLocked(p, func(c *counters) { c.lostOne(at) })
	e.flows = nil
	e.dirty.Store(true)
}

// SendFailed charges a message that could not be sent: also the third early drop
// of a protected connection, and a failed test of a route of one hop.
func (e *Entry) SendFailed(p Path) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rowsLocked(p, func(c *counters) { c.failed++ })
	e.flows = nil
	e.dirty.Store(true)
}

// NoContact charges a send that was given up because there was no contact method
// or no routing domain. Once is enough to be dead (spec 04 §5.2).
func (e *Entry) NoContact() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.acc.node.unreachable++
	e.acc.node.steadySince = 0
	for o := range e.acc.ordering {
		e.acc.ordering[o].steadySince = 0
	}
	e.dirty.Store(true)
}

// roll ends an interval of the transfer meters.
func (e *Entry) roll(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down.Roll(now)
	e.up.Roll(now)
}
