package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

// The computed vectors of spec 03 §11.

// counting is the byte string 00 01 02 … from a first byte on.
func counting(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

var (
	specKey   = crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte(counting(0, 32))}
	specOwner = crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte(counting(0x80, 32))}
	specNonce = crypto.Nonce(counting(0x40, 24))
)

const specOpID = 0x0102030405060708

func joined(lines string) string { return strings.Join(strings.Fields(lines), "") }

func TestSpecOperations(t *testing.T) {
	question := func(d QuestionDetail) *Operation { return &Operation{OpID: specOpID, Body: &Question{Detail: d}} }
	statusQ := func(ts crypto.Timestamp) *Operation {
		op := question(&StatusQ{NodeStatus: true})
		op.TargetNodeInfoTS = ts
		return op
	}
	findNodeQ := func(n uint32) *Operation {
		return question(&FindNodeQ{NodeID: crypto.NodeID(specKey), Capabilities: []Capability{CapDHTV}, MaxPeers: n})
	}
	tests := []struct {
		name   string
		op     *Operation
		data   string // operationData, "" where the spec does not give it
		packed string
	}{
		{"StatusQ", statusQ(0), `
000000000b00000000000000030002000807060504030201000000000000000000000000000000000000000000000000
0000000001000200000000000000000000000000000000000000000000000200fcffffff000000000000000000000000`, `
10104003310902030001100b500302ff0807060504030201000002500102000140020ffcffffff0000`},
		{"StatusQ with timestamp", statusQ(1700000000000000), "", `
10104003310902030001100b500302ff0807060504030201007e401e18240a060001500102000140020ffcffffff0000`},
		{"StatusQ with probe", question(&StatusQ{NodeStatus: true, Probe: &MTUProbe{Size: 1200, Padding: counting(1, 16)}}), `
000000000f00000000000000030002000807060504030201000000000000000000000000000000000000000000000000
0000000001000200000000000000000000000000000000000000000000000200fcffffff000000000000000001000100
b00400000000000001000000820000000102030405060708090a0b0c0d0e0f10`, `
10144003310902040001100f500302ff0807060504030201000002500102000140020ffcffffff50010103b004110182
ff010203040506070801090a0b0c0d0e0f10`},
		{"StatusA", &Operation{OpID: specOpID, Body: &Answer{&StatusA{NodeStatus: true, SenderAddr: netip.MustParseAddrPort("192.0.2.1:5150")}}}, `
000000001100000000000000030002000807060504030201000000000000000002000000000000000000000000000000
000000000100010000000000000000000000000000000300fcffffff0000000004000000000001000000000000000000
00000000010001001e14000000000000000000000100010034567069000000000000000001000000010200c000000000`, `
101640033109820400011011500302ff080706050403020100000001020000500101000040030ffcffffff4104010000
500101031e145001010f3456706910010b0102c0`},
		{"FindNodeQ", findNodeQ(20), `
000000001400000000000000030002000807060504030201000000000000000000000000000000000000000000000000
000000000100020000000100000000000000000000000000000000000000030008000000010001001d0000000c000000
1c0000000100000030444c56000000000100000002010000000102030405060708090a0b0c0d0e0f1011121314151617
18191a1b1c1d1e1f56544844000000000000000000000000`, `
101940033109420500011014500302ff080706050403020100000250010204010000400351080101111d0c111c010f30
444c5631010201fe01020304050607ff08090a0b0c0d0e0f02101112131415161718191a1b1c1d1e1f0f565448440000`},
		{"FindNodeQ for no peers", findNodeQ(0), "", `
101940033109420500011014500302ff080706050403020100000250010204010000400351080101111d0c111c010f30
444c5631010201fe01020304050607ff08090a0b0c0d0e0f02101112131415161718191a1b1c1d1e1f0f565448440114`},
		{"GetValueQ", question(&GetValueQ{Key: crypto.OpaqueRecordKey(specKey), Subkey: 3, WantDescriptor: true, MaxPeers: 20}), `
000000001300000000000000030002000807060504030201000000000000000000000000000000000000000000000000
000000000100020000000300000000000000000000000000000000000100020003000000010000000400000001000100
180000000100000030444c56000000000100000002010000000102030405060708090a0b0c0d0e0f1011121314151617
18191a1b1c1d1e1f0000000000000000`, `
101840033109020500011013500302ff080706050403020100000250010204030000500102110301510401011118010f
30444c5631010201fe01020304050607ff08090a0b0c0d0e0f02101112131415161718191a1b1c1d1e1f0000`},
		{"AppCallQ", question(&AppCallQ{[]byte("hello")}), `
000000000b00000000000000030002000807060504030201000000000000000000000000000000000000000000000000
0000000001000200000002000000000000000000000000000000000000000100010000002a00000068656c6c6f000000`, `
10104003310902030001100b500302ff080706050403020100000250010204020000400111012a1f68656c6c6f`},
		{"AppMessage", &Operation{OpID: specOpID, Body: &Statement{&AppMessage{[]byte("hello")}}}, `
000000000a00000000000000030002000807060504030201000000000000000001000000000000000000000000000000
000000000100010004000000000000000000000000000100010000002a00000068656c6c6f000000`, `
100f40033109c2020001100a500302ff0807060504030201000000010100005001010104400111012a1f68656c6c6f`},
		{"TransactCommandQ", question(&TransactCommandQ{Key: crypto.OpaqueRecordKey(specKey), TransactionID: 0x1122334455667788, Command: TransactGet, Subkey: SubkeyAbsent}), `
000000001400000000000000030002000807060504030201000000000000000000000000000000000000000000000000
0000000001000200000008000000000000000000000000000000000002000300887766554433221103000000ffffffff
08000000010001000000000000000000000000000000000030444c560000000001000000020100000001020304050607
08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f`, `
101940033109420500011014500302ff080706050403020100000250010204080000500203ff887766554433221100f1
03ffffffff5108010100010f30444c5631010201fe01020304050607ff08090a0b0c0d0e0f0210111213141516171819
1a1b1c1d1e1f`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data, err := EncodeOperation(test.op)
			if err != nil {
				t.Fatal(err)
			}
			if test.data != "" && hex.EncodeToString(data) != joined(test.data) {
				t.Errorf("operationData\n%x, want\n%s", data, joined(test.data))
			}
			packed, err := EncodeSignedOperation(data, nil, crypto.Signature{})
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(packed) != joined(test.packed) {
				t.Errorf("packed\n%x, want\n%s", packed, joined(test.packed))
			}
			signed, op := decodeBody(t, packed)
			if got := pretty(operationJSON(t, op)); got != pretty(operationJSON(t, test.op)) {
				t.Errorf("decodes to %s", got)
			}
			if signed.Signer != nil || !bytes.Equal(signed.OperationData, data) {
				t.Errorf("signed operation differs: %+v", signed)
			}
		})
	}
}

