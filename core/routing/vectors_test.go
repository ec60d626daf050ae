package routing

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
	"github.com/voile-net/voile/platform"
)

// captured is a description that a real node published.
type captured struct {
	name    string
	message []byte
	keys    []crypto.KeyPair
	peer    *wire.PeerInfo
}

func readCaptured(t *testing.T) []captured {
	t.Helper()
	raw, err := os.ReadFile("testdata/peer-info.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct{ Name, PublicKey, SecretKey, NodeInfoMessage, Signature string }
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var list []captured
	for _, v := range file.Vectors {
		c := captured{name: v.Name, message: unhex(v.NodeInfoMessage)}
		var pair crypto.KeyPair
		text := crypto.EncodeBase64(unhex(v.PublicKey)) + ":" + crypto.EncodeBase64(unhex(v.SecretKey))
		if err := pair.UnmarshalText([]byte("VLD0:" + text)); err != nil {
			t.Fatal(err)
		}
		c.keys = []crypto.KeyPair{pair}
		sig := crypto.Signature{Kind: crypto.KindVLD0, Value: [crypto.SignatureSize]byte(unhex(v.Signature))}
		c.peer, err = wire.Decoder{Kinds: crypto.DefaultKinds()}.DecodePeerInfo(c.message, []crypto.Signature{sig})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		list = append(list, c)
	}
	return list
}

// Descriptions of real nodes are taken in, and broken ones are not.
func TestCapturedPeersRegister(t *testing.T) {
	w := newWorld(t)
	tab := w.table(dualStack())
	for _, c := range readCaptured(t) {
		domain, ok := tab.Domains().Assign(&c.peer.Info, wire.PublicInternet)
		if !ok || domain != wire.PublicInternet {
			t.Errorf("%s: domain %v %v, want PublicInternet", c.name, domain, ok)
		}
		c.peer.Domain = domain
		broken := *c.peer
		broken.Message = bytes.Clone(c.message)
		broken.Message[len(broken.Message)/2] ^= 4
		if _, err := tab.RegisterPeer(&broken, RegisterOptions{}, t0); !errors.Is(err, ErrSignature) {
			t.Errorf("%s with a bit changed: %v, want ErrSignature", c.name, err)
		}
		e, err := tab.RegisterPeer(c.peer, RegisterOptions{}, t0)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if e.NodeInfoTimestamp(wire.PublicInternet) != c.peer.Info.Timestamp && e.NodeInfoTimestamp(wire.PublicInternet) < c.peer.Info.Timestamp {
			t.Errorf("%s: an older description is held", c.name)
		}
	}
	if tab.Len() != 8 {
		t.Errorf("%d entries, want the 8 nodes", tab.Len())
	}
}

// A node of ours with the keys, addresses and relays of a real one publishes the
// same bytes and signature.
func TestCapturedPeersPublish(t *testing.T) {
	all := readCaptured(t)
	relayed := 0
	for _, c := range all {
		want := &c.peer.Info
		w := newWorld(t)
		tab, err := New(Config{
			Crypto: w.crypto, Keys: c.keys, Domains: hostOf(want),
			Capabilities: DefaultCapabilities(false, nil), Rand: rand.New(rand.NewPCG(1, 2)),
		})
		if err != nil {
			t.Fatal(err)
		}
		o := start(tab, want.DialInfo...)
		for f := range o.mtu.family {
			o.SetInterfaceMTU(wire.AddressType(f), 1500)
			o.mtu.family[f].state = MTUUnprobed
			if want.ReceiveMTUs.UDPv4 > SafeMTU {
				o.mtu.family[f].state = MTUFull
			}
		}
		now := want.Timestamp.Time()
		for _, r := range want.Relays {
			relayed++
			for _, other := range all {
				if other.peer.NodeIDs[0] == r.NodeIDs[0] && other.peer.Info.Timestamp == r.Timestamp {
					other.peer.Domain = wire.PublicInternet
					e, err := tab.RegisterPeer(other.peer, RegisterOptions{}, now)
					if err != nil {
						t.Fatalf("%s: relay: %v", c.name, err)
					}
					responsive(e, time.Millisecond, now)
				}
			}
		}
		o.ManageRelays(false, now)
		if changed, err := o.Publish(now); !changed || err != nil {
			t.Errorf("%s: published %v %v in stage %v", c.name, changed, err, o.InboundStage(now))
			continue
		}
		p := o.Published()
		if !bytes.Equal(p.Message, c.message) {
			t.Errorf("%s: published\n%x\nwant\n%x", c.name, p.Message, c.message)
		}
		if p.Signatures[0] != c.peer.Signatures[0] {
			t.Errorf("%s: another signature", c.name)
		}
	}
	if relayed != 3 {
		t.Errorf("%d relays in the vectors, want 3", relayed)
	}
}

// hostOf is a device with the addresses of a description on one interface.
func hostOf(info *wire.NodeInfo) *Domains {
	var n platform.Network
	n.Interfaces = []platform.Interface{{Name: "eth0", Running: true, MTU: 1500}}
	for _, d := range info.DialInfo {
		a := d.DialInfo.Addr.Addr()
		n.Interfaces[0].Addrs = append(n.Interfaces[0].Addrs, platform.InterfaceAddr{Prefix: netip.PrefixFrom(a, 16)})
		if a.Is4() {
			n.Egress4 = platform.Egress{Source: a, Gateway: a.Next()}
		} else {
			n.Egress6 = platform.Egress{Source: a}
		}
	}
	return NewDomains(n, false)
}
