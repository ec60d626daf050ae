package routing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/packed"
	"github.com/voile-net/voile/core/wire"
)

// Rows of the saved table. The first byte of a key tells what it is.
const (
	rowValidity = 'v' // "v": what the table was saved for
	rowSizes    = 's' // "s" + kind: bucket counts of the last day
	rowMarks    = 'm' // "m" + domain: low-water marks
	rowEntry    = 'e' // "e" + best id: one entry

	recordVersion = 2       // first byte of every value
	maxRecord     = 1 << 20 // bytes; an entry is about 3 KB
	maxEntries    = 1 << 16 // read back at most
	maxSavedIDs   = 16      // kinds that a node may have ids of
)

// ErrRecord is a saved row that does not read.
var ErrRecord = errors.New("malformed routing table record")

// Validity says what a saved table belongs to. A table saved for another one is
// not read: its peers may be of another network (spec 04 §4).
type Validity [32]byte

// ValidityOf digests what spec 04 §4 names: format version, our ids, bootstrap
// list, bootstrap keys, bootstrap records and network key password. (The caller
// also refuses a saved table without a recorded bootstrap when bootstrap is not
// empty and records is.)
func (t *Table) ValidityOf(bootstrap, keys, records []string, password string) Validity {
	var ids []string
	for _, id := range t.ids {
		ids = append(ids, id.String())
	}
	h := sha256.New()
	for _, list := range [][]string{{"voile routing table", fmt.Sprint(recordVersion)}, ids, bootstrap, keys, records, {password}} {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(list)))
		h.Write(n[:])
		for _, s := range list {
			binary.BigEndian.PutUint32(n[:], uint32(len(s)))
			h.Write(n[:])
			h.Write([]byte(s))
		}
	}
	return Validity(h.Sum(nil))
}

// savedEntry is one entry. Moments are microseconds since the epoch. Last flows
// and punishments are not saved.
type savedEntry struct {
	IDs         [][]byte
	Versions    []uint32
	Added       int64
	Node        savedCounters
	Orderings   []savedCounters
	Transports  []savedCounters
	Latency     []uint64
	Lived       []uint64
	Peers       []savedPeer
	SeenOurs    [domainCount]uint64
	HasStatus   [domainCount]bool
	DownAndUp   [2]uint64
	TotalProbes uint64 // latency samples ever
}

func (s *savedEntry) fields(c *packed.Codec) {
	packed.List(c, &s.IDs, maxSavedIDs, idField)
	packed.List(c, &s.Versions, wire.MaxEnvelopeVersions, packed.Uint[uint32])
	packed.Int(c, &s.Added)
	s.Node.fields(c)
	packed.List(c, &s.Orderings, orderingCount, countersField)
	packed.List(c, &s.Transports, transportCount, countersField)
	packed.List(c, &s.Latency, latencySamples, packed.Uint[uint64])
	packed.List(c, &s.Lived, latencySamples, packed.Uint[uint64])
	packed.List(c, &s.Peers, domainCount, func(c *packed.Codec, p *savedPeer) { p.fields(c) })
	for d := range domainCount {
		packed.Uint(c, &s.SeenOurs[d])
		packed.Bool(c, &s.HasStatus[d])
	}
	packed.Uint(c, &s.DownAndUp[0])
	packed.Uint(c, &s.DownAndUp[1])
	packed.Uint(c, &s.TotalProbes)
}

func idField(c *packed.Codec, id *[]byte) { packed.Bytes(c, id, 4+crypto.ValueSize) }

type savedCounters struct {
	LastSeen     int64
	LastQuestion int64
	LastAnswer   int64
	SteadySince  int64 // by the clock
	LossFor      int64 // how long it had lasted when it was saved; 0: no loss
	Answers      uint32
	Lost         uint32
	Failed       uint32
	Unreachable  uint32
	Sent         uint32
	Received     uint32
}

func (s *savedCounters) fields(c *packed.Codec) {
	for _, moment := range []*int64{&s.LastSeen, &s.LastQuestion, &s.LastAnswer, &s.SteadySince, &s.LossFor} {
		packed.Int(c, moment)
	}
	for _, count := range []*uint32{&s.Answers, &s.Lost, &s.Failed, &s.Unreachable, &s.Sent, &s.Received} {
		packed.Uint(c, count)
	}
}

