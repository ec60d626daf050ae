package attach

import "github.com/voile-net/voile/core/config"

// Reconfigure gives the next attachment other settings and another port mapper
// (nil: none). It fails with [ErrAttached] unless the node is detached and means
// to stay so. The settings are not copied and must not change any more.
func (a *Attacher) Reconfigure(settings *config.Config, mapper PortMapper) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.closed:
		return ErrClosed
	case a.want || a.status.State != Detached:
		return ErrAttached
	}
	// Sessions read the mapper, and the loop starts none before it has seen a wish
	// under this lock.
	a.cfg.Mapper = mapper
	a.settings.Store(settings)
	return nil
}
