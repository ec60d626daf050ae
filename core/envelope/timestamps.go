package envelope

import (
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/crypto/lru"
)

// Numbers of spec 02 §9.4.
const (
	// MaxSenders bounds the senders that are remembered; the one that was not heard
	// for longest is forgotten.
	MaxSenders = 16384
	// TimestampLimit is how far a sender may be from its own average, either way.
	TimestampLimit = 10 * time.Second

	maxLog = 1024 // timestamps remembered of one sender

	// maxLogged bounds the timestamps of all senders together, 16 bytes each: that
	// many are 10 s of over 100,000 messages a second. Without it the logs of
	// MaxSenders senders that went silent would hold 256 MiB.
	maxLogged = 1 << 20
)

// Verdict is what [Timestamps.Check] says of an envelope. The zero value refuses.
type Verdict uint8

const (
	Behind    Verdict = iota // older than the sender's average allows
	Ahead                    // newer than the sender's average allows
	Duplicate                // timestamp seen before
	Stalled                  // sent while this node did not run
	Accepted
)

// OK reports whether the envelope may be acted on.
func (v Verdict) OK() bool { return v == Accepted }

func (v Verdict) String() string {
	switch v {
	case Behind:
		return "behind"
	case Ahead:
		return "ahead"
	case Duplicate:
		return "duplicate"
	case Stalled:
		return "stalled"
	}
	return "accepted"
}

// Timestamps finds duplicates and envelopes out of their time (spec 02 §9.4). It knows
// each sender's clock only relative to its own recent average, so that a wrong clock
// does no harm and a jump does. Not safe for concurrent use: its owner locks.
type Timestamps struct {
	behind, ahead crypto.TimestampDuration // 0: no limit
	keep          crypto.TimestampDuration // age at which log entries go
	senders       *lru.Cache[crypto.NodeID, sender]
	logged        int // entries in all logs
	maxLogged     int

	stallFrom, stallTo crypto.Timestamp // stallTo 0: no stall
	stallUntil         crypto.Timestamp // end of its effect
}

// TimestampsConfig are the settings; the zero value of each is the protocol's number.
type TimestampsConfig struct {
	Behind, Ahead time.Duration // 0: TimestampLimit; negative: no limit
	Senders       int           // 0: MaxSenders
}

// NewTimestamps makes an empty memory.
func NewTimestamps(cfg TimestampsConfig) *Timestamps {
	limit := func(d time.Duration) crypto.TimestampDuration {
		if d == 0 {
			d = TimestampLimit
		}
		return crypto.DurationOf(d) // negative becomes 0
	}
	t := &Timestamps{behind: limit(cfg.Behind), ahead: limit(cfg.Ahead), maxLogged: maxLogged}
	t.keep = t.behind
	if t.keep == 0 {
		t.keep = crypto.DurationOf(TimestampLimit)
	}
	if cfg.Senders == 0 {
		cfg.Senders = MaxSenders
	}
	t.senders = lru.New(cfg.Senders, func(_ crypto.NodeID, s *sender) { t.logged -= s.size() })
	return t
}

// sender is the memory of one sender.
type sender struct {
	log       []logEntry // log[head:] in the order of arrival
	head      int32
	accepted  int32            // entries of the log that count for the average
	total     int64            // sum of their remote - local
	local     crypto.Timestamp // base: this time here ...
	remote    crypto.Timestamp // ... is that time there
	rejecting crypto.Timestamp // since when nothing was accepted; 0: not so
	highest   crypto.Timestamp // largest remote ever in the log
	firstSent crypto.Timestamp // of the first envelope ...
	firstSeen crypto.Timestamp // ... and when it came
}

// logEntry is one timestamp. The top bit of local, which no clock reaches, says that
// it counts for the average.
type logEntry struct {
	remote crypto.Timestamp
	local  crypto.Timestamp
}

const countedBit crypto.Timestamp = 1 << 63

func (e logEntry) arrived() crypto.Timestamp { return e.local &^ countedBit }
func (e logEntry) counted() bool             { return e.local&countedBit != 0 }

// Check judges an envelope of sender id with the timestamp remote, received at local,
// a reading of [crypto.Clock.Increasing]. It must be called once per envelope, after
// its signature was verified.
func (t *Timestamps) Check(id crypto.NodeID, remote, local crypto.Timestamp) Verdict {
	local &^= countedBit
	s := t.senders.Get(id)
	if local < t.stallUntil {
		sent := remote
		if s != nil {
			sent = s.toLocal(remote)
		}
		if t.stallFrom <= sent && sent <= t.stallTo {
			return Stalled
		}
	}
	if s == nil {
		s = t.senders.Put(id, sender{
			local: local, remote: remote, highest: remote, firstSent: remote, firstSeen: local,
		})
		s.add(remote, local, true)
		t.added(1, local)
		return Accepted
	}
	before := s.size()
	verdict := s.check(t, remote, local)
	t.added(s.size()-before, local)
	return verdict
}

