package transport

import (
	"context"
	"net/netip"
	"time"
)

// remoteLock lets one connect to, or accept from, a remote address happen at a
// time (spec 02 §5.1, §6.2).
type remoteLock struct {
	held  chan struct{} // capacity 1
	users int           // holder and waiters; the stack's lock guards it
	// failed is why a connect failed, for those who waited for it: they share
	// its result and do not try again one after the other.
	failed error
}

// lockRemote waits for the lock, at most ConnectTimeout. unlock takes the error
// of a failed connect; it is called once. If another's connect failed while
// we waited, its error is returned.
func (s *Stack) lockRemote(ctx context.Context, remote netip.AddrPort) (unlock func(failed error), err error) {
	s.mu.Lock()
	l := s.remotes[remote]
	if l == nil {
		l = &remoteLock{held: make(chan struct{}, 1)}
		s.remotes[remote] = l
	}
	l.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		if l.users--; l.users == 0 {
			delete(s.remotes, remote)
		}
		s.mu.Unlock()
	}
	select {
	case l.held <- struct{}{}:
	default:
		late := time.NewTimer(s.cfg.ConnectTimeout)
		defer late.Stop()
		select {
		case l.held <- struct{}{}:
		case <-late.C:
			err = ErrConnect
		case <-ctx.Done():
			err = ctx.Err()
		case <-s.ctx.Done():
			err = ErrClosed
		}
		if err != nil {
			leave()
			return nil, err
		}
	}
	unlock = func(failed error) {
		if failed != nil {
			l.failed = failed // guarded by held
		}
		<-l.held
		leave()
	}
	if l.failed != nil {
		err = l.failed
		unlock(nil)
		return nil, err
	}
	return unlock, nil
}