// What a 0.5.2 node writes has no fanoutConfig and reads as 20 peers.
func TestSpecOldFindNodeQ(t *testing.T) {
	_, op := decodeBody(t, unhex(t, joined(`
101740033109c20400011012500302ff08070605040302010000025001020401000040025104010111190c0f30444c56
31010201fe01020304050607ff08090a0b0c0d0e0f02101112131415161718191a1b1c1d1e1f0f56544844`)))
	if q := op.Body.(*Question).Detail.(*FindNodeQ); q.MaxPeers != DefaultMaxPeers || len(q.Capabilities) != 1 {
		t.Errorf("got %+v", q)
	}
}

func TestSpecSigningInput(t *testing.T) {
	data, err := EncodeOperation(&Operation{OpID: specOpID, Body: &Question{Detail: &StatusQ{NodeStatus: true}}})
	if err != nil {
		t.Fatal(err)
	}
	want := "564c4430000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f" + hex.EncodeToString(data)
	if got := hex.EncodeToString(OperationSigningInput(nil, specKey, data)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func specValue(seq uint32, n *crypto.Nonce, data []byte) ValueData {
	return ValueData{Seq: seq, Data: data, Writer: specKey, Nonce: n}
}

func TestSpecValues(t *testing.T) {
	const tail = `30444c56000000000100000002010000000102030405060708090a0b0c0d0e0f1011121314151617
18191a1b1c1d1e1f`
	const nonceTail = `01000000c2000000404142434445464748494a4b4c4d4e4f5051525354555657`
	tests := []struct {
		name  string
		value ValueData
		blob  string
		input string
	}{
		{"seq 0, nonce", specValue(0, &specNonce, []byte("hello")), `
000000001000000000000000010003000000000000000000090000002a00000008000000010001001c00000000000100
68656c6c6f000000` + tail + nonceTail, ""},
		{"seq 5, nonce", specValue(5, &specNonce, []byte("hello")), `
000000001000000000000000010003000500000000000000090000002a00000008000000010001001c00000000000100
68656c6c6f000000` + tail + nonceTail, `
88000000000000001000000000000000010003000500000000000000090000002a00000008000000010001001c000000
0000010068656c6c6f00000030444c56000000000100000002010000000102030405060708090a0b0c0d0e0f10111213
1415161718191a1b1c1d1e1f01000000c2000000404142434445464748494a4b4c4d4e4f5051525354555657564c4430
20000000808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f03000000`},
		{"seq 5, no nonce", specValue(5, nil, []byte("hello")), `
000000000c00000000000000010003000500000000000000090000002a00000008000000010001000000000000000000
68656c6c6f000000` + tail, `
808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f030000000500000068656c6c6f`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := NewSignedValueData(test.value, crypto.Signature{})
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(v.Blob) != joined(test.blob) {
				t.Errorf("blob\n%x, want\n%s", v.Blob, joined(test.blob))
			}
			got := hex.EncodeToString(ValueSigningInput(nil, v, specOwner, 3))
			if test.input != "" && got != joined(test.input) {
				t.Errorf("signing input\n%s, want\n%s", got, joined(test.input))
			}
		})
	}
}

func TestSpecLargeValues(t *testing.T) {
	tests := []struct {
		size int
		seq  uint32
		blob int
		sum  string
	}{
		{8072, 0, 8200, "a9dfc3cdb18e4d0fdf3b3bd7ff6353fffd892fc372e9a634040390c436788340"},
		{8072, 5, 8200, "be2e3648bbb386be693e60a5795751ab1e1102a319391b2dc935070bdd88baea"},
		{8073, 0, 8200, "ac797fc9096b635f2f0ea6fd5184f2df25a51986b94e6c4f77341f2a49027315"},
		{8073, 5, 8208, "23499a7556df0ca10b0fb6ab37c893875284ad1089fa2792b1fdd4e09ce83f08"},
		{32768, 0, 32888, "76e3d725b0f5c5090e991f8b9b5edf2a794f8c745a7eb81036208b5a8148a1c6"},
		{32768, 5, 32896, "66b2adba3784ec8322fc67927aa3bb75937eb86c0527020ab5eeac760dfbf304"},
	}
	for _, test := range tests {
		data := make([]byte, test.size)
		for i := range data {
			data[i] = byte(7*i + 1)
		}
		v := specValue(test.seq, &specNonce, data)
		blob, err := encodeValueData(&v)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(blob); len(blob) != test.blob || hex.EncodeToString(sum[:]) != test.sum {
			t.Errorf("%d bytes, seq %d: blob of %d bytes, sum %x", test.size, test.seq, len(blob), sum)
		}
		back, err := testDecoder.DecodeValueData(blob)
		if err != nil || !bytes.Equal(back.Blob, blob) || !bytes.Equal(back.Value.Data, data) ||
			back.Value.Seq != test.seq || back.Value.Writer != specKey || *back.Value.Nonce != specNonce {
			t.Errorf("%d bytes, seq %d: does not decode back: %v", test.size, test.seq, err)
		}
	}
}

func specNodeInfo(mtus MTUs) *NodeInfo {
	addr := netip.MustParseAddrPort("8.8.8.8:5150")
	return &NodeInfo{
		Timestamp:         1700000000000000,
		EnvelopeSupport:   []EnvelopeVersion{ENV0},
		PublicKeys:        []crypto.PublicKey{specKey},
		Capabilities:      []Capability{CapAPPM, CapDHTV, CapDIAL, CapRLAY, CapROUT, CapSGNL},
		OutboundProtocols: AllProtocols,
		AddressTypes:      Addresses(IPv4),
		DialInfo: []DialInfoDetail{
			{ClassDirect, DialInfo{Protocol: UDP, Addr: addr}},
			{ClassDirect, DialInfo{Protocol: WS, Addr: addr, Request: "8.8.8.8:5150/ws"}},
		},
		ReceiveMTUs: mtus,
	}
}

func TestSpecNodeInfo(t *testing.T) {
	tests := []struct {
		name   string
		info   *NodeInfo
		packed string
	}{
		{"no sizes", specNodeInfo(MTUs{}), `
10335001087e401e18240a06111d0c111d1711393411411c11450c11452711a50700000f30564e45510401010f30444c
56400131010201fe01020304050607ff08090a0b0c0d0e0f06101112131415161718191a1b1c1d1e1f4d505041565448
444c41494459414c5254554f524c4e475350445570504354700f53575f700f34567069510801010f4463696451080101
0f44636964512001010f504455704001500101031e145001010f3456706910010f080808080f53575f70400251040101
1115aa031e145001010f3456706910010f08080808ff77733a2f2f382e38012e382e383a3531350f302f7773500205`},
		{"sizes", specNodeInfo(MTUs{UDPv4: 1200, TCPv4: 1200}), `
10385001087e401e18240a06111d0c111d1711393411411c11450c11452711a50711a5270f30564e45510401010f3044
4c56400131010201fe01020304050607ff08090a0b0c0d0e0f06101112131415161718191a1b1c1d1e1f4d5050415654
48444c41494459414c5254554f524c4e475350445570504354700f53575f700f34567069510801010f44636964510801
010f44636964512001010f504455704001500101031e145001010f3456706910010f080808080f53575f704002510401
011115aa031e145001010f3456706910010f08080808ff77733a2f2f382e38012e382e383a3531350f302f7773500205
110802ff50445570345670690003b004ff50435470345670690003b004`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packed, err := EncodeNodeInfo(test.info)
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(packed) != joined(test.packed) {
				t.Errorf("got\n%x, want\n%s", packed, joined(test.packed))
			}
			back, err := testDecoder.DecodeNodeInfo(packed)
			if err != nil {
				t.Fatal(err)
			}
			if !back.Equivalent(test.info) || back.Timestamp != test.info.Timestamp {
				t.Errorf("decodes to %+v", back)
			}
		})
	}
}

func TestSpecRouteStub(t *testing.T) {
	stub := &PrivateRoute{PublicKey: specKey, FirstHop: &RouteHop{NodeID: crypto.NodeID(specKey)}}
	want := joined(`
1013500102000051040101511801020f30444c5631010201fe01020304050607ff08090a0b0c0d0e0f02101112131415
161718191a1b1c1d1e1f00005104010100000f30444c5631010201fe01020304050607ff08090a0b0c0d0e0f02101112
131415161718191a1b1c1d1e1f`)
	packed, err := EncodePrivateRoute(stub)
	if err != nil || hex.EncodeToString(packed) != want {
		t.Errorf("got %x, %v, want %s", packed, err, want)
	}
	layer, err := EncodeSafetyLayer(SafetyLayer{Route: stub})
	if err != nil || hex.EncodeToString(layer) != want+"01" {
		t.Errorf("layer %x, %v", layer, err)
	}
}