func countersField(c *packed.Codec, s *savedCounters) { s.fields(c) }

type savedPeer struct {
	Domain     uint8
	Message    []byte
	Signatures [][]byte
}

func (s *savedPeer) fields(c *packed.Codec) {
	packed.Uint(c, &s.Domain)
	packed.Bytes(c, &s.Message, maxRecord)
	packed.List(c, &s.Signatures, maxSavedIDs, func(c *packed.Codec, sig *[]byte) { packed.Bytes(c, sig, 4+crypto.SignatureSize) })
}

// savedSlots and savedMarks are the bucket counts of a kind and the low-water marks
// of a domain.
type savedSlots []savedSlot

type savedSlot struct {
	Hour   int64
	Counts []uint16
}

func (s *savedSlots) fields(c *packed.Codec) {
	packed.List(c, (*[]savedSlot)(s), sizeSlots, func(c *packed.Codec, slot *savedSlot) {
		packed.Int(c, &slot.Hour)
		packed.List(c, &slot.Counts, bucketCount, packed.Uint[uint16])
	})
}

type savedMarks []savedMark

type savedMark struct {
	Kind uint32
	Low  Tally
}

func (s *savedMarks) fields(c *packed.Codec) {
	packed.List(c, (*[]savedMark)(s), maxSavedIDs, func(c *packed.Codec, m *savedMark) {
		packed.Uint(c, &m.Kind)
		for _, n := range []*int{&m.Low.Any, &m.Low.Connectivity, &m.Low.Distance} {
			packed.Int(c, n)
		}
	})
}

// Save writes rows for the caller to store, under the lock of the table: put must
// only collect. A nil value deletes the row. Without all only what has changed
// since the last Save is written: give all at the first Save, after a Save whose
// rows could not be stored, and, with the old rows deleted, after a refused Load.
func (t *Table) Save(all bool, validity Validity, now time.Time, put func(key, value []byte)) {
	at := t.excused(now)
	var marks [domainCount]savedMarks
	for d, o := range t.own {
		o.mu.Lock()
		for _, kind := range t.kinds {
			if low, ok := o.counts.lowWater[kind]; ok {
				marks[d] = append(marks[d], savedMark{uint32(kind), low})
			}
		}
		o.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range t.gone {
		if t.index[id] == nil || t.index[id].BestID() != id {
			put(entryKey(id), nil)
		}
	}
	t.gone = nil
	for _, e := range t.entries {
		if dirty := e.dirty.Swap(false); !dirty && !all {
			continue
		}
		if !e.savable() {
			put(entryKey(e.BestID()), nil)
			continue
		}
		s := e.saved(at)
		put(entryKey(e.BestID()), encodeRecord(s.fields))
	}
	for kind, slots := range t.sizes {
		k, s := kind.Bytes(), slotsToSave(slots)
		put(append([]byte{rowSizes}, k[:]...), encodeRecord(s.fields))
	}
	for d := range marks {
		put([]byte{rowMarks, byte(d)}, encodeRecord(marks[d].fields))
	}
	put([]byte{rowValidity}, append([]byte{recordVersion}, validity[:]...))
}

// Dirty reports whether an entry has changed, or gone, since the last Save.
func (t *Table) Dirty() bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.gone) > 0 || slices.ContainsFunc(t.entries, func(e *Entry) bool { return e.dirty.Load() })
}

// savable: with signed dial info of its own, without which Load leaves it out.
func (e *Entry) savable() bool {
	for d := range e.peers {
		if p := e.SignedPeerInfo(wire.RoutingDomain(d)); p != nil && len(p.Info.DialInfo) > 0 {
			return true
		}
	}
	return false
}

func entryKey(id crypto.NodeID) []byte {
	key, _ := id.AppendBinary([]byte{rowEntry})
	return key
}

// encodeRecord is the version byte and what fields describes.
func encodeRecord(fields func(*packed.Codec)) []byte {
	return packed.Append([]byte{recordVersion}, fields)
}

