package wire

import (
	"testing"

	"capnproto.org/go/capnp/v3"

	"github.com/voile-net/voile/core/crypto"
	vc "github.com/voile-net/voile/core/wire/internal/veilidcapnp"
)

// Messages that break one rule each, written with the Cap'n Proto library, and
// the class that spec 03 §5 and §6 give them.

const vld0 = uint32(crypto.KindVLD0)

// must takes what the library returns while a test message is built; an error
// there is a fault of the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func done(err error) {
	if err != nil {
		panic(err)
	}
}

func newOperation() (*capnp.Message, vc.Operation) {
	m, seg, err := capnp.NewMessage(capnp.SingleSegment(nil))
	done(err)
	return m, must(vc.NewRootOperation(seg))
}

func marshal(m *capnp.Message) []byte { return must(m.Marshal()) }

func questionMessage(fill func(vc.Question_detail)) []byte {
	m, op := newOperation()
	op.SetOpId(1)
	fill(must(op.Kind().NewQuestion()).Detail())
	return marshal(m)
}

func statementMessage(fill func(vc.Statement_detail)) []byte {
	m, op := newOperation()
	fill(must(op.Kind().NewStatement()).Detail())
	return marshal(m)
}

func answerMessage(fill func(vc.Answer_detail)) []byte {
	m, op := newOperation()
	fill(must(op.Kind().NewAnswer()).Detail())
	return marshal(m)
}

type typedStruct interface {
	SetKind(uint32)
	SetValue([]byte) error
}

func set(s typedStruct, n int) {
	s.SetKind(vld0)
	done(s.SetValue(make([]byte, n)))
}

// nodeInfoMessage is a good packed NodeInfo that change may spoil.
func nodeInfoMessage(change func(vc.NodeInfo)) []byte {
	m, seg, err := capnp.NewMessage(capnp.SingleSegment(nil))
	done(err)
	n := must(vc.NewRootNodeInfo(seg))
	must(n.NewEnvelopeSupport(1)).Set(0, uint32(ENV0))
	info := must(n.NewCryptoInfoList(1)).At(0)
	info.SetCryptoKind(vld0)
	detail := must(vc.NewCryptoInfoVLD0(seg))
	done(detail.SetPublicKey(make([]byte, 32)))
	done(info.SetDetail(detail.ToPtr()))
	must(n.NewCapabilities(0))
	must(n.NewOutboundProtocols(0))
	must(n.NewAddressTypes(0))
	must(n.NewDialInfoDetailList(0))
	must(n.NewRelayInfoList(0))
	change(n)
	return must(m.MarshalPacked())
}

func fillPeer(p vc.PeerInfo, nodeInfo []byte, signature int) {
	done(p.SetNodeInfoMessage(nodeInfo))
	set(must(p.NewSignatures(1)).At(0), signature)
}

func withPeer(change func(vc.NodeInfo)) []byte {
	return answerMessage(func(d vc.Answer_detail) {
		fillPeer(must(must(d.NewFindNodeA()).NewPeers(1)).At(0), nodeInfoMessage(change), 64)
	})
}

// addDialInfo appends nothing but the one dial info of a list.
func addDialInfo(l vc.DialInfoDetail_List, at int, address uint32, class uint32) {
	e := l.At(at)
	e.SetClass(class)
	d := must(e.NewDialInfo())
	d.SetProtocolType(protocolCodes[UDP])
	udp := must(vc.NewDialInfoUDP(d.Segment()))
	done(d.SetDetail(udp.ToPtr()))
	fillSocket(must(udp.NewSocketAddress()), address)
}

func fillSocket(s vc.SocketAddress, address uint32) {
	s.SetPort(5150)
	a := must(s.NewAddress())
	a.SetAddressType(addressCodes[IPv4])
	v4 := must(vc.NewAddressIPV4(a.Segment()))
	v4.SetAddr(address)
	done(a.SetDetail(v4.ToPtr()))
}

func addRelay(n vc.NodeInfo, change func(vc.RelayInfo)) {
	r := must(n.NewRelayInfoList(1)).At(0)
	set(must(r.NewNodeIds(1)).At(0), 32)
	must(r.NewOutboundProtocols(0))
	must(r.NewAddressTypes(0))
	addDialInfo(must(r.NewDialInfoDetailList(1)), 0, 0x08080808, classCodes[ClassDirect])
	r.SetRelayKind(relayKindCodes[RelayInbound])
	change(r)
}

