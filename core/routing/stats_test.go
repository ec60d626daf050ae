package routing

import (
	"testing"
	"time"
)

// Vectors of spec 04 §17.
func TestLatencyVectors(t *testing.T) {
	series := func(from, to, step uint64) (list []uint64) {
		for v := from; v <= to; v += step {
			list = append(list, v)
		}
		return list
	}
	for _, c := range []struct {
		name   string
		values []uint64
		want   Latency
	}{
		{"one", []uint64{123456}, Latency{123456, 123456, 123456, 123456, 123456, 123456, 123456}},
		{"three", series(10000, 30000, 10000), Latency{10000, 20000, 30000, 15000, 15000, 20000, 20000}},
		{"ten", []uint64{50000, 10000, 100000, 20000, 90000, 30000, 80000, 40000, 70000, 60000},
			Latency{10000, 55000, 100000, 50000, 40000, 90000, 70000}},
		{"sixty, last fifty kept", series(1000, 60000, 1000), Latency{11000, 35500, 60000, 33000, 29000, 55000, 47000}},
	} {
		var s samples
		for _, v := range c.values {
			s.add(v)
		}
		if got, ok := s.latency(); !ok || got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
	var none *samples
	if _, ok := none.latency(); ok {
		t.Error("latency without samples")
	}
}

func TestLatencyMeter(t *testing.T) {
	var m LatencyMeter
	if l, n := m.Latency(); l != (Latency{}) || n != 0 {
		t.Errorf("unused: %+v of %d", l, n)
	}
	for i := range 60 {
		m.Add(time.Duration(i+1) * time.Millisecond)
	}
	m.Add(-time.Second) // a clock that was set back
	l, n := m.Latency()
	if n != 61 || l.Fastest != 0 || l.Slowest != 60000 {
		t.Errorf("%+v of %d, want 0 to 60 ms of 61", l, n)
	}
	if allocs := testing.AllocsPerRun(100, func() { m.Add(time.Millisecond) }); allocs > 0 {
		t.Errorf("Add allocates %.0f times: it is on the path of every message", allocs)
	}
}

// Vector of spec 04 §17.
func TestTransferVector(t *testing.T) {
	var m TransferMeter
	m.Roll(t0)
	now := t0
	for _, c := range []struct {
		bytes int
		ms    time.Duration
		want  Transfer
	}{
		{1000, 1000, Transfer{Total: 1000, Maximum: 1000, Average: 1000, Minimum: 1000}},
		{3000, 1000, Transfer{Total: 4000, Maximum: 3000, Average: 2000, Minimum: 1000}},
		{500, 1250, Transfer{Total: 4500, Maximum: 2400, Average: 1200, Minimum: 400}},
	} {
		now = now.Add(c.ms * time.Millisecond)
		m.Add(c.bytes)
		m.Roll(now)
		if got := m.Transfer(); got != c.want {
			t.Errorf("%d bytes in %d ms: %+v, want %+v", c.bytes, c.ms, got, c.want)
		}
	}
}

func TestTransferForgets(t *testing.T) {
	var m TransferMeter
	now := t0
	m.Roll(now)
	m.Add(5000)
	for range 10 {
		now = now.Add(time.Second)
		m.Roll(now)
	}
	if got := m.Transfer(); got.Maximum != 5000 || got.Average != 500 {
		t.Errorf("after 10 rolls: %+v, want maximum 5000, average 500", got)
	}
	now = now.Add(time.Second)
	m.Roll(now)
	if got := m.Transfer(); got.Maximum != 0 || got.Total != 5000 {
		t.Errorf("after 11 rolls: %+v, want maximum 0, total 5000", got)
	}
	now = now.Add(time.Hour) // idle rolls count no time
	m.Roll(now)
	m.Add(700)
	m.Roll(now.Add(time.Second))
	if got := m.Transfer(); got.Maximum != 700 {
		t.Errorf("after an idle hour: maximum %d, want 700", got.Maximum)
	}
	before := m.Transfer()
	m.Roll(now.Add(time.Second))
	if got := m.Transfer(); got != before {
		t.Errorf("a roll without time passed changed %+v to %+v", before, got)
	}
}
