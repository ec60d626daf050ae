package policy

import "time"

// bucket bounds a rate. It keeps the moment at which everything that was taken has
// been paid for, which may be in the future. The zero value is a full bucket.
type bucket struct{ freeAt time.Time }

func perMinute(n int) float64 { return float64(n) / 60 }

// take takes n at a rate of perSecond and says how long to wait, until no more than
// the burst is owed.
func (b *bucket) take(now time.Time, n int, perSecond float64, burst time.Duration) time.Duration {
	b.add(now, n, perSecond)
	if most := now.Add(burst + maxDebt); b.freeAt.After(most) {
		b.freeAt = most
	}
	return max(0, b.freeAt.Sub(now)-burst)
}

// tryTake takes n unless as much as the burst is owed; then it takes nothing.
func (b *bucket) tryTake(now time.Time, n int, perSecond float64, burst time.Duration) bool {
	if b.freeAt.Sub(now) > burst {
		return false
	}
	b.add(now, n, perSecond)
	return true
}

func (b *bucket) add(now time.Time, n int, perSecond float64) {
	if b.freeAt.Before(now) {
		b.freeAt = now
	}
	b.freeAt = b.freeAt.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))
}
