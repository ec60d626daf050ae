package dht

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/sorting"
	"github.com/voile-net/voile/core/wire"
)

// detail is what our own store keeps beside a record. Its form is our own:
//
//	version[1] safety offline[128] rehydrate[128] agree[1]
//	count[1] { node[32] seen[8] set[8] subkeys[128] }*
//	count[1] { node[32] watch[8] expires[8] count[4] signer[32] safety }*
//	count[1] { record[32] }* signed[1] { public[32] secret[32] }?
//
// with a safety of unsafe[1] preferred[32] hops[1] stability[1] sequencing[1], all
// integers little-endian, times in µs, and everything of the kind of the record.
type detail struct {
	safety    route.SafetySelection
	offline   Subkeys // values that the network does not have yet
	rehydrate Subkeys // to be compared with the network
	agree     int     // nodes that must have them
	nodes     []knownNode
	watchers  []nodeWatch // what nodes granted, for the next watch of the record
	set       []crypto.OpaqueRecordKey
	setSigner *crypto.KeyPair // nil: the anonymous one; set with set only
}

// knownNode is a node that had values of the record (spec 06 §8.8).
type knownNode struct {
	id        crypto.NodeID
	seen, set time.Time // set: zero for never
	subkeys   Subkeys
}

const (
	detailVersion = 1
	subkeysSize   = MaxSubkeys / 8
	safetySize    = 1 + crypto.ValueSize + 3
	nodeSize      = crypto.ValueSize + 16 + subkeysSize
	watcherSize   = crypto.ValueSize + 8 + 8 + 4 + crypto.ValueSize + safetySize
	maxWatchers   = 32
)

var errDetail = errors.New("damaged detail of a record")

func appendSubkeys(dst []byte, s *Subkeys) []byte {
	for _, w := range s {
		dst = binary.LittleEndian.AppendUint64(dst, w)
	}
	return dst
}

func appendMicros(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.LittleEndian.AppendUint64(dst, 0)
	}
	return binary.LittleEndian.AppendUint64(dst, uint64(t.UnixMicro()))
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendSafety(dst []byte, s route.SafetySelection) []byte {
	spec, safe := s.Spec()
	dst = appendBool(dst, !safe)
	dst = append(dst, spec.Preferred.Value[:]...)
	return append(dst, byte(spec.HopCount), byte(spec.Stability), byte(s.Sequencing()))
}

// append appends the detail; it is always within [MaxDetail].
func (d *detail) append(dst []byte) []byte {
	le := binary.LittleEndian
	dst = append(dst, detailVersion)
	dst = appendSafety(dst, d.safety)
	dst = appendSubkeys(dst, &d.offline)
	dst = appendSubkeys(dst, &d.rehydrate)
	dst = append(dst, byte(d.agree))
	dst = append(dst, byte(len(d.nodes)))
	for i := range d.nodes {
		n := &d.nodes[i]
		dst = append(dst, n.id.Value[:]...)
		dst = appendMicros(dst, n.seen)
		dst = appendMicros(dst, n.set)
		dst = appendSubkeys(dst, &n.subkeys)
	}
	watchers := d.watchers[:min(len(d.watchers), maxWatchers)]
	dst = append(dst, byte(len(watchers)))
	for i := range watchers {
		w := &watchers[i]
		dst = append(dst, w.id.Value[:]...)
		dst = le.AppendUint64(dst, w.watchID)
		dst = appendMicros(dst, w.expires)
		dst = le.AppendUint32(dst, w.count)
		dst = append(dst, w.signer.Value[:]...)
		dst = appendSafety(dst, w.safety)
	}
	dst = append(dst, byte(len(d.set)))
	for _, key := range d.set {
		dst = append(dst, key.Value[:]...)
	}
	dst = appendBool(dst, d.setSigner != nil)
	if d.setSigner != nil {
		dst = append(dst, d.setSigner.Public.Value[:]...)
		dst = append(dst, d.setSigner.Secret.SecretBytes()...)
	}
	return dst
}

