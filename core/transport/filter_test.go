package transport

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
)

var filterStart = time.Unix(1700000000, 0)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestBlock(t *testing.T) {
	for in, want := range map[string]string{
		"44.81.0.1":             "44.81.0.1",
		"::ffff:44.81.0.1":      "44.81.0.1",
		"2001:db8:1:2345::1":    "2001:db8:1:23ff:ffff:ffff:ffff:ffff",
		"2001:db8:1:23fe::":     "2001:db8:1:23ff:ffff:ffff:ffff:ffff",
		"2001:db8:1:2400::":     "2001:db8:1:24ff:ffff:ffff:ffff:ffff",
		"fe80::1%eth0":          "fe80::ff:ffff:ffff:ffff:ffff",
		"ffff:ffff:ffff:ffff::": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		if got := Block(addr(in)); got != addr(want) {
			t.Errorf("Block(%s) = %v, want %s", in, got, want)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	f, now := NewAddressFilter(nil), filterStart
	for i := range MaxConnectionsPerBlock {
		var b [16]byte
		b[0], b[1], b[15] = 0x2a, 0x0f, byte(i) // one /56
		if err := f.AddConnection(netip.AddrFrom16(b), now); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	if err := f.AddConnection(addr("2a0f::77"), now); !errors.Is(err, ErrLimit) {
		t.Errorf("one more of the block: %v, want ErrLimit", err)
	}
	if err := f.AddConnection(addr("2a0f:0:0:100::1"), now); err != nil {
		t.Errorf("of the next block: %v", err)
	}
	f.RemoveConnection(addr("2a0f::1"))
	if err := f.AddConnection(addr("2a0f::77"), now); err != nil {
		t.Errorf("after one ended: %v", err)
	}
	f.ResetConnections()
	if err := f.AddConnection(addr("2a0f::77"), now); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func TestRate(t *testing.T) {
	f, a := NewAddressFilter(nil), addr("44.81.0.1")
	for i := range MaxRatePerBlock {
		now := filterStart.Add(time.Duration(i) * time.Millisecond)
		var err error
		if i%2 == 0 { // connections and requests share the rate
			err = f.AddConnection(a, now)
			f.RemoveConnection(a)
		} else {
			err = f.CountRequest(a, now)
		}
		if err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := f.AddConnection(a, filterStart.Add(time.Second)); !errors.Is(err, ErrRate) {
		t.Errorf("connection: %v, want ErrRate", err)
	}
	if err := f.CountRequest(a, filterStart.Add(time.Minute-1)); !errors.Is(err, ErrRate) {
		t.Errorf("request: %v, want ErrRate", err)
	}
	if err := f.CountRequest(addr("44.81.0.2"), filterStart.Add(time.Second)); err != nil {
		t.Errorf("another block: %v", err)
	}
	// Refusals do not count: exactly the first one has left the window.
	if err := f.CountRequest(a, filterStart.Add(time.Minute)); err != nil {
		t.Errorf("after a minute: %v", err)
	}
	if err := f.CountRequest(a, filterStart.Add(time.Minute)); !errors.Is(err, ErrRate) {
		t.Errorf("a second one after a minute: %v", err)
	}
}

func TestPunishments(t *testing.T) {
	f := NewAddressFilter(nil)
	a, other := addr("2a0f::1"), addr("2a0f:0:0:100::1")
	var id crypto.NodeID
	id.Value[0] = 1
	if f.IPPunished(a, filterStart) || f.NodePunished(id, filterStart) {
		t.Error("punished without a reason")
	}
	f.PunishIP(a, ShortPacket, filterStart)
	f.PunishNode(id, WrongSenderPeerInfo, filterStart)
	again := filterStart.Add(30 * time.Minute)
	f.PunishIP(a, InvalidFraming, again) // from the last offence
	for _, tt := range []struct {
		after    time.Duration
		ip, node bool
	}{
		{0, true, true},
		{PunishmentTime - 1, true, true},
		{PunishmentTime, true, false},
		{PunishmentTime + 30*time.Minute - 1, true, false},
		{PunishmentTime + 30*time.Minute, false, false},
	} {
		now := filterStart.Add(tt.after)
		if got := f.IPPunished(addr("2a0f:0:0:ff::9"), now); got != tt.ip {
			t.Errorf("after %v: block punished %v, want %v", tt.after, got, tt.ip)
		}
		if got := f.NodePunished(id, now); got != tt.node {
			t.Errorf("after %v: node punished %v, want %v", tt.after, got, tt.node)
		}
		if f.IPPunished(other, now) {
			t.Errorf("after %v: the next block is punished", tt.after)
		}
	}
	if err := f.AddConnection(a, again); !errors.Is(err, ErrPunished) {
		t.Errorf("connection: %v, want ErrPunished", err)
	}
	if err := f.CountRequest(a, again); !errors.Is(err, ErrPunished) {
		t.Errorf("request: %v, want ErrPunished", err)
	}
	s := f.Snapshot(again)
	if len(s.Blocks) != 1 || s.Blocks[0].Reason != InvalidFraming || !s.Blocks[0].Ends.Equal(again.Add(PunishmentTime)) || len(s.Nodes) != 1 || s.Nodes[0].Reason.String() != "WrongSenderPeerInfo" {
		t.Errorf("snapshot %+v", s)
	}
	if freed := f.Purge(filterStart.Add(PunishmentTime)); len(freed) != 1 || freed[0] != id {
		t.Errorf("Purge freed %v", freed)
	}
	if !f.IPPunished(a, again) {
		t.Error("Purge freed a block too early")
	}
	f.ForgiveIP(a)
	if f.IPPunished(a, again) {
		t.Error("forgiven, still punished")
	}
}

func TestFilterBounds(t *testing.T) {
	f := NewAddressFilter(nil)
	var id crypto.NodeID
	for i := range uint32(MaxPunishedNodes + 1) {
		binary.BigEndian.PutUint32(id.Value[:], i)
		f.PunishNode(id, FailedToDecodeOperation, filterStart)
	}
	if f.NodePunished(id, filterStart) {
		t.Error("more nodes than the limit")
	}
	if got := len(f.Snapshot(filterStart).Nodes); got != MaxPunishedNodes {
		t.Errorf("%d punished nodes", got)
	}
	for i := range uint32(maxRatedBlocks + 100) {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 0x2c000000+i)
		if err := f.CountRequest(netip.AddrFrom4(b), filterStart); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
	}
	if got := len(f.Snapshot(filterStart).Loads); got > maxRatedBlocks {
		t.Errorf("%d blocks in memory", got)
	}
	if f.Purge(filterStart.Add(rateWindow)); len(f.Snapshot(filterStart.Add(rateWindow)).Loads) != 0 {
		t.Error("Purge left rates")
	}
}
