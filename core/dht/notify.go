package dht

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// notifiers is how many notices are under way at once: a watcher that is slow to
// reach holds up one of them, for one rpc timeout at most.
const notifiers = 16

// notice is a message to a watcher.
type notice struct {
	way     rpc.Destination
	message *wire.ValueChanged
	single  bool // exactly one subkey changed: its value goes along
}

// Notify tells every watcher once what has changed since it was told last, and
// waits until that is sent (spec 06 §12.2). It is due once a second while the node
// is online, one call at a time; while it is not, changes stay noted. What is not
// sent when ctx ends stays noted too. A failure is not repeated. sent is the number
// of notices that left.
func (s *Server) Notify(ctx context.Context, now time.Time) (sent int) {
	list := s.takeDue()
	var next, left atomic.Int64
	var workers guard.Group
	for range min(notifiers, len(list)) {
		workers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(list) {
					return
				}
				n, ok := s.takeNotice(list[i], now)
				if ok && s.sendNotice(ctx, n) == nil {
					left.Add(1)
				}
			}
		})
	}
	workers.Wait()
	if i := int(next.Load()); i < len(list) {
		s.putBackDue(list[i:])
	}
	return int(left.Load())
}

func (s *Server) takeDue() []*watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*watch, 0, len(s.due))
	for w := range s.due {
		list = append(list, w)
	}
	clear(s.due)
	return list
}

func (s *Server) putBackDue(list []*watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range list {
		if s.watches[w.id] == w && !w.changed.Empty() {
			s.due[w] = struct{}{}
		}
	}
}

// takeNotice makes the one message of a watch; ok is false if there is nothing to
// tell, or nobody any more. The last notice of a count ends the watch.
func (s *Server) takeNotice(w *watch, now time.Time) (n notice, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watches[w.id] != w || w.changed.Empty() || !now.Before(w.expires) {
		return notice{}, false
	}
	w.count--
	n = notice{way: w.way, single: w.changed.Len() == 1, message: &wire.ValueChanged{
		Key: w.key, Subkeys: w.changed.Ranges(), Count: w.count, WatchID: w.id,
	}}
	w.changed = Subkeys{}
	delete(s.due, w)
	if w.count == 0 {
		s.endWatchLocked(w)
	}
	return n, true
}

func (s *Server) sendNotice(ctx context.Context, n notice) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Limits.RPCTimeout)
	defer cancel()
	if n.single {
		// Without the value the watcher asks for it, so an error here is no loss.
		n.message.Value, _ = s.cfg.Store.Get(ctx, n.message.Key, n.message.Subkeys[0].Start)
	}
	return s.cfg.Notifier.SendValueChanged(ctx, n.way, n.message)
}