func setMTU(e vc.TransportMtu, mtu uint16) {
	e.SetProtocolType(protocolCodes[UDP])
	e.SetAddressType(addressCodes[IPv4])
	e.SetMtu(mtu)
}

func fillValue(s vc.SignedValueData, seq uint32, writer, signature int) {
	m, seg, err := capnp.NewMessage(capnp.SingleSegment(nil))
	done(err)
	v := must(vc.NewRootValueData(seg))
	v.SetSeq(seq)
	done(v.SetData([]byte{1}))
	set(must(v.NewWriter()), writer)
	done(s.SetValueData(marshal(m)))
	set(must(s.NewSignature()), signature)
}

func fillDescriptor(s vc.SignedValueDescriptor, owner int) {
	set(must(s.NewOwner()), owner)
	done(s.SetSchemaData([]byte{1}))
	set(must(s.NewSignature()), 64)
}

func transactQ(fill func(vc.OperationTransactCommandQ)) []byte {
	return questionMessage(func(d vc.Question_detail) {
		q := must(d.NewTransactCommandQ())
		set(must(q.NewKey()), 32)
		q.SetTransactionId(1)
		q.SetSubkey(SubkeyAbsent)
		fill(q)
	})
}

func transactA(fill func(vc.OperationTransactCommandA)) []byte {
	return answerMessage(func(d vc.Answer_detail) {
		a := must(d.NewTransactCommandA())
		a.SetSubkey(SubkeyAbsent)
		fill(a)
	})
}

func ranges(pairs ...uint32) []byte {
	return questionMessage(func(d vc.Question_detail) {
		q := must(d.NewInspectValueQ())
		set(must(q.NewKey()), 32)
		l := must(q.NewSubkeys(int32(len(pairs) / 2)))
		for i := range l.Len() {
			l.At(i).SetStart(pairs[2*i])
			l.At(i).SetEnd(pairs[2*i+1])
		}
	})
}

func receiptOf(n int) []byte {
	return statementMessage(func(d vc.Statement_detail) { done(must(d.NewReturnReceipt()).SetReceipt(make([]byte, n))) })
}

func routeMessage(change func(vc.OperationRoute)) []byte {
	return statementMessage(func(d vc.Statement_detail) {
		r := must(d.NewRoute())
		s := must(r.NewSafetyRoute())
		set(must(s.NewPublicKey()), 32)
		h := must(s.Hops().NewData())
		done(must(h.NewNonce()).SetValue(make([]byte, 24)))
		done(h.SetBlob([]byte{1}))
		o := must(r.NewOperation())
		o.SetSequencing(sequencingCode[PreferOrdered])
		must(o.NewSignatures(0))
		done(must(o.NewNonce()).SetValue(make([]byte, 24)))
		done(o.SetData([]byte{2}))
		change(r)
	})
}

func signalMessage(receipt int, dial uint32) []byte {
	return statementMessage(func(d vc.Statement_detail) {
		h := must(must(d.NewSignal()).NewHolePunch())
		done(h.SetReceipt(make([]byte, receipt)))
		fillPeer(must(h.NewPeerInfo()), nodeInfoMessage(func(n vc.NodeInfo) {
			addDialInfo(must(n.NewDialInfoDetailList(1)), 0, 0x08080808, classCodes[ClassBlocked])
		}), 64)
		i := must(h.NewDialInfo())
		i.SetProtocolType(protocolCodes[UDP])
		udp := must(vc.NewDialInfoUDP(i.Segment()))
		done(i.SetDetail(udp.ToPtr()))
		fillSocket(must(udp.NewSocketAddress()), dial)
	})
}

func probe(size uint16, padding int) []byte {
	return questionMessage(func(d vc.Question_detail) {
		p := must(must(d.NewStatusQ()).NewMtuProbe())
		p.SetSize(size)
		done(p.SetPadding(make([]byte, padding)))
	})
}

