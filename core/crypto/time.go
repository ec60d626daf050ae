package crypto

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"
)

// Timestamp counts microseconds since the Unix epoch (spec 01 §7). Its arithmetic
// saturates. In JSON it is a decimal string.
type Timestamp uint64

// TimestampDuration counts microseconds between timestamps.
type TimestampDuration uint64

// FromTime rounds down to a microsecond; before the epoch it is 0.
func FromTime(t time.Time) Timestamp { return Timestamp(max(0, t.UnixMicro())) }

// Time is the timestamp as a time in UTC. What package time cannot hold becomes
// its latest microsecond.
func (t Timestamp) Time() time.Time {
	return time.UnixMicro(int64(min(uint64(t), math.MaxInt64))).UTC()
}

// Add saturates at 2^64-1.
func (t Timestamp) Add(d TimestampDuration) Timestamp {
	sum, carry := bits.Add64(uint64(t), uint64(d), 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return Timestamp(sum)
}

// Back saturates at 0.
func (t Timestamp) Back(d TimestampDuration) Timestamp {
	return t - min(t, Timestamp(d))
}

// Since is 0 if older is in fact newer.
func (t Timestamp) Since(older Timestamp) TimestampDuration {
	return TimestampDuration(t - min(t, older))
}

// String is the decimal number.
func (t Timestamp) String() string { return strconv.FormatUint(uint64(t), 10) }

// MarshalText gives the decimal number, in JSON a string; it never fails.
func (t Timestamp) MarshalText() ([]byte, error) {
	return strconv.AppendUint(nil, uint64(t), 10), nil
}

// UnmarshalText reads a decimal number.
func (t *Timestamp) UnmarshalText(text []byte) error {
	v, err := parseMicros(text)
	if err == nil {
		*t = Timestamp(v)
	}
	return err
}

// DurationOf is d in microseconds; a negative one is 0.
func DurationOf(d time.Duration) TimestampDuration {
	return TimestampDuration(max(0, d.Microseconds()))
}

// Duration saturates at the longest [time.Duration], 292 years.
func (d TimestampDuration) Duration() time.Duration {
	const most = uint64(math.MaxInt64 / time.Microsecond)
	if uint64(d) > most {
		return math.MaxInt64
	}
	return time.Duration(d) * time.Microsecond
}

// Add saturates at 2^64-1.
func (d TimestampDuration) Add(e TimestampDuration) TimestampDuration {
	return TimestampDuration(Timestamp(d).Add(e))
}

// String is the decimal number of microseconds.
func (d TimestampDuration) String() string { return strconv.FormatUint(uint64(d), 10) }

// MarshalText gives the decimal number, in JSON a string; it never fails.
func (d TimestampDuration) MarshalText() ([]byte, error) {
	return strconv.AppendUint(nil, uint64(d), 10), nil
}

// UnmarshalText reads a decimal number.
func (d *TimestampDuration) UnmarshalText(text []byte) error {
	v, err := parseMicros(text)
	if err == nil {
		*d = TimestampDuration(v)
	}
	return err
}

func parseMicros(text []byte) (uint64, error) {
	v, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: timestamp %q is not a decimal number of 64 bits", ErrFormat, text)
	}
	return v, nil
}

// Clock gives the three readings of spec 01 §7. A node has one and takes all its
// timestamps from it, since receivers drop a (sender, timestamp) they have seen.
// Methods may be called from any goroutine.
type Clock struct {
	steady     atomic.Uint64 // last reading of NonDecreasing
	increasing atomic.Uint64 // last reading of Increasing
}

// NewClock returns a clock that reads package time.
func NewClock() *Clock { return new(Clock) }

// Now is the time as it is; it may go back.
func (c *Clock) Now() Timestamp { return FromTime(time.Now()) }

// NonDecreasing never goes back.
func (c *Clock) NonDecreasing() Timestamp {
	for {
		last := c.steady.Load()
		now := max(last, uint64(c.Now()))
		if c.steady.CompareAndSwap(last, now) {
			return Timestamp(now)
		}
	}
}

// Increasing gives every caller a different, later timestamp: if the time has not
// moved, the last one and a microsecond.
func (c *Clock) Increasing() Timestamp {
	for {
		last := c.increasing.Load()
		now := max(last+1, uint64(c.Now()))
		if c.increasing.CompareAndSwap(last, now) {
			return Timestamp(now)
		}
	}
}
