package route

import (
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// benchRoute is a message of this size on a route of two safety and two private hops.
func benchRoute(b *testing.B, size int) (*net, *Compiled, *wire.Route) {
	b.Helper()
	n := newNet(b, 6, nil)
	safety := n.pair(b, "safety")
	pr, err := n.others[5].onion.AssemblePrivateRoute(infos(n.others[:2]), n.pair(b, "private"), n.others[5].info, true)
	if err != nil {
		b.Fatal(err)
	}
	sr, err := n.us.onion.CompileSafetyRoute(infos(n.others[2:4]), safety, pr, true)
	if err != nil {
		b.Fatal(err)
	}
	c := &Compiled{SafetyRoute: *sr, PayloadKey: pr.PublicKey, Secret: safety.Secret}
	r, err := n.us.onion.Seal(c, make([]byte, size))
	if err != nil {
		b.Fatal(err)
	}
	return n, c, r
}

func benchmarkPeel(b *testing.B, hop int) {
	n, _, r := benchRoute(b, 1024)
	sender := n.us.id
	order := []*node{n.others[2], n.others[3], n.others[1], n.others[0]}
	for _, at := range order[:hop] {
		action, err := at.onion.Peel(r, sender, true, nil)
		if err != nil {
			b.Fatal(err)
		}
		r, sender = &action.(*Forward).Route, at.id
	}
	at := order[hop]
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		if _, err := at.onion.Peel(r, sender, true, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeelSafety(b *testing.B)      { benchmarkPeel(b, 0) }
func BenchmarkPeelEntry(b *testing.B)       { benchmarkPeel(b, 1) }
func BenchmarkPeelPrivate(b *testing.B)     { benchmarkPeel(b, 2) } // signs
func BenchmarkPeelPrivateLast(b *testing.B) { benchmarkPeel(b, 3) }

// The first message of a route costs a key agreement.
func BenchmarkPeelFirst(b *testing.B) {
	n, _, r := benchRoute(b, 1024)
	at := n.others[2].onion
	b.ReportAllocs()
	for b.Loop() {
		at.crypto.Forget()
		if _, err := at.Peel(r, n.us.id, true, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkArrive(b *testing.B) {
	n, _, r := benchRoute(b, 1024)
	sender := n.us.id
	for _, at := range []*node{n.others[2], n.others[3], n.others[1], n.others[0]} {
		action, err := at.onion.Peel(r, sender, true, nil)
		if err != nil {
			b.Fatal(err)
		}
		r, sender = &action.(*Forward).Route, at.id
	}
	own := ownRoute(n.pair(b, "private"), n.others[:2])
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		if _, err := n.others[5].onion.Peel(r, sender, true, own); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileSafetyRoute(b *testing.B) {
	n, _, _ := benchRoute(b, 0)
	pr := n.remoteRoute(b, n.others[0], n.others[1], "far")
	pair, hops := n.pair(b, "safety"), infos(n.others[2:4])
	for _, optimized := range []bool{true, false} {
		name := map[bool]string{true: "Optimized", false: "Full"}[optimized]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := n.us.onion.CompileSafetyRoute(hops, pair, pr, optimized); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompileCached(b *testing.B) {
	n := newNet(b, 6, nil)
	target := Target{Route: n.remoteRoute(b, n.others[0], n.others[1], "far")}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := n.store.Compile(target, Safe(reliable), crypto.PublicKey{}, start); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkSeal(b *testing.B, size int) {
	n, c, _ := benchRoute(b, size)
	payload := make([]byte, size)
	b.ReportAllocs()
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := n.us.onion.Seal(c, payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal1K(b *testing.B)  { benchmarkSeal(b, 1<<10) }
func BenchmarkSeal16K(b *testing.B) { benchmarkSeal(b, 16<<10) }

func BenchmarkManage(b *testing.B) {
	n := newNet(b, 8, nil)
	plan := n.store.Manage(healthy, start)
	n.fill(b, &plan, start)
	b.ReportAllocs()
	for b.Loop() {
		n.store.Manage(healthy, start)
	}
}

func BenchmarkAllocate(b *testing.B) {
	n := newNet(b, 200, nil)
	b.ReportAllocs()
	for b.Loop() {
		id, err := n.store.Allocate(AllocateRequest{HopCount: 2, Ordering: Ordered}, start)
		if err != nil {
			b.Fatal(err)
		}
		n.store.Forget(id)
	}
}
