package bind

import (
	"sync"

	"github.com/voile-net/voile/core"
)

// broadcastSize is how many lines are kept: clients that read take an update
// within so many.
const broadcastSize = 16

// broadcast makes the line of an update once for all clients that get it. An
// update with a list or a message is known again by where that lies in memory;
// others are short, and made anew.
type broadcast struct {
	mu    sync.Mutex
	lines [broadcastSize]broadcastLine
	next  int
}

type broadcastLine struct {
	key  broadcastKey
	line []byte
}

// broadcastKey is comparable. The zero value is of no update.
type broadcastKey struct {
	kind byte
	call uint64
	// at is *byte or *core.PeerStatus, which keeps the memory from being used again,
	// or the texts of a log line: the same texts make the same line.
	at any
}

// line is the line of an update with its end; nil: the update has none.
func (b *broadcast) line(u core.Update) []byte {
	key := keyOf(u)
	if key == (broadcastKey{}) {
		return terminated(AppendUpdate(nil, u))
	}
	// Under the lock, or each of a thousand clients would make its own.
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.lines {
		if l := &b.lines[i]; l.key == key {
			return l.line
		}
	}
	line := terminated(AppendUpdate(nil, u))
	b.lines[b.next] = broadcastLine{key, line}
	b.next = (b.next + 1) % broadcastSize
	return line
}

func keyOf(u core.Update) broadcastKey {
	switch u := u.(type) {
	case core.NetworkUpdate:
		if len(u.Peers) > 0 {
			return broadcastKey{kind: 'n', at: &u.Peers[0]}
		}
	case core.AppMessage:
		if len(u.Message) > 0 {
			return broadcastKey{kind: 'm', at: &u.Message[0]}
		}
	case core.AppCall:
		if len(u.Message) > 0 {
			return broadcastKey{kind: 'c', call: u.CallID, at: &u.Message[0]}
		}
	case core.LogUpdate:
		return broadcastKey{kind: 'l', call: uint64(u.Level), at: [2]string{u.Message, u.Backtrace}}
	}
	return broadcastKey{}
}

func terminated(line []byte) []byte {
	if len(line) == 0 {
		return nil
	}
	return append(line, '\n')
}
