package wire

import (
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// EncodeOperation returns the unpacked message of an operation (spec 03 §2.1
// layer 3), in the layout of the other implementation: built in the order of
// the slots up to 1024 words, canonical above. What a peer would refuse is an
// error of class Local. The operation is not kept.
func EncodeOperation(op *Operation) ([]byte, error) {
	const field = "operation"
	if op.SenderPeerInfo != nil {
		if err := op.SenderPeerInfo.check(field + ".senderPeerInfo"); err != nil {
			return nil, err
		}
	}
	b := capn.NewBuilder(op.size())
	s := b.Root(3, 2)
	s.Uint64(0, op.OpID)
	s.Uint64(8, uint64(op.TargetNodeInfoTS))
	if op.SenderPeerInfo != nil {
		putPeerInfo(s.Struct(0, 0, 2), op.SenderPeerInfo)
	}
	var err error
	switch body := op.Body.(type) {
	case *Question:
		s.Uint16(16, kindQuestion)
		err = body.put(s.Struct(1, 1, 2))
	case *Statement:
		s.Uint16(16, kindStatement)
		err = body.put(s.Struct(1, 1, 1))
	case *Answer:
		s.Uint16(16, kindAnswer)
		err = body.put(s.Struct(1, 1, 1))
	default:
		err = unfit(field, "without body")
	}
	if err != nil {
		return nil, err
	}
	data, err := b.Finish()
	if err != nil {
		return nil, unfit(field, err.Error())
	}
	return data, nil
}

func (q *Question) put(s capn.StructBuilder) error {
	if q.RespondTo != nil {
		if err := q.RespondTo.check("question.respondTo"); err != nil {
			return err
		}
		s.Uint16(0, 1)
		putPrivateRoute(s.Struct(0, 1, 2), q.RespondTo)
	}
	switch detail := q.Detail.(type) {
	case *StatusQ:
		s.Uint16(2, 0)
		return detail.put(s.Struct(1, 0, 2))
	case *FindNodeQ:
		s.Uint16(2, 1)
		return detail.put(s.Struct(1, 0, 3))
	case *AppCallQ:
		s.Uint16(2, 2)
		return putMessage(s.Struct(1, 0, 1), detail.Message)
	case *GetValueQ:
		s.Uint16(2, 3)
		return detail.put(s.Struct(1, 1, 2))
	case *SetValueQ:
		s.Uint16(2, 4)
		return detail.put(s.Struct(1, 1, 4))
	case *WatchValueQ:
		s.Uint16(2, 5)
		return detail.put(s.Struct(1, 3, 3))
	case *InspectValueQ:
		s.Uint16(2, 6)
		return detail.put(s.Struct(1, 1, 3))
	case *TransactBeginQ:
		s.Uint16(2, 7)
		return detail.put(s.Struct(1, 1, 3))
	case *TransactCommandQ:
		s.Uint16(2, 8)
		return detail.put(s.Struct(1, 2, 3))
	}
	return unfit("question", "without detail")
}

func (st *Statement) put(s capn.StructBuilder) error {
	switch detail := st.Detail.(type) {
	case *ValidateDialInfo:
		s.Uint16(0, 0)
		return detail.put(s.Struct(0, 1, 2))
	case *Route:
		if err := detail.check(); err != nil {
			return err
		}
		s.Uint16(0, 1)
		putRoute(s.Struct(0, 0, 2), detail)
		return nil
	case *Signal:
		s.Uint16(0, 2)
		return detail.put(s.Struct(0, 1, 1))
	case *ReturnReceipt:
		s.Uint16(0, 3)
		return putReceipt(s.Struct(0, 0, 1), 0, detail.Receipt)
	case *AppMessage:
		s.Uint16(0, 4)
		return putMessage(s.Struct(0, 0, 1), detail.Message)
	case *ValueChanged:
		s.Uint16(0, 5)
		return detail.put(s.Struct(0, 2, 3))
	}
	return unfit("statement", "without detail")
}

func (a *Answer) put(s capn.StructBuilder) error {
	switch detail := a.Detail.(type) {
	case *StatusA:
		s.Uint16(0, 0)
		return detail.put(s.Struct(0, 0, 3))
	case *FindNodeA:
		if err := checkPeers(detail.Peers, "findNodeA"); err != nil {
			return err
		}
		s.Uint16(0, 1)
		putPeers(s.Struct(0, 0, 1), 0, detail.Peers)
		return nil
	case *AppCallA:
		s.Uint16(0, 2)
		return putMessage(s.Struct(0, 0, 1), detail.Message)
	case *GetValueA:
		s.Uint16(0, 3)
		return detail.put(s.Struct(0, 1, 3))
	case *SetValueA:
		s.Uint16(0, 4)
		return detail.put(s.Struct(0, 1, 2))
	case *WatchValueA:
		s.Uint16(0, 5)
		return detail.put(s.Struct(0, 3, 1))
	case *InspectValueA:
		s.Uint16(0, 6)
		return detail.put(s.Struct(0, 1, 3))
	case *TransactBeginA:
		s.Uint16(0, 7)
		return detail.put(s.Struct(0, 3, 3))
	case *TransactCommandA:
		s.Uint16(0, 8)
		return detail.put(s.Struct(0, 2, 2))
	}
	return unfit("answer", "without detail")
}

func putMessage(s capn.StructBuilder, message []byte) error {
	if len(message) > MaxMessageSize {
		return unfit("message", "too long")
	}
	s.Data(0, message)
	return nil
}

func putReceipt(s capn.StructBuilder, slot int, receipt []byte) error {
	if len(receipt) < MinReceiptSize || len(receipt) > MaxReceiptSize {
		return unfit("receipt", "wrong length")
	}
	s.Data(slot, receipt)
	return nil
}

func putMaxPeers(s capn.StructBuilder, slot int, n uint32) {
	s.Struct(slot, 1, 0).Uint32(0, n^DefaultMaxPeers)
}

func putMTUProbe(s capn.StructBuilder, slot int, p *MTUProbe) error {
	if p == nil {
		return nil
	}
	if p.Size < MinTransportMTU || p.Size > MaxTransportMTU || len(p.Padding)+probeOverhead > int(p.Size) {
		return unfit("mtuProbe", "size out of range or too small for the padding")
	}
	s = s.Struct(slot, 1, 1)
	s.Uint16(0, p.Size)
	if p.Padding != nil {
		s.Data(0, p.Padding)
	}
	return nil
}

func (q *StatusQ) put(s capn.StructBuilder) error {
	if q.NodeStatus {
		s.Struct(0, 0, 0)
	}
	return putMTUProbe(s, 1, q.Probe)
}

func (a *StatusA) put(s capn.StructBuilder) error {
	if a.NodeStatus {
		s.Struct(0, 0, 0)
	}
	if a.SenderAddr.IsValid() {
		putSocketAddress(s.Struct(1, 0, 1), 0, a.SenderAddr)
	}
	return putMTUProbe(s, 2, a.Probe)
}

func (q *FindNodeQ) put(s capn.StructBuilder) error {
	if len(q.Capabilities) > MaxCapabilities {
		return unfit("findNodeQ", "too many capabilities")
	}
	putID(s, 0, q.NodeID.Kind, q.NodeID.Value[:])
	putCapabilities(s, 1, q.Capabilities)
	putMaxPeers(s, 2, q.MaxPeers)
	return nil
}

func (v *ValidateDialInfo) put(s capn.StructBuilder) error {
	if err := v.DialInfo.Check(); err != nil {
		return err
	}
	s.Bool(0, v.Redirect)
	putDialInfo(s, 0, v.DialInfo)
	return putReceipt(s, 1, v.Receipt)
}

func (sig *Signal) put(s capn.StructBuilder) error {
	const field = "signal"
	if sig.PeerInfo == nil {
		return unfit(field, "without peer info")
	}
	if err := sig.PeerInfo.check(field); err != nil {
		return err
	}
	s.Uint16(0, uint16(sig.Kind))
	switch {
	case sig.Kind == SignalHolePunch:
		if sig.DialInfo != nil {
			if err := sig.DialInfo.Check(); err != nil {
				return err
			}
			if !sig.PeerInfo.Info.dialled(*sig.DialInfo) {
				return unfit(field, "dial info is not one of the peer's")
			}
		}
		s = s.Struct(0, 0, 3)
	case sig.Kind == SignalReverseConnect && sig.DialInfo == nil:
		s = s.Struct(0, 0, 2)
	default:
		return unfit(field, "invalid kind, or dial info without hole punch")
	}
	if err := putReceipt(s, 0, sig.Receipt); err != nil {
		return err
	}
	putPeerInfo(s.Struct(1, 0, 2), sig.PeerInfo)
	if sig.DialInfo != nil {
		putDialInfo(s, 2, *sig.DialInfo)
	}
	return nil
}