// detailReader reads fields until the row is at its end; then all are zero and bad
// is set.
type detailReader struct {
	rest []byte
	bad  bool
}

func (r *detailReader) bytes(n int) []byte {
	if len(r.rest) < n {
		r.bad, r.rest = true, nil
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *detailReader) value() [crypto.ValueSize]byte {
	return [crypto.ValueSize]byte(r.bytes(crypto.ValueSize))
}

func (r *detailReader) uint8() int { return int(r.bytes(1)[0]) }

func (r *detailReader) micros() time.Time {
	v := int64(binary.LittleEndian.Uint64(r.bytes(8)))
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMicro(v)
}

func (r *detailReader) subkeys() (s Subkeys) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(r.bytes(8))
	}
	return s
}

func (r *detailReader) safety(kind crypto.Kind) route.SafetySelection {
	unsafe := r.uint8() != 0
	preferred := crypto.RouteID{Kind: kind, Value: r.value()}
	spec := route.SafetySpec{HopCount: r.uint8(), Stability: route.Stability(r.uint8()), Sequencing: wire.Sequencing(r.uint8())}
	if preferred.Value != [crypto.ValueSize]byte{} {
		spec.Preferred = preferred
	}
	if unsafe {
		return route.Unsafe(spec.Sequencing)
	}
	return route.Safe(spec)
}

func parseDetail(kind crypto.Kind, row []byte) (d detail, err error) {
	r := detailReader{rest: row}
	if r.uint8() != detailVersion {
		return detail{}, errDetail
	}
	d.safety = r.safety(kind)
	d.offline, d.rehydrate = r.subkeys(), r.subkeys()
	d.agree = r.uint8()
	for range r.uint8() {
		if len(r.rest) < nodeSize {
			return detail{}, errDetail
		}
		d.nodes = append(d.nodes, knownNode{
			id: crypto.NodeID{Kind: kind, Value: r.value()}, seen: r.micros(), set: r.micros(), subkeys: r.subkeys(),
		})
	}
	for range r.uint8() {
		if len(r.rest) < watcherSize {
			return detail{}, errDetail
		}
		d.watchers = append(d.watchers, nodeWatch{
			id:      crypto.NodeID{Kind: kind, Value: r.value()},
			watchID: binary.LittleEndian.Uint64(r.bytes(8)), expires: r.micros(),
			count:  binary.LittleEndian.Uint32(r.bytes(4)),
			signer: crypto.PublicKey{Kind: kind, Value: r.value()}, safety: r.safety(kind),
		})
	}
	for range r.uint8() {
		d.set = append(d.set, crypto.OpaqueRecordKey{Kind: kind, Value: r.value()})
	}
	if r.uint8() != 0 {
		public := crypto.PublicKey{Kind: kind, Value: r.value()}
		d.setSigner = &crypto.KeyPair{Public: public, Secret: crypto.NewSecretKey(kind, r.value())}
	}
	if r.bad || len(r.rest) > 0 {
		return detail{}, errDetail
	}
	return d, nil
}

// remember notes nodes that had values of a record and keeps the width of a search
// of them, those seen last, and of those the nearer (spec 06 §8.8).
func (d *detail) remember(key crypto.OpaqueRecordKey, ids []crypto.NodeID, subkeys Subkeys, set bool, width int, now time.Time) {
	for _, id := range ids {
		i := slices.IndexFunc(d.nodes, func(n knownNode) bool { return n.id == id })
		if i < 0 {
			i = len(d.nodes)
			d.nodes = append(d.nodes, knownNode{id: id})
		}
		n := &d.nodes[i]
		n.seen = now
		if set {
			n.set = now
		}
		n.subkeys = n.subkeys.Union(subkeys)
	}
	sorting.Stable(d.nodes, func(a, b knownNode) int {
		near, _ := a.id.Distance(key.Coordinate())
		far, _ := b.id.Distance(key.Coordinate())
		return cmp.Or(b.seen.Compare(a.seen), near.Compare(far))
	})
	d.nodes = d.nodes[:min(len(d.nodes), width)]
}
