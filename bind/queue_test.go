package bind

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
)

func TestRarely(t *testing.T) {
	var r rarely
	at := time.Unix(1000, 0)
	for _, tt := range []struct {
		after   time.Duration
		skipped int
		ok      bool
	}{{0, 0, true}, {0, 0, false}, {999 * time.Millisecond, 0, false}, {time.Second, 2, true}, {2 * time.Second, 0, true}} {
		if skipped, ok := r.tell(at.Add(tt.after)); skipped != tt.skipped || ok != tt.ok {
			t.Errorf("after %v: %d %v, want %d %v", tt.after, skipped, ok, tt.skipped, tt.ok)
		}
	}
}

// taken is what one take gives, as text. It releases it, as the writer does.
func taken(t *testing.T, q *queue) string {
	t.Helper()
	pieces, err := q.take(nil)
	if err != nil {
		t.Fatalf("take: %v", err)
	}
	var text []byte
	for _, b := range buffers(nil, pieces) {
		text = append(text, b...)
	}
	q.all.release(pieces)
	return string(text)
}

// A queue makes a line wait while it is full, lets one line in however long it
// is, and gives everything back in order.
func TestQueue(t *testing.T) {
	all := newBudget(1 << 20)
	q := newQueue(10, all)
	ctx, cancel := context.WithCancel(t.Context())
	if err := q.add(ctx, []byte(strings.Repeat("x", 20))); err != nil {
		t.Fatal(err)
	}
	full, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	if err := q.add(full, []byte("y")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a line for a full queue: %v", err)
	}
	if err := q.room(full); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("room in a full queue: %v", err)
	}
	if text := taken(t, q); text != strings.Repeat("x", 20)+"\n" {
		t.Errorf("took %q", text)
	}
	if err := q.room(ctx); err != nil {
		t.Errorf("no room in an empty queue: %v", err)
	}
	for _, line := range []string{"a", "b", "c"} {
		if err := q.add(ctx, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	q.close()
	q.close()
	if err := q.add(t.Context(), []byte("late")); !errors.Is(err, errQueueClosed) {
		t.Errorf("a line for a closed queue: %v", err)
	}
	if text := taken(t, q); text != "a\nb\nc\n" {
		t.Errorf("took %q", text)
	}
	if _, err := q.take(nil); !errors.Is(err, errQueueClosed) {
		t.Errorf("took from an empty, closed queue: %v", err)
	}
	if used := all.used.Load(); used != 0 {
		t.Errorf("%d bytes are counted as queued at the end", used)
	}
}

// Lines for all clients stand between the others where they were put, and are not
// copied.
func TestQueueShares(t *testing.T) {
	all := newBudget(1 << 20)
	q := newQueue(1<<20, all)
	long := append(bytes.Repeat([]byte("u"), 2*shareFrom), '\n')
	for _, put := range []func() error{
		func() error { return q.add(t.Context(), []byte("a")) },
		func() error { return q.share(t.Context(), long) },
		func() error { return q.share(t.Context(), []byte("short\n")) },
		func() error { return q.add(t.Context(), []byte("b")) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
	}
	pieces, err := q.take(nil)
	if err != nil || len(pieces) != 3 || &pieces[1].bytes[0] != &long[0] {
		t.Fatalf("%d pieces, %v; want 3, the second not copied", len(pieces), err)
	}
	if got := string(pieces[0].bytes) + string(pieces[2].bytes); got != "a\nshort\nb\n" {
		t.Errorf("took %q around the long line", got)
	}
	all.release(pieces)
	if used := all.used.Load(); used != 0 {
		t.Errorf("%d bytes are counted as queued at the end", used)
	}
}

// One client's waiting answers are bounded, and so is what all have together.
func TestQueueOverflows(t *testing.T) {
	for _, tt := range []struct {
		name          string
		limit, budget int
	}{
		{"of one client", 1 << 10, 1 << 30},
		{"of all together", 1 << 20, 1 << 19},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := newBudget(tt.budget)
				q := newQueue(tt.limit, all)
				failed := 0
				results := make(chan error)
				line := make([]byte, 512)
				const count = 4096
				for range count {
					go func() { results <- q.add(t.Context(), line) }()
				}
				synctest.Wait()
				select {
				case err := <-results:
					for i := 1; ; i++ {
						if err != nil {
							failed++
							if !errors.Is(err, errOverflow) {
								t.Fatalf("add: %v, want %v", err, errOverflow)
							}
						}
						if i == count {
							break
						}
						err = <-results
					}
				default:
					t.Fatal("nothing failed")
				}
				if failed == 0 {
					t.Error("all lines were taken")
				}
				q.drop()
				if used := all.used.Load(); used != 0 {
					t.Errorf("%d bytes are counted as queued at the end", used)
				}
			})
		})
	}
}

// The line of an update is made once for all who get the update, and never taken
// for that of another one.
func TestBroadcast(t *testing.T) {
	var b broadcast
	one, same := []byte("one"), []byte("one")
	peers := []core.PeerStatus{{Address: "TCP:192.0.2.1:1"}}
	for _, tt := range []struct {
		name   string
		a, b   core.Update
		shared bool
	}{
		{"a message twice", core.AppMessage{Message: one}, core.AppMessage{Message: one}, true},
		{"equal messages", core.AppMessage{Message: one}, core.AppMessage{Message: same}, false},
		{"a call twice", core.AppCall{Message: one, CallID: 1}, core.AppCall{Message: one, CallID: 1}, true},
		{"other calls", core.AppCall{Message: one, CallID: 2}, core.AppCall{Message: one, CallID: 3}, false},
		{"a message and a call", core.AppMessage{Message: same}, core.AppCall{Message: same}, false},
		{"no message", core.AppMessage{}, core.AppMessage{}, false},
		{"peers", core.NetworkUpdate{NetworkStatus: core.NetworkStatus{Peers: peers}}, core.NetworkUpdate{NetworkStatus: core.NetworkStatus{Peers: peers}}, true},
		{"equal log lines", core.LogUpdate{Message: "x"}, core.LogUpdate{Message: "x"}, true},
		{"other log lines", core.LogUpdate{Message: "x"}, core.LogUpdate{Message: "x", Level: 4}, false},
	} {
		first, second := b.line(tt.a), b.line(tt.b)
		if &first[0] == &second[0] != tt.shared {
			t.Errorf("%s: one line for both %v, want %v", tt.name, !tt.shared, tt.shared)
		}
		for i, u := range []core.Update{tt.a, tt.b} {
			if want := string(AppendUpdate(nil, u)) + "\n"; want != string([][]byte{first, second}[i]) {
				t.Errorf("%s: line %s, want %s", tt.name, [][]byte{first, second}[i], want)
			}
		}
	}
	for range 100 { // older ones give way
		b.line(core.AppMessage{Message: bytes.Clone(one)})
	}
	if line := b.line(core.AppMessage{Message: one}); string(line) != string(AppendUpdate(nil, core.AppMessage{Message: one}))+"\n" {
		t.Errorf("line %s", line)
	}
}
