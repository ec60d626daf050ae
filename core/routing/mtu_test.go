package routing

import (
	"testing"

	"github.com/voile-net/voile/core/wire"
)

// Numbers of spec 04 §17.
func TestFullMTUs(t *testing.T) {
	for _, c := range []struct {
		mtu            int
		u4, t4, u6, t6 uint16
	}{
		{1500, 1472, 1460, 1452, 1440},
		{9000, 1472, 1460, 1452, 1440},
		{1228, 1200, 1188, 1180, 1168},
		{0, 0, 0, 0, 0},
	} {
		u4, t4 := FullMTUs(wire.IPv4, c.mtu)
		u6, t6 := FullMTUs(wire.IPv6, c.mtu)
		if u4 != c.u4 || t4 != c.t4 || u6 != c.u6 || t6 != c.t6 {
			t.Errorf("interface %d: %d %d %d %d, want %d %d %d %d", c.mtu, u4, t4, u6, t6, c.u4, c.t4, c.u6, c.t6)
		}
	}
}

func TestMTUDetection(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	o := start(tab, ownEverywhere()...)
	o.SetInterfaceMTU(wire.IPv4, 1500)
	expect := func(want MTUState, udp uint16) {
		t.Helper()
		if state, got, _ := o.MTU(wire.IPv4); state != want || got != udp {
			t.Fatalf("state %v size %d, want %v %d", state, got, want, udp)
		}
	}
	expect(MTUDetecting, SafeMTU)
	if probes, changed := o.MTUProbes(t0); len(probes) != 0 || !changed {
		t.Fatalf("%d probes, changed %v; want to settle with nobody to ask", len(probes), changed)
	}
	expect(MTUUnprobed, SafeMTU)
	if got := o.Current(t0).Info.ReceiveMTUs; got != (wire.MTUs{UDPv4: 1200, TCPv4: 1200}) {
		t.Errorf("announced %+v, want the safe size", got)
	}
	w.peer(tab, nil) // announces nothing: never probed
	var better *Entry
	for i := range 6 {
		e := w.peer(tab, func(n *wire.NodeInfo) {
			n.ReceiveMTUs = wire.MTUs{UDPv4: 1300}
			if i == 5 {
				n.ReceiveMTUs.UDPv4 = 1472
			}
		})
		better = e
	}
	probes, _ := o.MTUProbes(at(1))
	if len(probes) != 4 || probes[0].Peer != better || probes[0].Size != 1472 || probes[0].DialInfo.Protocol != wire.UDP {
		t.Fatalf("%d probes, want 4 with the peer that announces our size first", len(probes))
	}
	if more, _ := o.MTUProbes(at(2)); len(more) != 0 {
		t.Errorf("%d more probes while 4 are under way", len(more))
	}
	o.MTUProbeDone(wire.IPv4, MTUProbeLost)
	o.MTUProbeDone(wire.IPv4, MTUProbeUnknown)
	o.MTUProbeDone(wire.IPv4, MTUProbeLost)
	expect(MTUUnprobed, SafeMTU)
	if !o.MTUProbeDone(wire.IPv4, MTUProbeUnknown) {
		t.Error("two losses changed nothing")
	}
	expect(MTUBlackHole, SafeMTU)

	o.SetInterfaceMTU(wire.IPv4, 1501) // a change starts again
	expect(MTUDetecting, SafeMTU)
	if probes, _ = o.MTUProbes(at(3)); len(probes) != 4 {
		t.Fatalf("%d probes, want 4", len(probes))
	}
	if !o.MTUProbeDone(wire.IPv4, MTUProbeFull) {
		t.Error("a full answer changed nothing")
	}
	expect(MTUFull, 1472)
	if o.MTUProbeDone(wire.IPv4, MTUProbeLost) {
		t.Error("a late loss changed a settled size")
	}
	o.ClearMTUs(wire.IPv4)
	if got := o.Current(at(4)).Info.ReceiveMTUs; got != (wire.MTUs{}) {
		t.Errorf("announced %+v after clearing", got)
	}
}
