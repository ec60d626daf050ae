package wire

// Sizes of what an operation will take in bytes, generously, so that a builder
// rarely grows. They need not be exact.
const (
	sizeFixed = 256 // all structs and keys of an operation
	sizePeer  = 160 // a PeerInfo without its message, with one signature
	sizeValue = 384 // signature and descriptor
)

func (op *Operation) size() int {
	n := sizeFixed + op.SenderPeerInfo.size()
	switch body := op.Body.(type) {
	case *Question:
		n += sizeFixed + body.RespondTo.size() + questionSize(body.Detail)
	case *Statement:
		n += statementSize(body.Detail)
	case *Answer:
		n += answerSize(body.Detail)
	}
	return n
}

func questionSize(detail QuestionDetail) int {
	switch q := detail.(type) {
	case *StatusQ:
		return q.Probe.size()
	case *FindNodeQ:
		return 4 * len(q.Capabilities)
	case *AppCallQ:
		return len(q.Message)
	case *SetValueQ:
		return q.Value.size() + q.Descriptor.size()
	case *WatchValueQ:
		return 8 * len(q.Subkeys)
	case *InspectValueQ:
		return 8 * len(q.Subkeys)
	case *TransactBeginQ:
		return q.Descriptor.size()
	case *TransactCommandQ:
		return q.Value.size()
	}
	return 0
}

func statementSize(detail StatementDetail) int {
	switch s := detail.(type) {
	case *Route:
		n := sizeFixed + len(s.Operation.Data) + 88*len(s.Operation.Signatures)
		return n + s.SafetyRoute.Data.size() + s.SafetyRoute.Private.size()
	case *Signal:
		return s.PeerInfo.size() + len(s.Receipt)
	case *ValidateDialInfo:
		return len(s.Receipt)
	case *ReturnReceipt:
		return len(s.Receipt)
	case *AppMessage:
		return len(s.Message)
	case *ValueChanged:
		return 8*len(s.Subkeys) + s.Value.size()
	}
	return 0
}

func answerSize(detail AnswerDetail) int {
	switch a := detail.(type) {
	case *StatusA:
		return a.Probe.size()
	case *FindNodeA:
		return peersSize(a.Peers)
	case *AppCallA:
		return len(a.Message)
	case *GetValueA:
		return a.Value.size() + peersSize(a.Peers) + a.Descriptor.size()
	case *SetValueA:
		return a.Value.size() + peersSize(a.Peers)
	case *WatchValueA:
		return peersSize(a.Peers)
	case *InspectValueA:
		return 4*len(a.Seqs) + peersSize(a.Peers) + a.Descriptor.size()
	case *TransactBeginA:
		return a.Descriptor.size() + 4*len(a.Seqs) + peersSize(a.Peers)
	case *TransactCommandA:
		return 4*len(a.Seqs) + a.Value.size()
	}
	return 0
}

// The receivers below may be nil: nothing takes no room.

func (p *PeerInfo) size() int {
	if p == nil {
		return 0
	}
	return sizePeer + len(p.Message) + 88*len(p.Signatures)
}

func peersSize(peers []*PeerInfo) (n int) {
	for _, p := range peers {
		n += p.size()
	}
	return n
}

func (p *MTUProbe) size() int {
	if p == nil {
		return 0
	}
	return 32 + len(p.Padding)
}

func (v *SignedValueData) size() int {
	if v == nil {
		return 0
	}
	return sizeValue + len(v.Blob)
}

func (d *SignedValueDescriptor) size() int {
	if d == nil {
		return 0
	}
	return sizeValue + len(d.SchemaData)
}

func (h *RouteHopData) size() int {
	if h == nil {
		return 0
	}
	return 64 + len(h.Blob)
}

func (h *RouteHop) size() int {
	if h == nil {
		return 0
	}
	return 96 + h.PeerInfo.size() + h.Next.size()
}

func (r *PrivateRoute) size() int {
	if r == nil {
		return 0
	}
	return 96 + r.FirstHop.size() + r.Data.size()
}
