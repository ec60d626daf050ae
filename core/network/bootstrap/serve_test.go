package bootstrap

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func peerOf(id byte, class wire.DialInfoClass, caps []wire.Capability, dials ...wire.DialInfo) *wire.PeerInfo {
	key := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{id}}
	p := &wire.PeerInfo{Domain: wire.PublicInternet, NodeIDs: []crypto.NodeID{crypto.NodeIDOf(key)}}
	p.Info.PublicKeys = []crypto.PublicKey{key}
	p.Info.Capabilities = caps
	for _, d := range dials {
		p.Info.DialInfo = append(p.Info.DialInfo, wire.DialInfoDetail{Class: class, DialInfo: d})
	}
	return p
}

func TestSelectV0(t *testing.T) {
	all := connectivity[:]
	udp4 := wire.DialInfo{Protocol: wire.UDP, Addr: netip.MustParseAddrPort("192.0.2.1:1")}
	tcp4 := wire.DialInfo{Protocol: wire.TCP, Addr: netip.MustParseAddrPort("192.0.2.1:1")}
	udp6 := wire.DialInfo{Protocol: wire.UDP, Addr: netip.MustParseAddrPort("[2001:db8::1]:1")}
	good := func(id byte, d ...wire.DialInfo) *wire.PeerInfo { return peerOf(id, wire.ClassDirect, all, d...) }
	other := good(9, udp4)
	other.NodeIDs[0].Kind = crypto.KindNONE
	for _, v := range []struct {
		name       string
		own        *wire.PeerInfo
		candidates []*wire.PeerInfo
		want       []byte
	}{
		{"nobody", nil, nil, nil},
		{"ourselves first, whatever we offer", peerOf(1, wire.ClassBlocked, nil), []*wire.PeerInfo{good(2, udp4)}, []byte{1, 2}},
		{"two of a transport", nil, []*wire.PeerInfo{good(1, udp4), good(2, udp4), good(3, udp4)}, []byte{1, 2}},
		{"a third adds another family", nil, []*wire.PeerInfo{good(1, udp4), good(2, udp4), good(3, udp4, udp6)}, []byte{1, 2, 3}},
		{"one transport counts once", nil, []*wire.PeerInfo{good(1, udp4, udp4), good(2, udp4), good(3, udp4)}, []byte{1, 2}},
		{"needs a signal", nil, []*wire.PeerInfo{peerOf(1, wire.ClassBlocked, all, udp4), good(2, tcp4)}, []byte{2}},
		{"lacks a capability", nil, []*wire.PeerInfo{peerOf(1, wire.ClassDirect, all[1:], udp4)}, nil},
		{"no dial info", nil, []*wire.PeerInfo{good(1)}, nil},
		{"another kind", nil, []*wire.PeerInfo{other}, nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			var got []byte
			for _, p := range SelectV0(crypto.DefaultKinds(), v.own, v.candidates) {
				got = append(got, p.NodeIDs[0].Value[0])
			}
			if !slices.Equal(got, v.want) {
				t.Errorf("picked %v, want %v", got, v.want)
			}
		})
	}
}

func TestAnswerToV1(t *testing.T) {
	known, err := Parse(recordV0)
	if err != nil {
		t.Fatal(err)
	}
	peer := &wire.PeerInfo{NodeIDs: known.NodeIDs()}
	lookup := func(id crypto.NodeID) *wire.PeerInfo {
		if id == peer.NodeIDs[0] {
			return peer
		}
		return nil
	}
	if _, ok := AnswerToV1(nil, lookup); ok {
		t.Error("without records there is an answer")
	}
	records := []string{recordV0, strings.Replace(recordV0, "n1.lab", "n2.lab", 1), recordOfLink, "9|from|the|future"}
	a, ok := AnswerToV1(records, lookup)
	if !ok || !slices.Equal(a.Records, records) || !slices.Equal(a.Peers, []*wire.PeerInfo{peer}) {
		t.Errorf("answer %+v, %v", a, ok)
	}
}

// Whatever is served fits one message.
func TestAppendBounded(t *testing.T) {
	big := peerOf(1, wire.ClassDirect, nil)
	big.Message = make([]byte, 20000)
	if got := AppendV0(nil, []*wire.PeerInfo{big, big, big}); len(got) > MaxAnswer || len(got) < 20000 {
		t.Errorf("%d bytes, want some that fit %d", len(got), MaxAnswer)
	}
	if got, err := AppendV1(nil, AnswerV1{Records: []string{"a"}, Peers: []*wire.PeerInfo{big, big, big}}); err != nil || len(got) > MaxAnswer {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := AppendV1(nil, AnswerV1{Records: []string{strings.Repeat("x", MaxAnswer)}}); err != ErrTooLarge {
		t.Errorf("records beyond the limit: %v, want ErrTooLarge", err)
	}
}
