package core

import "log/slog"

// LogUpdate is a line of a log for subscribers. The node makes none: a host that
// wants its subscribers to have its log passes the lines to [Node.PublishLog].
type LogUpdate struct {
	Level     slog.Level // below Debug: trace
	Message   string
	Backtrace string // "": none
}

func (LogUpdate) update() {}

// PublishLog passes a line to all subscribers that have room for it, and reports
// how many had none. It never blocks, and pushes out no other update.
func (n *Node) PublishLog(u LogUpdate) (missed int) {
	for _, s := range n.updates.all() {
		if ok, _ := s.offer(u); !ok {
			s.dropped.Add(1)
			missed++
		}
	}
	return missed
}
