package routing

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// crowd fills a table with n nodes that have a description; signatures are not
// made, since nothing here verifies them. A tenth is reliable after a minute.
func crowd(b *testing.B, n int) *Table {
	b.Helper()
	w := newWorld(b)
	tab := w.table(dualStack())
	start(tab, ownEverywhere()...)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		id := randomID(r, crypto.KindVLD0)
		p := &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{id}, Info: w.info()}
		p.Info.PublicKeys = []crypto.PublicKey{crypto.PublicKeyOf(id)}
		p.Signatures = []crypto.Signature{{Kind: crypto.KindVLD0}}
		e := tab.claim([]crypto.NodeID{id}, t0)
		e.update(p, t0)
		if i%10 == 0 {
			responsive(e, time.Duration(1+i%300)*time.Millisecond, t0)
		}
	}
	return tab
}

func BenchmarkClosest10000(b *testing.B) {
	tab := crowd(b, 10000)
	r := rand.New(rand.NewPCG(3, 4))
	now := at(61)
	b.ReportAllocs()
	for b.Loop() {
		if got := tab.Closest(randomID(r, crypto.KindVLD0).Coordinate(), 20, nil, now); len(got) != 20 {
			b.Fatal(len(got))
		}
	}
}

func BenchmarkFindNode10000(b *testing.B) {
	tab := crowd(b, 10000)
	r := rand.New(rand.NewPCG(3, 4))
	now := at(61)
	caps := DistanceCaps()
	b.ReportAllocs()
	for b.Loop() {
		if got := tab.FindNode(randomID(r, crypto.KindVLD0), caps, wire.PublicInternet, 20, now); len(got) != 20 {
			b.Fatal(len(got))
		}
	}
}

func BenchmarkRegisterPeerKnown(b *testing.B) {
	w := newWorld(b)
	tab := w.table(dualStack())
	start(tab, ownEverywhere()...)
	p := w.sign(w.info(), w.keys())
	if _, err := tab.RegisterPeer(p, RegisterOptions{}, t0); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tab.RegisterPeer(p, RegisterOptions{}, t0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRegisterPeerNew(b *testing.B) {
	w := newWorld(b)
	tab := w.table(dualStack())
	start(tab, ownEverywhere()...)
	p := w.sign(w.info(), w.keys())
	b.ReportAllocs()
	for b.Loop() {
		tab.verified.Clear()
		e, err := tab.RegisterPeer(p, RegisterOptions{}, t0)
		if err != nil {
			b.Fatal(err)
		}
		tab.Remove(e)
	}
}

func BenchmarkState(b *testing.B) {
	tab := crowd(b, 1)
	e := tab.Entries()[0]
	now := at(61)
	b.ReportAllocs()
	for b.Loop() {
		if e.State(now) != StateReliable {
			b.Fatal("not reliable")
		}
	}
}

// What one question and its answer cost in accounting.
func BenchmarkQuestionAndAnswer(b *testing.B) {
	tab := crowd(b, 1)
	e := tab.Entries()[0]
	p := over(wire.TCP)
	now := at(61)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		e.QuestionSent(p, 200, now)
		e.AnswerReceived(p, 200, time.Millisecond, now)
		e.RecordFlow(p.Flow, now)
	}
}

func BenchmarkContactMethods(b *testing.B) {
	tab := crowd(b, 1)
	e := tab.Entries()[0]
	b.ReportAllocs()
	for b.Loop() {
		if len(tab.ContactMethods(e, wire.PublicInternet, AnyDialInfo(), wire.PreferOrdered, t0)) == 0 {
			b.Fatal("none")
		}
	}
}

// One tick's look at everything in a table of usual size.
func BenchmarkTick1000(b *testing.B) {
	tab := crowd(b, 1000)
	o := tab.Own(wire.PublicInternet)
	now := at(61)
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		tab.RollTransfers(now)
		tab.UpdateViability(now)
		tab.Kick(now)
		tab.AttachmentLevel(now)
		o.OutboundStage(OutboundInputs{}, now)
		o.ManageRelays(false, now)
		tab.PingCandidates(wire.PublicInternet, now)
	}
}
