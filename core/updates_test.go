package core

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A slow receiver fills its own queue: messages wait for it, and updates of the
// node push out the oldest of their sort.
func TestSlowSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hub
		slow, quick := h.add(4), h.add(0)
		for range 4 {
			h.deliver(t.Context(), AppMessage{Message: []byte("m")})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		h.deliver(ctx, AppMessage{Message: []byte("lost")})
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v for room, want a second", waited)
		}
		if slow.Dropped() != 1 || quick.Dropped() != 0 {
			t.Errorf("dropped %d and %d, want 1 and 0", slow.Dropped(), quick.Dropped())
		}
		for range 10 {
			h.publish(NetworkUpdate{})
		}
		h.close()
		count := map[string]int{}
		for {
			u, err := slow.Next(t.Context())
			if err != nil {
				break
			}
			switch u.(type) {
			case AppMessage:
				count["message"]++
			case NetworkUpdate:
				count["network"]++
			case ShutdownUpdate:
				count["shutdown"]++
			}
		}
		if count["message"] != 4 || count["network"] > 4 || count["network"] == 0 || count["shutdown"] != 1 {
			t.Errorf("the slow receiver got %v", count)
		}
	})
}

// A receiver that takes something now and then is waited for; one that takes nothing
// is not, until it does.
func TestDeliverToStalledSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hub
		s := h.add(1)
		h.deliver(t.Context(), AppMessage{Message: []byte("1")})
		began := time.Now()
		for _, want := range []time.Duration{stallTime, stallTime} { // the second at once
			h.deliver(t.Context(), AppMessage{Message: []byte("lost")})
			if waited := time.Since(began); waited != want {
				t.Errorf("gave up after %v, want %v", waited, want)
			}
		}
		if s.Dropped() != 2 {
			t.Errorf("dropped %d, want 2", s.Dropped())
		}
		take := func() {
			if _, err := s.Next(t.Context()); err != nil {
				t.Error(err)
			}
		}
		take()
		h.deliver(t.Context(), AppMessage{Message: []byte("2")})
		// Three messages wait; one is taken each 1.5 s.
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { h.deliver(t.Context(), AppMessage{Message: []byte("3")}) })
		}
		for range 3 {
			time.Sleep(1500 * time.Millisecond)
			take()
		}
		all.Wait()
		if s.Dropped() != 2 {
			t.Errorf("dropped %d of a receiver that reads", s.Dropped()-2)
		}
		h.close()
	})
}

// Room that is made lets the next message in.
func TestDeliverWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h hub
		s := h.add(1)
		h.deliver(t.Context(), AppMessage{Message: []byte("1")})
		time.AfterFunc(time.Second, func() {
			if _, err := s.Next(t.Context()); err != nil {
				t.Error(err)
			}
		})
		began := time.Now()
		h.deliver(t.Context(), AppMessage{Message: []byte("2")})
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v, want a second", waited)
		}
		s.Close()
		if u, err := s.Next(t.Context()); err != nil || string(u.(AppMessage).Message) != "2" {
			t.Errorf("after Close: %v, %v, want what was queued", u, err)
		}
		if _, err := s.Next(t.Context()); KindOf(err) != Shutdown {
			t.Errorf("after the last one: %v, want Shutdown", err)
		}
		h.close()
		if _, err := h.add(0).Next(t.Context()); KindOf(err) != Shutdown {
			t.Errorf("a subscription of a closed node: %v, want Shutdown", err)
		}
	})
}
