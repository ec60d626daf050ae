package abi

import (
	"math"
	"testing"

	"github.com/voile-net/voile/bind/instance"
)

func TestHandles(t *testing.T) {
	h := newHandles[*int](sortSession, 3)
	values := [4]int{}
	var got [3]Handle
	for i := range got {
		var err error
		if got[i], err = h.add(&values[i]); err != nil {
			t.Fatal(err)
		}
		if got[i] <= math.MaxUint32 || got[i]%2 != 1 {
			t.Errorf("handle %#x could be mistaken for something else", got[i])
		}
	}
	if _, err := h.add(&values[3]); CodeOf(err) != instance.TooLarge {
		t.Errorf("one more than the limit: %v", err)
	}
	if v, err := h.remove(got[1]); v != &values[1] || err != nil {
		t.Errorf("remove gave %p, %v", v, err)
	}
	again, err := h.add(&values[3])
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]Handle{
		"closed": got[1], "zero": 0, "negative": -1, "another sort": got[0] + 1<<sortShift, "no slot": got[0] + 6,
		"between": got[0] + 1, "another generation": got[0] + 1<<slotBits, "below": got[0] - 2, "largest": math.MaxInt64,
	} {
		if _, err := h.get(wrong); CodeOf(err) != instance.InvalidHandle {
			t.Errorf("%s: get gave %v", name, err)
		}
		if _, err := h.remove(wrong); CodeOf(err) != instance.InvalidHandle {
			t.Errorf("%s: remove gave %v", name, err)
		}
	}
	if v, err := h.get(again); v != &values[3] || err != nil || again == got[1] {
		t.Errorf("the slot that is used again gives %p, %v as %#x", v, err, again)
	}
	if n := h.count(); n != 3 || len(h.all()) != 3 {
		t.Errorf("%d objects, %d listed", n, len(h.all()))
	}
}
