package transport

import (
	"context"
	"errors"
	"time"
)

// messageLink carries messages over a MessageConn, which queues by itself.
type messageLink struct {
	conn MessageConn
	ctx  context.Context // ends when the link is closed
	stop context.CancelFunc
}

func newMessageLink(conn MessageConn) *messageLink {
	l := &messageLink{conn: conn}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

func (l *messageLink) read(idle func() (time.Duration, error)) ([]byte, error) {
	for {
		wait, err := idle()
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(l.ctx, wait)
		msg, err := l.conn.ReadMessage(ctx)
		cancel()
		if err == nil || !errors.Is(err, context.DeadlineExceeded) {
			return msg, err
		}
	}
}

func (l *messageLink) send(ctx context.Context, msg []byte, timeout time.Duration) error {
	if l.ctx.Err() != nil {
		return ErrNoFlow
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := l.conn.WriteMessage(limited, msg)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return ErrSendTimeout
	}
	return err
}

func (l *messageLink) write() error {
	<-l.ctx.Done()
	return l.conn.Close()
}

func (l *messageLink) finish([]byte, closing) { l.stop() }

func (l *messageLink) last(error) []byte { return nil }

func (l *messageLink) queued() int { return 0 }