func TestFaultClasses(t *testing.T) {
	const good = Local // stands for no error at all
	tests := []struct {
		name    string
		message []byte
		want    Kind
	}{
		{"all zero operation", marshal(func() *capnp.Message { m, _ := newOperation(); return m }()), good},
		{"unknown kind", func() []byte {
			m, op := newOperation()
			op.Kind().Segment()
			capnp.Struct(op).SetUint16(16, 3)
			return marshal(m)
		}(), Ignore},
		{"no bytes", nil, Protocol},
		{"unknown question", questionMessage(func(d vc.Question_detail) { capnp.Struct(d).SetUint16(2, 9) }), Ignore},
		{"unknown respondTo", questionMessage(func(d vc.Question_detail) { capnp.Struct(d).SetUint16(0, 2) }), Ignore},
		{"respondTo null route", questionMessage(func(d vc.Question_detail) { capnp.Struct(d).SetUint16(0, 1) }), Ignore},
		{"unknown statement", statementMessage(func(d vc.Statement_detail) { capnp.Struct(d).SetUint16(0, 6) }), Ignore},
		{"unknown answer", answerMessage(func(d vc.Answer_detail) { capnp.Struct(d).SetUint16(0, 9) }), Ignore},
		{"null answer", answerMessage(func(d vc.Answer_detail) { capnp.Struct(d).SetUint16(0, 1) }), Ignore},

		{"message null", questionMessage(func(d vc.Question_detail) { must(d.NewAppCallQ()) }), Ignore},
		{"message empty", questionMessage(func(d vc.Question_detail) { done(must(d.NewAppCallQ()).SetMessage_([]byte{})) }), good},
		{"message longest", statementMessage(func(d vc.Statement_detail) { done(must(d.NewAppMessage()).SetMessage_(make([]byte, 32768))) }), good},
		{"message too long", statementMessage(func(d vc.Statement_detail) { done(must(d.NewAppMessage()).SetMessage_(make([]byte, 32769))) }), Ignore},

		{"probe", probe(1200, 1022), good},
		{"probe without room", probe(1200, 1023), Protocol},
		{"probe too small", probe(575, 1), Protocol},
		{"probe too large", probe(1501, 1), Protocol},
		{"probe padding too long", probe(1500, 1501), Ignore},

		{"node id of 31 bytes", questionMessage(func(d vc.Question_detail) {
			q := must(d.NewFindNodeQ())
			set(must(q.NewNodeId()), 31)
			must(q.NewCapabilities(0))
		}), Protocol},
		{"node id null", questionMessage(func(d vc.Question_detail) { must(must(d.NewFindNodeQ()).NewCapabilities(0)) }), Ignore},
		{"65 capabilities", questionMessage(func(d vc.Question_detail) {
			q := must(d.NewFindNodeQ())
			set(must(q.NewNodeId()), 32)
			must(q.NewCapabilities(65))
		}), Ignore},
		{"capabilities null", questionMessage(func(d vc.Question_detail) { set(must(must(d.NewFindNodeQ()).NewNodeId()), 32) }), Ignore},

		{"peers null", answerMessage(func(d vc.Answer_detail) { must(d.NewFindNodeA()) }), Ignore},
		{"peers null in SetValueA", answerMessage(func(d vc.Answer_detail) { must(d.NewSetValueA()) }), good},
		{"21 peers", answerMessage(func(d vc.Answer_detail) { must(must(d.NewFindNodeA()).NewPeers(21)) }), Ignore},
		{"peer", withPeer(func(vc.NodeInfo) {}), good},
		{"null peers are skipped", answerMessage(func(d vc.Answer_detail) { must(must(d.NewFindNodeA()).NewPeers(3)) }), good},
		{"peer with short signature is skipped", answerMessage(func(d vc.Answer_detail) {
			fillPeer(must(must(d.NewFindNodeA()).NewPeers(1)).At(0), nodeInfoMessage(func(vc.NodeInfo) {}), 63)
		}), good},
		{"peer with 4 signatures is skipped", answerMessage(func(d vc.Answer_detail) {
			p := must(must(d.NewFindNodeA()).NewPeers(1)).At(0)
			done(p.SetNodeInfoMessage(nodeInfoMessage(func(vc.NodeInfo) {})))
			must(p.NewSignatures(4))
		}), good},
		{"sender peer info null inside", func() []byte { m, op := newOperation(); must(op.NewSenderPeerInfo()); return marshal(m) }(), Ignore},

		// The trap of spec 03 §3: an Ignore inside a PeerInfo is Protocol.
		{"NodeInfo broken", answerMessage(func(d vc.Answer_detail) { fillPeer(must(must(d.NewFindNodeA()).NewPeers(1)).At(0), []byte{1}, 64) }), Protocol},
		{"NodeInfo without relay list", withPeer(func(n vc.NodeInfo) { done(n.SetRelayInfoList(vc.RelayInfo_List{})) }), Protocol},
		{"NodeInfo without versions", withPeer(func(n vc.NodeInfo) { must(n.NewEnvelopeSupport(0)) }), Protocol},
		{"NodeInfo with 17 versions", withPeer(func(n vc.NodeInfo) { must(n.NewEnvelopeSupport(17)) }), Protocol},
		{"NodeInfo with a version twice", withPeer(func(n vc.NodeInfo) {
			l := must(n.NewEnvelopeSupport(2))
			l.Set(0, uint32(ENV0))
			l.Set(1, uint32(ENV0))
		}), Protocol},
		{"NodeInfo with an unknown version", withPeer(func(n vc.NodeInfo) { must(n.NewEnvelopeSupport(2)).Set(1, uint32(ENV0)) }), good},
		{"NodeInfo of an unknown kind", withPeer(func(n vc.NodeInfo) { must(n.CryptoInfoList()).At(0).SetCryptoKind(1) }), Protocol},
		{"NodeInfo with 65 capabilities", withPeer(func(n vc.NodeInfo) { must(n.NewCapabilities(65)) }), Protocol},
		{"65 dial infos", withPeer(func(n vc.NodeInfo) { must(n.NewDialInfoDetailList(65)) }), Protocol},
		{"17 relays", withPeer(func(n vc.NodeInfo) { must(n.NewRelayInfoList(17)) }), Protocol},
		{"17 sizes", withPeer(func(n vc.NodeInfo) { must(n.NewReceiveMtus(17)) }), Protocol},
		{"a size twice", withPeer(func(n vc.NodeInfo) { l := must(n.NewReceiveMtus(2)); setMTU(l.At(0), 1200); setMTU(l.At(1), 1200) }), Protocol},
		{"a size out of range", withPeer(func(n vc.NodeInfo) { setMTU(must(n.NewReceiveMtus(1)).At(0), 575) }), Protocol},
		{"a size of an unknown transport", withPeer(func(n vc.NodeInfo) { must(n.NewReceiveMtus(16)) }), good},
		{"dial info of unknown class is skipped", withPeer(func(n vc.NodeInfo) { addDialInfo(must(n.NewDialInfoDetailList(1)), 0, 0x08080808, 1) }), good},
		{"unspecified dial info", withPeer(func(n vc.NodeInfo) { addDialInfo(must(n.NewDialInfoDetailList(1)), 0, 0, classCodes[ClassDirect]) }), Protocol},
		{"relay", withPeer(func(n vc.NodeInfo) { addRelay(n, func(vc.RelayInfo) {}) }), good},
		{"relay of unknown kind is skipped", withPeer(func(n vc.NodeInfo) { addRelay(n, func(r vc.RelayInfo) { r.SetRelayKind(1) }) }), good},
		{"relay with unspecified dial info", withPeer(func(n vc.NodeInfo) {
			addRelay(n, func(r vc.RelayInfo) { addDialInfo(must(r.NewDialInfoDetailList(1)), 0, 0, classCodes[ClassDirect]) })
		}), Protocol},
		{"relay with bad sizes is skipped", withPeer(func(n vc.NodeInfo) {
			addRelay(n, func(r vc.RelayInfo) { setMTU(must(r.NewReceiveMtus(1)).At(0), 1) })
		}), good},

		{"record key of 31 bytes", questionMessage(func(d vc.Question_detail) { set(must(must(d.NewGetValueQ()).NewKey()), 31) }), Ignore},
		{"record key null", questionMessage(func(d vc.Question_detail) { must(d.NewGetValueQ()) }), Ignore},
		{"value null", questionMessage(func(d vc.Question_detail) { set(must(must(d.NewSetValueQ()).NewKey()), 32) }), Ignore},
		{"value without seq", questionMessage(func(d vc.Question_detail) {
			q := must(d.NewSetValueQ())
			set(must(q.NewKey()), 32)
			fillValue(must(q.NewValue()), SeqNone, 32, 64)
		}), Protocol},
		{"writer of 31 bytes in a question", questionMessage(func(d vc.Question_detail) {
			q := must(d.NewSetValueQ())
			set(must(q.NewKey()), 32)
			fillValue(must(q.NewValue()), 1, 31, 64)
		}), Ignore},
		{"signature of 63 bytes in an answer", answerMessage(func(d vc.Answer_detail) { a := must(d.NewSetValueA()); fillValue(must(a.NewValue()), 1, 32, 63) }), Protocol},

		{"ranges", ranges(0, 3, 4, 5), good},
		{"range backwards", ranges(3, 2), Protocol},
		{"ranges overlap", ranges(0, 3, 3, 5), Protocol},
		{"ranges not ascending", ranges(5, 6, 0, 1), Protocol},
		{"513 ranges", ranges(make([]uint32, 1026)...), Ignore},
		{"1025 sequence numbers", answerMessage(func(d vc.Answer_detail) { a := must(d.NewInspectValueA()); must(a.NewPeers(0)); must(a.NewSeqs(1025)) }), Ignore},
		{"cancels no watch", questionMessage(func(d vc.Question_detail) {
			q := must(d.NewWatchValueQ())
			set(must(q.NewKey()), 32)
			must(q.NewSubkeys(0))
		}), Ignore},
		{"change of no watch", statementMessage(func(d vc.Statement_detail) {
			v := must(d.NewValueChanged())
			set(must(v.NewKey()), 32)
			must(v.NewSubkeys(0))
		}), Ignore},
		{"value of no subkey", statementMessage(func(d vc.Statement_detail) {
			v := must(d.NewValueChanged())
			set(must(v.NewKey()), 32)
			must(v.NewSubkeys(0))
			v.SetWatchId(1)
			fillValue(must(v.NewValue()), 1, 32, 64)
		}), Ignore},

		{"begin of unknown kind", questionMessage(func(d vc.Question_detail) { k := must(must(d.NewTransactBeginQ()).NewKey()); set(k, 32); k.SetKind(1) }), Protocol},
		{"begin with descriptor sent and wanted", questionMessage(func(d vc.Question_detail) {
			q := must(d.NewTransactBeginQ())
			set(must(q.NewKey()), 32)
			fillDescriptor(must(q.NewDescriptor()), 32)
			q.SetWantDescriptor(true)
		}), Protocol},
		{"begin with a bad descriptor", questionMessage(func(d vc.Question_detail) {
			q := must(d.NewTransactBeginQ())
			set(must(q.NewKey()), 32)
			fillDescriptor(must(q.NewDescriptor()), 31)
		}), Protocol},
		{"begin answer not accepted but with id", answerMessage(func(d vc.Answer_detail) { a := must(d.NewTransactBeginA()); must(a.NewSeqs(0)); a.SetTransactionId(1) }), Protocol},
		{"begin answer not accepted", answerMessage(func(d vc.Answer_detail) { must(must(d.NewTransactBeginA()).NewSeqs(0)) }), good},

		{"get", transactQ(func(q vc.OperationTransactCommandQ) { q.SetCommand(vc.TransactCommand_get) }), good},
		{"no transaction", transactQ(func(q vc.OperationTransactCommandQ) { q.SetTransactionId(0) }), Protocol},
		{"unknown command", transactQ(func(q vc.OperationTransactCommandQ) { q.SetCommand(5) }), Ignore},
		{"seqs given", transactQ(func(q vc.OperationTransactCommandQ) { must(q.NewSeqs(0)) }), Protocol},
		{"too many seqs given", transactQ(func(q vc.OperationTransactCommandQ) { must(q.NewSeqs(1025)) }), Ignore},
		{"end with subkey", transactQ(func(q vc.OperationTransactCommandQ) { q.SetSubkey(0) }), Protocol},
		{"end with a value, not looked at", transactQ(func(q vc.OperationTransactCommandQ) { must(q.NewValue()) }), good},
		{"set without value", transactQ(func(q vc.OperationTransactCommandQ) { q.SetCommand(vc.TransactCommand_set); q.SetSubkey(0) }), Protocol},
		{"set without subkey", transactQ(func(q vc.OperationTransactCommandQ) {
			q.SetCommand(vc.TransactCommand_set)
			fillValue(must(q.NewValue()), 1, 32, 64)
		}), Protocol},
		{"not valid", transactA(func(vc.OperationTransactCommandA) {}), good},
		{"not valid with subkey", transactA(func(a vc.OperationTransactCommandA) { a.SetSubkey(0) }), Protocol},
		{"not valid with seqs", transactA(func(a vc.OperationTransactCommandA) { must(a.NewSeqs(0)) }), Protocol},
		{"value without subkey", transactA(func(a vc.OperationTransactCommandA) {
			a.SetTransactionValid(true)
			fillValue(must(a.NewValue()), 1, 32, 64)
		}), Protocol},

		{"receipt", receiptOf(130), good},
		{"receipt too short", receiptOf(129), Ignore},
		{"receipt too long", receiptOf(1381), Ignore},
		{"signal", signalMessage(130, 0x08080808), good},
		{"signal with a bad receipt", signalMessage(129, 0x08080808), Protocol},
		{"signal to a foreign address", signalMessage(130, 0x08080404), Protocol},
		{"validate an unspecified address", statementMessage(func(d vc.Statement_detail) {
			i := must(must(d.NewValidateDialInfo()).NewDialInfo())
			i.SetProtocolType(protocolCodes[UDP])
			udp := must(vc.NewDialInfoUDP(i.Segment()))
			done(i.SetDetail(udp.ToPtr()))
			must(must(udp.NewSocketAddress()).NewAddress()).SetAddressType(addressCodes[IPv6])
		}), Protocol},
		{"validate WSS", statementMessage(func(d vc.Statement_detail) {
			must(must(d.NewValidateDialInfo()).NewDialInfo()).SetProtocolType(protocolCodes[WSS])
		}), Ignore},

		{"route", routeMessage(func(vc.OperationRoute) {}), good},
		{"route without signatures", routeMessage(func(r vc.OperationRoute) { done(must(r.Operation()).SetSignatures(vc.Signature_List{})) }), Ignore},
		{"route with 4 signatures", routeMessage(func(r vc.OperationRoute) { must(must(r.Operation()).NewSignatures(4)) }), Ignore},
		{"route with null signatures", routeMessage(func(r vc.OperationRoute) { must(must(r.Operation()).NewSignatures(3)) }), good},
		{"route with a short signature", routeMessage(func(r vc.OperationRoute) { set(must(must(r.Operation()).NewSignatures(1)).At(0), 63) }), Ignore},
		{"route with unknown sequencing", routeMessage(func(r vc.OperationRoute) { must(r.Operation()).SetSequencing(0x73715055) }), Ignore},
		{"route with a short nonce", routeMessage(func(r vc.OperationRoute) { done(must(must(r.Operation()).Nonce()).SetValue(make([]byte, 23))) }), Ignore},
		{"route of unknown form", routeMessage(func(r vc.OperationRoute) { capnp.Struct(must(r.SafetyRoute())).SetUint16(0, 2) }), Ignore},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := testDecoder.DecodeOperation(test.message)
			if got := KindOf(err); got != test.want || (err == nil) != (test.want == good) {
				t.Errorf("error %v (%v), want %v", err, got, test.want)
			}
		})
	}
}

