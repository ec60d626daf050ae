package wire

import (
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// Limits of operations (spec 03 §1.6, §2.7).
const (
	MaxMessageSize = 32768 // AppCallQ, AppCallA, AppMessage
	MinReceiptSize = 130
	MaxReceiptSize = 1380
	maxPadding     = 1500
	probeOverhead  = 8 + 170 // fragment header and envelope around a probe
)

// Union tags of Operation.kind; those of details are in the switches below.
const (
	kindQuestion  = 0
	kindStatement = 1
	kindAnswer    = 2
)

// DecodeOperation decodes an operation completely, with all checks that need
// the message alone (spec 03 §4.5 step 4, §5, §6). For answers see
// [CheckAnswer]. What needs cryptography is the caller's: signatures of
// operations, peers, values and descriptors, and that a descriptor belongs to
// its key.
//
// Messages of applications, receipts, padding and the parts of a Route are
// parts of operationData, which must not change afterwards. Peers, values,
// descriptors and return routes own their memory. Domain of peers is the
// caller's to set and check.
func (d Decoder) DecodeOperation(operationData []byte) (*Operation, error) {
	const field = "operation"
	state := d.start()
	m := &state.main
	if err := m.Open(operationData, &state.limit); err != nil {
		return nil, &Error{Protocol, field, err.Error()}
	}
	s := m.Root()
	op := &Operation{OpID: s.Uint64(0), TargetNodeInfoTS: crypto.Timestamp(s.Uint64(8))}
	var err error
	if s.Has(0) {
		if op.SenderPeerInfo, err = state.peerInfo(s.Struct(0), field+".senderPeerInfo"); err != nil {
			return nil, err
		}
	}
	body := s.Struct(1)
	switch s.Uint16(16) {
	case kindQuestion:
		op.Body, err = state.question(body)
	case kindStatement:
		op.Body, err = state.statement(body)
	case kindAnswer:
		op.Body, err = state.answer(body)
	default:
		err = fault(m, Ignore, field+".kind", "unknown")
	}
	if err == nil {
		err = intact(m, field)
	}
	if err != nil {
		return nil, err
	}
	return op, nil
}

func (d *decoding) question(s capn.Struct) (q *Question, err error) {
	m := &d.main
	q = new(Question)
	switch s.Uint16(0) {
	case 0:
	case 1:
		if q.RespondTo, err = d.privateRoute(s.Struct(0), "question.respondTo"); err != nil {
			return nil, err
		}
		q.RespondTo.own()
	default:
		return nil, fault(m, Ignore, "question.respondTo", "unknown")
	}
	detail := s.Struct(1)
	switch s.Uint16(2) {
	case 0:
		q.Detail, err = d.statusQ(detail)
	case 1:
		q.Detail, err = d.findNodeQ(detail)
	case 2:
		var message []byte
		message, err = bytesOf(m, detail, 0, "appCallQ.message", MaxMessageSize)
		q.Detail = &AppCallQ{message}
	case 3:
		q.Detail, err = d.getValueQ(detail)
	case 4:
		q.Detail, err = d.setValueQ(detail)
	case 5:
		q.Detail, err = d.watchValueQ(detail)
	case 6:
		q.Detail, err = d.inspectValueQ(detail)
	case 7:
		q.Detail, err = d.transactBeginQ(detail)
	case 8:
		q.Detail, err = d.transactCommandQ(detail)
	default:
		err = fault(m, Ignore, "question.detail", "unknown")
	}
	return q, err
}

func (d *decoding) statement(s capn.Struct) (st *Statement, err error) {
	m := &d.main
	st = new(Statement)
	detail := s.Struct(0)
	switch s.Uint16(0) {
	case 0:
		st.Detail, err = d.validateDialInfo(detail)
	case 1:
		st.Detail, err = d.route(detail, "route")
	case 2:
		st.Detail, err = d.signal(detail)
	case 3:
		var receipt []byte
		receipt, err = d.receipt(detail, 0, "returnReceipt.receipt", Ignore)
		st.Detail = &ReturnReceipt{receipt}
	case 4:
		var message []byte
		message, err = bytesOf(m, detail, 0, "appMessage.message", MaxMessageSize)
		st.Detail = &AppMessage{message}
	case 5:
		st.Detail, err = d.valueChanged(detail)
	default:
		err = fault(m, Ignore, "statement.detail", "unknown")
	}
	return st, err
}

func (d *decoding) answer(s capn.Struct) (a *Answer, err error) {
	m := &d.main
	d.sized = Protocol // a value in an answer must validate
	a = new(Answer)
	detail := s.Struct(0)
	switch s.Uint16(0) {
	case 0:
		a.Detail, err = d.statusA(detail)
	case 1:
		var peers []*PeerInfo
		peers, err = d.peers(detail, 0, "findNodeA.peers", true)
		a.Detail = &FindNodeA{peers}
	case 2:
		var message []byte
		message, err = bytesOf(m, detail, 0, "appCallA.message", MaxMessageSize)
		a.Detail = &AppCallA{message}
	case 3:
		a.Detail, err = d.getValueA(detail)
	case 4:
		a.Detail, err = d.setValueA(detail)
	case 5:
		a.Detail, err = d.watchValueA(detail)
	case 6:
		a.Detail, err = d.inspectValueA(detail)
	case 7:
		a.Detail, err = d.transactBeginA(detail)
	case 8:
		a.Detail, err = d.transactCommandA(detail)
	default:
		err = fault(m, Ignore, "answer.detail", "unknown")
	}
	return a, err
}

func (d *decoding) mtuProbe(s capn.Struct, slot int64, field string) (*MTUProbe, error) {
	if !s.Has(slot) {
		return nil, nil
	}
	m := &d.main
	s = s.Struct(slot)
	p := &MTUProbe{Size: s.Uint16(0), Padding: s.Data(0)}
	switch {
	case p.Size < MinTransportMTU || p.Size > MaxTransportMTU:
		return nil, fault(m, Protocol, field, "size out of range")
	case len(p.Padding) > maxPadding:
		return nil, fault(m, Ignore, field, "padding too long")
	case len(p.Padding)+probeOverhead > int(p.Size):
		return nil, fault(m, Protocol, field, "padding does not fit the size")
	}
	return p, intact(m, field)
}

func (d *decoding) statusQ(s capn.Struct) (q *StatusQ, err error) {
	q = &StatusQ{NodeStatus: s.Has(0)}
	q.Probe, err = d.mtuProbe(s, 1, "statusQ.mtuProbe")
	return q, err
}

func (d *decoding) statusA(s capn.Struct) (a *StatusA, err error) {
	a = &StatusA{NodeStatus: s.Has(0)}
	if s.Has(1) {
		if a.SenderAddr, err = readSocketAddress(&d.main, s.Struct(1), 0, "statusA.senderInfo"); err != nil {
			return nil, err
		}
	}
	a.Probe, err = d.mtuProbe(s, 2, "statusA.mtuProbe")
	return a, err
}

func (d *decoding) findNodeQ(s capn.Struct) (q *FindNodeQ, err error) {
	key, err := id(&d.main, s, 0, "findNodeQ.nodeId", Protocol)
	if err != nil {
		return nil, err
	}
	q = &FindNodeQ{NodeID: crypto.NodeID(key), MaxPeers: maxPeersOf(s, 2)}
	q.Capabilities, err = readCapabilities(&d.main, s, 1, "findNodeQ.capabilities")
	return q, err
}

// maxPeersOf reads an optional FanoutConfig. Its number is stored relative to
// the default, so that null reads as the default (spec 03 §1.1).
func maxPeersOf(s capn.Struct, slot int64) uint32 {
	return s.Struct(slot).Uint32(0) ^ DefaultMaxPeers
}

func (d *decoding) receipt(s capn.Struct, slot int64, field string, sized Kind) ([]byte, error) {
	b, err := bytesOf(&d.main, s, slot, field, readLimit)
	if err == nil && (len(b) < MinReceiptSize || len(b) > MaxReceiptSize) {
		err = fault(&d.main, sized, field, "wrong length")
	}
	return b, err
}

func (d *decoding) validateDialInfo(s capn.Struct) (v *ValidateDialInfo, err error) {
	v = &ValidateDialInfo{Redirect: s.Bool(0)}
	if v.DialInfo, err = readDialInfo(&d.main, s, 0, "validateDialInfo.dialInfo"); err != nil {
		return nil, err
	}
	v.Receipt, err = d.receipt(s, 1, "validateDialInfo.receipt", Ignore)
	return v, err
}

func (d *decoding) signal(s capn.Struct) (*Signal, error) {
	const field = "signal"
	m := &d.main
	sig := new(Signal)
	switch s.Uint16(0) {
	case 0:
		sig.Kind = SignalHolePunch
	case 1:
		sig.Kind = SignalReverseConnect
	default:
		return nil, fault(m, Ignore, field, "unknown")
	}
	info := s.Struct(0)
	var err error
	if sig.Receipt, err = d.receipt(info, 0, field+".receipt", Protocol); err != nil {
		return nil, err
	}
	if !info.Has(1) {
		return nil, absent(m, field+".peerInfo")
	}
	if sig.PeerInfo, err = d.peerInfo(info.Struct(1), field+".peerInfo"); err != nil {
		return nil, err
	}
	if sig.Kind == SignalHolePunch && info.Has(2) {
		dial, err := readDialInfo(m, info, 2, field+".dialInfo")
		if err != nil {
			return nil, err
		}
		sig.DialInfo = &dial
		if !sig.PeerInfo.Info.dialled(dial) {
			return nil, fault(m, Protocol, field+".dialInfo", "not one of the peer's")
		}
	}
	return sig, nil
}

// dialled reports whether d is one of the node's own dial infos.
func (n *NodeInfo) dialled(d DialInfo) bool {
	for i := range n.DialInfo {
		if n.DialInfo[i].DialInfo == d {
			return true
		}
	}
	return false
}