// Stall tells that this node did not run from one time to another, by its own clock:
// envelopes sent in that stretch are refused until the limit after its end, and
// senders first seen through one of them are forgotten.
func (t *Timestamps) Stall(from, to crypto.Timestamp) {
	t.stallFrom, t.stallTo, t.stallUntil = from, to, to.Add(t.keep)
	t.senders.RemoveFunc(func(_ crypto.NodeID, s *sender) bool {
		return s.firstSeen >= from && from <= s.firstSent && s.firstSent <= to
	})
}

// Len is the number of senders remembered.
func (t *Timestamps) Len() int { return t.senders.Len() }

// added counts log entries and, over the bound, first drops those that are too old to
// matter and then whole senders, the longest silent first.
func (t *Timestamps) added(n int, now crypto.Timestamp) {
	t.logged += n
	if t.logged <= t.maxLogged {
		return
	}
	oldest := now.Back(t.keep)
	t.senders.RemoveFunc(func(_ crypto.NodeID, s *sender) bool {
		before := s.size()
		s.prune(oldest)
		s.compact()
		t.logged += s.size() - before
		return false
	})
	// A quarter is freed at once, so that this is not repeated for each envelope.
	for t.logged > t.maxLogged/4*3 && t.senders.RemoveOldest() {
	}
}

func (s *sender) check(t *Timestamps, remote, local crypto.Timestamp) Verdict {
	if s.seen(remote) {
		return Duplicate
	}
	adjusted := s.toLocal(remote)
	verdict := Accepted
	switch {
	case t.behind != 0 && local.Since(adjusted) > t.behind:
		verdict = Behind
	case t.ahead != 0 && adjusted.Since(local) > t.ahead:
		verdict = Ahead
	}
	if !verdict.OK() && s.rejecting != 0 && local.Since(s.rejecting) >= t.keep {
		// The sender's clock was set: start its average over.
		for i := range s.log {
			s.log[i].local &^= countedBit
		}
		s.total, s.accepted = 0, 0
		verdict = Accepted
	}
	s.add(remote, local, verdict.OK())
	if verdict.OK() {
		s.rejecting = 0
	} else if s.rejecting == 0 {
		s.rejecting = local
	}
	s.prune(local.Back(t.keep))
	if s.accepted > 0 {
		s.local, s.remote = local, shift(local, s.total/int64(s.accepted))
	}
	return verdict
}

// toLocal moves a time of the sender's clock to ours.
func (s *sender) toLocal(remote crypto.Timestamp) crypto.Timestamp {
	if s.local >= s.remote {
		return remote.Add(s.local.Since(s.remote))
	}
	return remote.Back(s.remote.Since(s.local))
}

func (s *sender) size() int { return len(s.log) - int(s.head) }

// seen looks for a timestamp. Nearly all are higher than any before, which spares
// the search.
func (s *sender) seen(remote crypto.Timestamp) bool {
	if remote > s.highest {
		return false
	}
	for _, e := range s.log[s.head:] {
		if e.remote == remote {
			return true
		}
	}
	return false
}

func (s *sender) add(remote, local crypto.Timestamp, counts bool) {
	s.highest = max(s.highest, remote)
	e := logEntry{remote: remote, local: local}
	if counts {
		e.local |= countedBit
		s.accepted++
		s.total += offset(remote, local)
	}
	if len(s.log) == cap(s.log) && s.head > 0 {
		s.log = s.log[:copy(s.log, s.log[s.head:])]
		s.head = 0
	}
	s.log = append(s.log, e)
}

// prune drops what is over the size of a log or arrived before oldest.
func (s *sender) prune(oldest crypto.Timestamp) {
	for s.size() > 0 {
		e := s.log[s.head]
		if s.size() <= maxLog && e.arrived() >= oldest {
			return
		}
		if e.counted() {
			s.accepted--
			s.total -= offset(e.remote, e.arrived())
		}
		s.head++
	}
}

// compact gives memory back.
func (s *sender) compact() {
	s.log = append([]logEntry(nil), s.log[s.head:]...)
	s.head = 0
}

// offset is remote - local, within 285 years, so that the sum over a log fits an int64.
// Only senders with a clock beyond that notice, and only they.
func offset(remote, local crypto.Timestamp) int64 {
	const most = 1 << 53
	if remote >= local {
		return int64(min(remote-local, most))
	}
	return -int64(min(local-remote, most))
}

// shift is t + by, saturating.
func shift(t crypto.Timestamp, by int64) crypto.Timestamp {
	if by < 0 {
		return t.Back(crypto.TimestampDuration(-by))
	}
	return t.Add(crypto.TimestampDuration(by))
}
