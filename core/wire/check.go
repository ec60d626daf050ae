package wire

// CheckAnswer checks an answer against its question as far as neither
// cryptography nor the record's schema is needed (spec 03 §4.5 step 6, §6). An
// answer of another type than the question is a Protocol fault.
//
// Left to the caller: descriptors (signature, binding to the key, the same as
// one that is held), signatures of values, that a value has a descriptor, the
// distance of peers, and for TransactCommandA that subkey and count of sequence
// numbers fit the schema.
func CheckAnswer(q QuestionDetail, a AnswerDetail) error {
	switch q := q.(type) {
	case *StatusQ:
		if _, ok := a.(*StatusA); ok {
			return nil
		}
	case *FindNodeQ:
		if a, ok := a.(*FindNodeA); ok {
			return q.check(a)
		}
	case *AppCallQ:
		if _, ok := a.(*AppCallA); ok {
			return nil
		}
	case *GetValueQ:
		if _, ok := a.(*GetValueA); ok {
			return nil
		}
	case *SetValueQ:
		if _, ok := a.(*SetValueA); ok {
			return nil
		}
	case *WatchValueQ:
		if a, ok := a.(*WatchValueA); ok {
			return q.check(a)
		}
	case *InspectValueQ:
		if a, ok := a.(*InspectValueA); ok {
			return q.check(a)
		}
	case *TransactBeginQ:
		if a, ok := a.(*TransactBeginA); ok {
			return q.check(a)
		}
	case *TransactCommandQ:
		if a, ok := a.(*TransactCommandA); ok {
			return q.check(a)
		}
	}
	return &Error{Protocol, "answer", "of another type than the question"}
}

// check: a peer without a capability that was asked for makes the whole answer
// invalid, without punishment (spec 03 §6.2).
func (q *FindNodeQ) check(a *FindNodeA) error {
	for _, p := range a.Peers {
		if !p.Info.HasAll(q.Capabilities) {
			return &Error{Ignore, "findNodeA.peers", "peer without the capabilities asked for"}
		}
	}
	return nil
}

// HasAll reports whether the node has all the capabilities.
func (n *NodeInfo) HasAll(caps []Capability) bool {
	for _, c := range caps {
		if !n.Has(c) {
			return false
		}
	}
	return true
}

// Has reports whether the node has a capability.
func (n *NodeInfo) Has(c Capability) bool {
	for _, have := range n.Capabilities {
		if have == c {
			return true
		}
	}
	return false
}

// check: an accepted watch keeps the id that was asked for, and one that lives
// has an id (spec 03 §6.6).
func (q *WatchValueQ) check(a *WatchValueA) error {
	if a.Accepted && (q.WatchID != 0 && a.WatchID != q.WatchID || a.Duration > 0 && a.WatchID == 0) {
		return &Error{Ignore, "watchValueA.watchId", "not that of the question, or none"}
	}
	return nil
}

// check: no more sequence numbers than subkeys asked for (spec 03 §6.7).
func (q *InspectValueQ) check(a *InspectValueA) error {
	if len(a.Seqs) > q.most() {
		return &Error{Protocol, "inspectValueA.seqs", "more than subkeys asked for"}
	}
	return nil
}

// most is the number of subkeys asked for, at most 1024; asking for none means all.
func (q *InspectValueQ) most() int {
	var n uint64
	for _, r := range q.Subkeys {
		n += uint64(r.End) - uint64(r.Start) + 1
	}
	if n == 0 || n > maxSeqs {
		return maxSeqs
	}
	return int(n)
}

// check: a descriptor that was wanted must be there unless the server lacks it
// itself (spec 03 §6.9).
func (q *TransactBeginQ) check(a *TransactBeginA) error {
	if q.WantDescriptor && a.Accepted && !a.NeedDescriptor && a.Descriptor == nil {
		return &Error{Ignore, "transactBeginA.descriptor", "wanted and missing"}
	}
	return nil
}

// check: the table of answers (spec 03 §6.10).
func (q *TransactCommandQ) check(a *TransactCommandA) error {
	const field = "transactCommandA"
	if !a.Valid {
		return nil
	}
	switch q.Command {
	case TransactGet, TransactSet:
		if a.Subkey != q.Subkey {
			return &Error{Protocol, field + ".subkey", "not that of the question"}
		}
		if q.Command == TransactSet && a.Value != nil && q.Value != nil && a.Value.Value.Seq < q.Value.Value.Seq {
			return &Error{Protocol, field + ".value", "older than the value offered"}
		}
		return nil
	}
	switch {
	case a.Subkey != SubkeyAbsent || a.Value != nil:
		return &Error{Protocol, field, "subkey or value of a command without one"}
	case q.Command != TransactEnd && a.Duration != 0:
		return &Error{Protocol, field + ".duration", "transaction lives on after its last command"}
	}
	return nil
}
