package transport

import (
	"sync"
	"time"
)

const (
	flowLife = 15 * time.Second // since a datagram was received (spec 02 §6.3)
	// maxFlows bounds each of the two generations: forged source addresses must
	// not fill the memory.
	maxFlows = 32768
)

// udpFlows remembers when something was last received on each UDP flow, in two
// generations: a new one begins when the young is flowLife old or full, and the
// old one is forgotten. So a flow that was heard within flowLife is in one of
// them, unless there are too many.
type udpFlows struct {
	mu         sync.Mutex
	began      int64 // of young, Stack.now
	young, old map[Flow]int64
}

func (u *udpFlows) hear(f Flow, now int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.young == nil || now-u.began >= int64(flowLife) || len(u.young) >= maxFlows {
		recycled := u.old
		clear(recycled)
		if recycled == nil {
			recycled = make(map[Flow]int64)
		}
		u.young, u.old, u.began = recycled, u.young, now
	}
	u.young[f] = now
}

// alive reports whether the flow was heard within flowLife.
func (u *udpFlows) alive(f Flow, now int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	at, ok := u.young[f]
	if !ok {
		at, ok = u.old[f]
	}
	return ok && now-at < int64(flowLife)
}

func (u *udpFlows) forget(f Flow) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.young, f)
	delete(u.old, f)
}

func (u *udpFlows) clear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	clear(u.young)
	clear(u.old)
}
