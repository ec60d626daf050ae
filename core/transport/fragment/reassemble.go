package fragment

import (
	"math/bits"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Limits of reassembly, per socket (spec 02 §2.2).
const (
	MaxRemotes    = 256    // with assemblies
	MaxAssemblies = 256    // per remote
	MaxBuffered   = 262144 // bytes per remote, counted as the lengths of its unfinished messages
	MaxAge        = 10 * time.Second
)

// Reassembler puts the fragments of one socket together. Methods may be called
// from any goroutine.
//
// A spec hazard is avoided: assemblies are purged by age whatever remote the
// next fragment comes from, so abandoned ones cannot fill the slots for good.
type Reassembler struct {
	// buffers holds *[]byte by size: 1 KiB << index. So a buffer is at most twice
	// what MaxBuffered counts, or 1 KiB. Used outside the lock.
	buffers [7]sync.Pool

	mu             sync.Mutex
	remotes        map[netip.AddrPort]*remote
	oldest, newest *assembly // all assemblies, in the order of their start

	// What is done with serves again; at most maxSpare of each.
	spareRemotes    []*remote
	spareAssemblies []*assembly
}

const maxSpare = 16

// remote holds the unfinished messages of one sender.
type remote struct {
	addr           netip.AddrPort
	bySequence     map[uint16]*assembly
	oldest, newest *assembly
	buffered       int
}

type assembly struct {
	remote     *remote
	sequence   uint16
	total      uint16
	started    time.Time
	message    *[]byte
	have       []span // sorted, not touching each other
	prev, next *assembly
	prevOfAll  *assembly
	nextOfAll  *assembly
}

// span is the received bytes [start, end) of a message.
type span struct{ start, end uint16 }

// NewReassembler makes an empty reassembler.
func NewReassembler() *Reassembler {
	return &Reassembler{remotes: make(map[netip.AddrPort]*remote)}
}

// Message is a whole message.
type Message struct {
	Data     []byte // a part of the datagram, or a buffer that Release takes back
	Datagram int    // size of the one datagram that held it; 0: it came in several
	buffer   *[]byte
}

// Add takes one datagram that is not empty. It keeps no part of the datagram. ok
// means that a message is whole; the caller then calls Release once it has done
// with it. err is ErrHeader for a datagram that is no fragment; a fragment of a
// remote for which there is no room is dropped without an error.
func (r *Reassembler) Add(now time.Time, from netip.AddrPort, datagram []byte) (m Message, ok bool, err error) {
	h, chunk, err := Parse(datagram)
	if err != nil {
		return Message{}, false, err
	}
	if len(chunk) == int(h.Total) { // then the offset is 0
		return Message{Data: chunk, Datagram: len(datagram)}, true, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.purgeLocked(now)
	a := r.assemblyLocked(now, from, h, chunk)
	if a == nil {
		return Message{}, false, nil
	}
	copy((*a.message)[h.Offset:], chunk)
	a.add(span{h.Offset, h.Offset + uint16(len(chunk))})
	if a.have[0] != (span{0, h.Total}) {
		return Message{}, false, nil
	}
	m = Message{Data: *a.message, buffer: a.message}
	a.message = nil
	r.removeLocked(a)
	return m, true, nil
}

// Release takes back the buffer of a message.
func (r *Reassembler) Release(m Message) {
	if m.buffer != nil {
		r.putBuffer(m.buffer)
	}
}

// Purge drops the assemblies that are too old. Add does so too; Purge frees the
// memory when nothing more arrives.
func (r *Reassembler) Purge(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.purgeLocked(now)
}

// Pending is the number of unfinished messages.
func (r *Reassembler) Pending() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rem := range r.remotes {
		n += len(rem.bySequence)
	}
	return n
}

// assemblyLocked finds or starts the assembly that the fragment belongs to.
func (r *Reassembler) assemblyLocked(now time.Time, from netip.AddrPort, h Header, chunk []byte) *assembly {
	rem := r.remotes[from]
	if rem != nil {
		if a := rem.bySequence[h.Sequence]; a != nil {
			if a.total == h.Total && !a.overlaps(h.Offset, h.Offset+uint16(len(chunk))) {
				return a
			}
			r.removeLocked(a) // starts anew with this fragment; may drop rem
			rem = r.remotes[from]
		}
	}
	if rem == nil {
		if len(r.remotes) >= MaxRemotes {
			return nil
		}
		if n := len(r.spareRemotes); n > 0 {
			rem, r.spareRemotes = r.spareRemotes[n-1], r.spareRemotes[:n-1]
		} else {
			rem = &remote{bySequence: make(map[uint16]*assembly)}
		}
		rem.addr = from
		r.remotes[from] = rem
	}
	for len(rem.bySequence) >= MaxAssemblies || rem.buffered+int(h.Total) > MaxBuffered {
		r.dropLocked(rem.oldest)
	}
	var a *assembly
	if n := len(r.spareAssemblies); n > 0 {
		a, r.spareAssemblies = r.spareAssemblies[n-1], r.spareAssemblies[:n-1]
	} else {
		a = new(assembly)
	}
	*a = assembly{remote: rem, sequence: h.Sequence, total: h.Total, started: now, message: r.getBuffer(int(h.Total)), have: a.have[:0]}
	r.insertLocked(a)
	return a
}

// sizeClass is the index in buffers of what holds n bytes.
func sizeClass(n int) int { return bits.Len(uint(n-1) >> 10) }

func (r *Reassembler) getBuffer(n int) *[]byte {
	class := sizeClass(n)
	if b, _ := r.buffers[class].Get().(*[]byte); b != nil {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n, 1<<(10+class))
	return &b
}

func (r *Reassembler) putBuffer(b *[]byte) { r.buffers[sizeClass(cap(*b))].Put(b) }

func (r *Reassembler) purgeLocked(now time.Time) {
	for r.oldest != nil && now.Sub(r.oldest.started) > MaxAge {
		r.removeLocked(r.oldest)
	}
}

func (r *Reassembler) insertLocked(a *assembly) {
	rem := a.remote
	rem.bySequence[a.sequence] = a
	rem.buffered += int(a.total)
	if a.prev = rem.newest; a.prev != nil {
		a.prev.next = a
	} else {
		rem.oldest = a
	}
	rem.newest = a
	if a.prevOfAll = r.newest; a.prevOfAll != nil {
		a.prevOfAll.nextOfAll = a
	} else {
		r.oldest = a
	}
	r.newest = a
}

// removeLocked drops an assembly, and its remote if nothing is left of it.
func (r *Reassembler) removeLocked(a *assembly) {
	rem := a.remote
	r.dropLocked(a)
	if len(rem.bySequence) > 0 {
		return
	}
	delete(r.remotes, rem.addr)
	if len(r.spareRemotes) < maxSpare {
		r.spareRemotes = append(r.spareRemotes, rem)
	}
}

// dropLocked drops an assembly and leaves its remote in the table.
func (r *Reassembler) dropLocked(a *assembly) {
	rem := a.remote
	delete(rem.bySequence, a.sequence)
	rem.buffered -= int(a.total)
	if a.prev != nil {
		a.prev.next = a.next
	} else {
		rem.oldest = a.next
	}
	if a.next != nil {
		a.next.prev = a.prev
	} else {
		rem.newest = a.prev
	}
	if a.prevOfAll != nil {
		a.prevOfAll.nextOfAll = a.nextOfAll
	} else {
		r.oldest = a.nextOfAll
	}
	if a.nextOfAll != nil {
		a.nextOfAll.prevOfAll = a.prevOfAll
	} else {
		r.newest = a.prevOfAll
	}
	if a.message != nil {
		r.putBuffer(a.message)
	}
	if len(r.spareAssemblies) < maxSpare && cap(a.have) <= maxSpare {
		*a = assembly{have: a.have}
		r.spareAssemblies = append(r.spareAssemblies, a)
	}
}

// search finds the first span that ends after start.
func (a *assembly) search(start uint16) int {
	if n := len(a.have); n == 0 || a.have[n-1].end <= start {
		return n // in order, which is the rule
	}
	i, _ := slices.BinarySearchFunc(a.have, start, func(s span, at uint16) int {
		if s.end <= at {
			return -1
		}
		return 1
	})
	return i
}

func (a *assembly) overlaps(start, end uint16) bool {
	i := a.search(start)
	return i < len(a.have) && a.have[i].start < end
}

// add notes bytes that overlap nothing.
func (a *assembly) add(s span) {
	i := a.search(s.start)
	joinsLeft := i > 0 && a.have[i-1].end == s.start
	joinsRight := i < len(a.have) && a.have[i].start == s.end
	switch {
	case joinsLeft && joinsRight:
		a.have[i-1].end = a.have[i].end
		a.have = slices.Delete(a.have, i, i+1)
	case joinsLeft:
		a.have[i-1].end = s.end
	case joinsRight:
		a.have[i].start = s.start
	default:
		a.have = slices.Insert(a.have, i, s)
	}
}