// decodeRecord reads what encodeRecord wrote.
func decodeRecord(value []byte, fields func(*packed.Codec)) error {
	switch {
	case len(value) == 0 || value[0] != recordVersion:
		return fmt.Errorf("%w: version", ErrRecord)
	case len(value) > maxRecord:
		return fmt.Errorf("%w: %d bytes", ErrRecord, len(value))
	}
	if err := packed.Read(value[1:], fields); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return nil
}

func (e *Entry) saved(at excused) savedEntry {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := savedEntry{
		Added: int64(e.added), Node: e.acc.node.saved(at),
		Latency: e.latency.values(), Lived: e.lived.values(),
		HasStatus: e.status, DownAndUp: [2]uint64{e.down.total, e.up.total},
	}
	if e.latency != nil {
		s.TotalProbes = e.latency.total
	}
	for _, id := range e.NodeIDs() {
		b, _ := id.AppendBinary(nil)
		s.IDs = append(s.IDs, b)
	}
	for _, v := range e.versions {
		s.Versions = append(s.Versions, uint32(v))
	}
	for i := range e.acc.ordering {
		s.Orderings = append(s.Orderings, e.acc.ordering[i].saved(at))
	}
	for i := range e.acc.transport {
		s.Transports = append(s.Transports, e.acc.transport[i].saved(at))
	}
	for d, ts := range e.seenOurs {
		s.SeenOurs[d] = uint64(ts)
	}
	for d := range e.peers {
		if p := e.SignedPeerInfo(wire.RoutingDomain(d)); p != nil {
			s.Peers = append(s.Peers, savePeer(p))
		}
	}
	return s
}

func savePeer(p *wire.PeerInfo) savedPeer {
	sp := savedPeer{Domain: uint8(p.Domain), Message: p.Message}
	for _, sig := range p.Signatures {
		b, _ := sig.AppendBinary(nil)
		sp.Signatures = append(sp.Signatures, b)
	}
	return sp
}

func (c *counters) saved(at excused) savedCounters {
	s := savedCounters{
		LastSeen: int64(c.lastSeen), LastQuestion: int64(c.lastQuestion), LastAnswer: int64(c.lastAnswer),
		Answers: c.answers, Lost: c.lost, Failed: c.failed, Unreachable: c.unreachable,
		Sent: c.sent, Received: c.received,
	}
	if c.steadySince != 0 {
		s.SteadySince = int64(c.steadySince + at.now - at.own)
	}
	if c.lossSince != 0 {
		s.LossFor = max(1, int64(at.own-c.lossSince))
	}
	return s
}

// load is the counters at a later time; how long the node was not running is
// nobody's fault.
func (s *savedCounters) load(at excused) counters {
	past := func(t int64) stamp { return stamp(max(0, min(t, int64(at.now)))) }
	c := counters{
		lastSeen: past(s.LastSeen), lastQuestion: past(s.LastQuestion), lastAnswer: past(s.LastAnswer),
		answers: s.Answers, lost: s.Lost, failed: s.Failed, unreachable: s.Unreachable,
		sent: s.Sent, received: s.Received,
	}
	if s.SteadySince > 0 {
		c.steadySince = past(s.SteadySince) - (at.now - at.own)
	}
	if s.LossFor > 0 {
		loss := stamp(min(s.LossFor, int64(at.own)-1))
		c.lossSince, c.lostAt = at.own-loss, at.now-loss
	}
	return c
}

func (s *samples) values() []uint64 {
	if s == nil {
		return nil
	}
	// Oldest first, so that loading in order keeps the ring.
	return slices.Concat(s.ring[s.next:s.n], s.ring[:min(s.next, s.n)])
}

func loadSamples(values []uint64, total uint64) *samples {
	if len(values) == 0 {
		return nil
	}
	s := new(samples)
	for _, v := range values[max(0, len(values)-latencySamples):] {
		s.add(min(v, 1<<40)) // 12 days: keeps sums in range
	}
	s.total = max(s.total, total)
	return s
}

