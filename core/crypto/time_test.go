package crypto

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still unless we sleep
		c := NewClock()
		now := FromTime(time.Now())
		if got := []Timestamp{c.Now(), c.NonDecreasing(), c.NonDecreasing(), c.Increasing(), c.Increasing(), c.Increasing()}; got[0] != now ||
			got[1] != now || got[2] != now || got[3] != now || got[4] != now+1 || got[5] != now+2 {
			t.Errorf("readings %v at %v", got, now)
		}
		time.Sleep(time.Second)
		if got := c.Increasing(); got != now+1_000_000 {
			t.Errorf("a second later: %v, want %v", got, now+1_000_000)
		}
	})
}

func TestClockConcurrent(t *testing.T) {
	c := NewClock()
	var mu sync.Mutex
	seen := map[Timestamp]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var last Timestamp
			for range 1000 {
				now := c.Increasing()
				if now <= last {
					t.Errorf("%v after %v", now, last)
				}
				last = now
				mu.Lock()
				seen[now] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(seen) != 4000 {
		t.Errorf("%d different readings of 4000", len(seen))
	}
}

func TestTimestampArithmetic(t *testing.T) {
	const top = Timestamp(math.MaxUint64)
	for _, test := range []struct {
		name      string
		got, want uint64
	}{
		{"add", uint64(Timestamp(5).Add(7)), 12},
		{"add saturates", uint64(top.Add(1)), math.MaxUint64},
		{"back", uint64(Timestamp(5).Back(3)), 2},
		{"back saturates", uint64(Timestamp(5).Back(7)), 0},
		{"since", uint64(Timestamp(9).Since(4)), 5},
		{"since newer", uint64(Timestamp(4).Since(9)), 0},
		{"duration add saturates", uint64(TimestampDuration(math.MaxUint64).Add(3)), math.MaxUint64},
		{"duration of", uint64(DurationOf(1500 * time.Nanosecond)), 1},
		{"duration of negative", uint64(DurationOf(-time.Second)), 0},
		{"before the epoch", uint64(FromTime(time.Unix(-5, 0))), 0},
	} {
		if test.got != test.want {
			t.Errorf("%s = %d, want %d", test.name, test.got, test.want)
		}
	}
	at := time.Date(2026, 11, 21, 9, 16, 13, 668000, time.UTC)
	if got := FromTime(at); got.Time() != at || got.String() != "1795252573000668" {
		t.Errorf("FromTime(%v) = %v, %v", at, got, got.Time())
	}
	if TimestampDuration(math.MaxUint64).Duration() != math.MaxInt64 || TimestampDuration(3).Duration() != 3*time.Microsecond {
		t.Error("Duration")
	}
	if top.Time().Before(at) {
		t.Error("the last timestamp lies in the past")
	}
}