func TestSignedOperationFaults(t *testing.T) {
	build := func(fill func(vc.SignedOperation)) []byte {
		m, seg, err := capnp.NewMessage(capnp.SingleSegment(nil))
		done(err)
		fill(must(vc.NewRootSignedOperation(seg)))
		return must(m.MarshalPacked())
	}
	tests := []struct {
		name   string
		packed []byte
		want   Kind
	}{
		{"no bytes", nil, Protocol},
		{"no operation", build(func(vc.SignedOperation) {}), Ignore},
		{"no signature", build(func(s vc.SignedOperation) { done(s.SetOperationData([]byte{1})); set(must(s.NewSigner()), 32) }), Ignore},
		{"short signer", build(func(s vc.SignedOperation) { done(s.SetOperationData([]byte{1})); set(must(s.NewSigner()), 31) }), Protocol},
		{"short signature", build(func(s vc.SignedOperation) {
			done(s.SetOperationData([]byte{1}))
			set(must(s.NewSigner()), 32)
			set(must(s.NewSignature()), 63)
		}), Protocol},
	}
	for _, test := range tests {
		if _, err := DecodeSignedOperation(test.packed); err == nil || KindOf(err) != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	signed, err := DecodeSignedOperation(build(func(s vc.SignedOperation) { done(s.SetOperationData([]byte{1})); set(must(s.NewSignature()), 1) }))
	if err != nil || signed.Signer != nil {
		t.Errorf("a signature without signer is looked at: %v", err)
	}
}

// A message in several segments, as only another implementation writes it.
func TestOtherLayoutsDecodeAlike(t *testing.T) {
	several := 0
	for _, v := range operationVectors(t) {
		signed, op := decodeBody(t, v.Packed)
		from := must(capnp.Unmarshal(signed.OperationData))
		to, _, err := capnp.NewMessage(capnp.MultiSegment(nil))
		done(err)
		done(to.SetRoot(must(from.Root())))
		if to.NumSegments() > 1 {
			several++
		}
		again, err := testDecoder.DecodeOperation(marshal(to))
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		if got, want := pretty(operationJSON(t, again)), pretty(operationJSON(t, op)); got != want {
			t.Errorf("%s: got %s, want %s", v.Name, got, want)
		}
	}
	if several < 10 {
		t.Errorf("only %d messages in several segments", several)
	}
}
