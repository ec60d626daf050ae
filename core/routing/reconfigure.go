package routing

import "slices"

// SetCapabilities changes what the node announces from its next peer info on.
func (t *Table) SetCapabilities(c Capabilities) {
	for d, own := range t.own {
		own.mu.Lock()
		if !slices.Equal(t.caps[d], c[d]) {
			t.caps[d] = slices.Clone(c[d])
			own.changedLocked()
		}
		own.mu.Unlock()
	}
}