func slotsToSave(slots *[sizeSlots]sizeSlot) (list savedSlots) {
	for i := range slots {
		if slots[i].hour != 0 {
			n := bucketCount // most buckets are empty from some depth on
			for n > 0 && slots[i].counts[n-1] == 0 {
				n--
			}
			list = append(list, savedSlot{slots[i].hour, slots[i].counts[:n]})
		}
	}
	return list
}

// Load fills an empty table from saved rows, in any order. Rows that do not read,
// whose signatures do not verify, or whose node has no dial info of its own are
// left out. With another validity, or none, nothing is loaded and ok is false: the
// caller then deletes the rows.
func (t *Table) Load(rows iter.Seq2[[]byte, []byte], validity Validity, now time.Time) (loaded int, ok bool) {
	var saved []savedEntry
	var sizes, marks [][2][]byte
	for key, value := range rows {
		if len(key) == 0 {
			continue
		}
		switch key[0] {
		case rowValidity:
			ok = len(value) == 1+len(validity) && value[0] == recordVersion && bytes.Equal(value[1:], validity[:])
		case rowSizes:
			sizes = append(sizes, [2][]byte{bytes.Clone(key), bytes.Clone(value)})
		case rowMarks:
			marks = append(marks, [2][]byte{bytes.Clone(key), bytes.Clone(value)})
		case rowEntry:
			var s savedEntry
			if len(saved) < maxEntries && decodeRecord(value, s.fields) == nil {
				saved = append(saved, s)
			}
		}
	}
	if !ok {
		return 0, false
	}
	for i := range saved {
		if t.loadEntry(&saved[i], now) {
			loaded++
		}
	}
	for _, row := range sizes {
		t.loadSizes(row[0], row[1])
	}
	for _, row := range marks {
		t.loadMarks(row[0], row[1])
	}
	t.mu.Lock()
	t.gone = nil
	t.mu.Unlock()
	return loaded, true
}

func (t *Table) loadEntry(s *savedEntry, now time.Time) bool {
	at := t.excused(now)
	var ids []crypto.NodeID
	for _, b := range s.IDs {
		if id, ok := idFromBytes(b); ok {
			ids = append(ids, id)
		}
	}
	ids = t.supportedIDs(ids)
	if len(ids) == 0 || slices.ContainsFunc(ids, t.IsOwn) || t.find(ids) != nil ||
		len(s.Orderings) != orderingCount || len(s.Transports) != transportCount {
		return false
	}
	e := newEntry(t, ids, stamp(max(1, min(s.Added, int64(at.now)))))
	own := false
	for i := range s.Peers {
		p := t.loadPeer(&s.Peers[i])
		if p == nil || !slices.Equal(t.supportedIDs(p.NodeIDs), ids) {
			continue
		}
		e.peers[p.Domain].Store(p)
		own = own || len(p.Info.DialInfo) > 0
	}
	if !own { // nothing to dial it at (spec 04 §4)
		return false
	}
	for _, v := range s.Versions[:min(len(s.Versions), wire.MaxEnvelopeVersions)] {
		e.versions = append(e.versions, wire.EnvelopeVersion(v))
	}
	e.acc.node = s.Node.load(at)
	for i := range e.acc.ordering {
		e.acc.ordering[i] = s.Orderings[i].load(at)
	}
	for i := range e.acc.transport {
		e.acc.transport[i] = s.Transports[i].load(at)
	}
	e.latency, e.lived = loadSamples(s.Latency, s.TotalProbes), loadSamples(s.Lived, 0)
	for d, ts := range s.SeenOurs {
		e.seenOurs[d] = crypto.Timestamp(ts)
	}
	e.status = s.HasStatus
	e.down.total, e.up.total = s.DownAndUp[0], s.DownAndUp[1]
	t.mu.Lock()
	t.insertLocked(e)
	t.mu.Unlock()
	t.refreshViability(e, now)
	return true
}

// loadPeer decodes and verifies a saved description; nil: it is not good.
func (t *Table) loadPeer(s *savedPeer) *wire.PeerInfo {
	if s.Domain >= domainCount {
		return nil
	}
	var sigs []crypto.Signature
	for _, b := range s.Signatures {
		if len(b) == 4+crypto.SignatureSize {
			sigs = append(sigs, crypto.Signature{
				Kind: crypto.Kind(binary.BigEndian.Uint32(b)), Value: [crypto.SignatureSize]byte(b[4:]),
			})
		}
	}
	p, err := wire.Decoder{Kinds: t.kinds}.DecodePeerInfo(s.Message, sigs)
	if err != nil {
		return nil
	}
	p.Domain = wire.RoutingDomain(s.Domain)
	if !t.Domains().ValidNodeInfo(p.Domain, &p.Info) {
		return nil
	}
	if _, err := t.verify(p); err != nil {
		return nil
	}
	return p
}

func idFromBytes(b []byte) (crypto.NodeID, bool) {
	if len(b) != 4+crypto.ValueSize {
		return crypto.NodeID{}, false
	}
	return crypto.NodeID{Kind: crypto.Kind(binary.BigEndian.Uint32(b)), Value: [crypto.ValueSize]byte(b[4:])}, true
}

func (t *Table) loadSizes(key, value []byte) {
	var saved savedSlots
	if len(key) != 5 || decodeRecord(value, saved.fields) != nil {
		return
	}
	kind := crypto.Kind(binary.BigEndian.Uint32(key[1:]))
	if !t.kinds.Contains(kind) {
		return
	}
	slots := new([sizeSlots]sizeSlot)
	for _, s := range saved {
		if s.Hour > 0 {
			slot := &slots[s.Hour%sizeSlots]
			if s.Hour > slot.hour {
				*slot = sizeSlot{hour: s.Hour}
				copy(slot.counts[:], s.Counts)
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sizes == nil {
		t.sizes = make(sizeHistory)
	}
	t.sizes[kind] = slots
}

func (t *Table) loadMarks(key, value []byte) {
	var saved savedMarks
	if len(key) != 2 || key[1] >= domainCount || decodeRecord(value, saved.fields) != nil {
		return
	}
	o := t.own[key[1]]
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.lowWater = make(map[crypto.Kind]Tally)
	for _, m := range saved {
		if kind := crypto.Kind(m.Kind); t.kinds.Contains(kind) {
			o.counts.lowWater[kind] = Tally{max(0, m.Low.Any), max(0, m.Low.Connectivity), max(0, m.Low.Distance)}
		}
	}
}

// savedDetail is a dial info with its class.
type savedDetail struct {
	Class    uint8
	Protocol uint8
	Addr     []byte
	Port     uint16
	Request  string
}

func (s *savedDetail) fields(c *packed.Codec) {
	packed.Uint(c, &s.Class)
	packed.Uint(c, &s.Protocol)
	packed.Bytes(c, &s.Addr, 16)
	packed.Uint(c, &s.Port)
	packed.String(c, &s.Request, maxRecord)
}

func saveDetails(list []wire.DialInfoDetail) []savedDetail {
	out := make([]savedDetail, len(list))
	for i, d := range list {
		out[i] = savedDetail{
			Class: uint8(d.Class), Protocol: uint8(d.DialInfo.Protocol),
			Addr: d.DialInfo.Addr.Addr().AsSlice(), Port: d.DialInfo.Addr.Port(), Request: d.DialInfo.Request,
		}
	}
	return out
}

// loadDetails leaves out what is not a dial info.
func loadDetails(list []savedDetail) []wire.DialInfoDetail {
	var out []wire.DialInfoDetail
	for _, s := range list {
		addr, ok := netip.AddrFromSlice(s.Addr)
		d := wire.DialInfoDetail{Class: wire.DialInfoClass(s.Class), DialInfo: wire.DialInfo{
			Protocol: wire.ProtocolType(s.Protocol), Addr: netip.AddrPortFrom(addr.Unmap(), s.Port), Request: s.Request,
		}}
		if ok && d.Class <= wire.ClassPortRestrictedNAT && d.DialInfo.Protocol <= wire.WS && d.DialInfo.Check() == nil {
			out = append(out, d)
		}
	}
	return sortedDetails(out)
}
