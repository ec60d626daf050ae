package wire

import "github.com/voile-net/voile/core/wire/internal/capn"

func putSubkeyRanges(s capn.StructBuilder, slot int, ranges []SubkeyRange) error {
	if len(ranges) > maxSubkeyRanges || !ascending(ranges) {
		return unfit("subkeys", "too many ranges, or not ascending and disjoint")
	}
	l := s.List(slot, len(ranges), 1, 0)
	for i, r := range ranges {
		e := l.At(i)
		e.Uint32(0, r.Start)
		e.Uint32(4, r.End)
	}
	return nil
}

func putSeqs(s capn.StructBuilder, slot int, seqs []uint32) error {
	if len(seqs) > maxSeqs {
		return unfit("seqs", "too many")
	}
	l := s.Uint32s(slot, len(seqs))
	for i, v := range seqs {
		l.Uint32(i, v)
	}
	return nil
}

func (q *GetValueQ) put(s capn.StructBuilder) error {
	s.Uint32(0, q.Subkey)
	s.Bool(32, q.WantDescriptor)
	putID(s, 0, q.Key.Kind, q.Key.Value[:])
	putMaxPeers(s, 1, q.MaxPeers)
	return nil
}

func (a *GetValueA) put(s capn.StructBuilder) error {
	if err := checkValue(a.Value, "getValueA"); err != nil {
		return err
	}
	if err := checkPeers(a.Peers, "getValueA"); err != nil {
		return err
	}
	s.Bool(0, a.Accepted)
	putValue(s, 0, a.Value)
	putPeers(s, 1, a.Peers)
	putDescriptor(s, 2, a.Descriptor)
	return nil
}

func (q *SetValueQ) put(s capn.StructBuilder) error {
	if q.Value == nil {
		return unfit("setValueQ", "without value")
	}
	if err := checkValue(q.Value, "setValueQ"); err != nil {
		return err
	}
	s.Uint32(0, q.Subkey)
	putID(s, 0, q.Key.Kind, q.Key.Value[:])
	putValue(s, 1, q.Value)
	putDescriptor(s, 2, q.Descriptor)
	putMaxPeers(s, 3, q.MaxPeers)
	return nil
}

func (a *SetValueA) put(s capn.StructBuilder) error {
	if err := checkValue(a.Value, "setValueA"); err != nil {
		return err
	}
	if err := checkPeers(a.Peers, "setValueA"); err != nil {
		return err
	}
	s.Bool(0, a.Accepted)
	s.Bool(1, a.NeedDescriptor)
	putValue(s, 0, a.Value)
	putPeers(s, 1, a.Peers)
	return nil
}

func (q *WatchValueQ) put(s capn.StructBuilder) error {
	if q.Count == 0 && q.WatchID == 0 {
		return unfit("watchValueQ", "cancels no watch")
	}
	s.Uint64(0, uint64(q.Duration))
	s.Uint32(8, q.Count)
	s.Uint64(16, q.WatchID)
	putID(s, 0, q.Key.Kind, q.Key.Value[:])
	if err := putSubkeyRanges(s, 1, q.Subkeys); err != nil {
		return err
	}
	putMaxPeers(s, 2, q.MaxPeers)
	return nil
}

func (a *WatchValueA) put(s capn.StructBuilder) error {
	if err := checkPeers(a.Peers, "watchValueA"); err != nil {
		return err
	}
	s.Bool(0, a.Accepted)
	s.Uint64(8, uint64(a.Duration))
	s.Uint64(16, a.WatchID)
	putPeers(s, 0, a.Peers)
	return nil
}

func (q *InspectValueQ) put(s capn.StructBuilder) error {
	s.Bool(0, q.WantDescriptor)
	putID(s, 0, q.Key.Kind, q.Key.Value[:])
	if err := putSubkeyRanges(s, 1, q.Subkeys); err != nil {
		return err
	}
	putMaxPeers(s, 2, q.MaxPeers)
	return nil
}

func (a *InspectValueA) put(s capn.StructBuilder) error {
	if err := checkPeers(a.Peers, "inspectValueA"); err != nil {
		return err
	}
	s.Bool(0, a.Accepted)
	if err := putSeqs(s, 0, a.Seqs); err != nil {
		return err
	}
	putPeers(s, 1, a.Peers)
	putDescriptor(s, 2, a.Descriptor)
	return nil
}

func (v *ValueChanged) put(s capn.StructBuilder) error {
	if v.WatchID == 0 || v.Value != nil && len(v.Subkeys) == 0 {
		return unfit("valueChanged", "no watch, or value without subkeys")
	}
	if err := checkValue(v.Value, "valueChanged"); err != nil {
		return err
	}
	s.Uint32(0, v.Count)
	s.Uint64(8, v.WatchID)
	putID(s, 0, v.Key.Kind, v.Key.Value[:])
	if err := putSubkeyRanges(s, 1, v.Subkeys); err != nil {
		return err
	}
	putValue(s, 2, v.Value)
	return nil
}

func (q *TransactBeginQ) put(s capn.StructBuilder) error {
	if q.Descriptor != nil && q.WantDescriptor {
		return unfit("transactBeginQ", "descriptor both sent and wanted")
	}
	s.Bool(0, q.WantDescriptor)
	putID(s, 0, q.Key.Kind, q.Key.Value[:])
	putDescriptor(s, 1, q.Descriptor)
	putMaxPeers(s, 2, q.MaxPeers)
	return nil
}

func (a *TransactBeginA) put(s capn.StructBuilder) error {
	if err := checkPeers(a.Peers, "transactBeginA"); err != nil {
		return err
	}
	s.Bool(0, a.Accepted)
	s.Bool(1, a.NeedDescriptor)
	s.Uint64(8, a.TransactionID)
	s.Uint64(16, uint64(a.Duration))
	putDescriptor(s, 0, a.Descriptor)
	if err := putSeqs(s, 1, a.Seqs); err != nil {
		return err
	}
	putPeers(s, 2, a.Peers)
	return nil
}

func (q *TransactCommandQ) put(s capn.StructBuilder) error {
	const field = "transactCommandQ"
	set := q.Command == TransactSet
	switch {
	case q.TransactionID == 0 || q.Command > TransactSet:
		return unfit(field, "no transaction, or unknown command")
	case set && (q.Value == nil || q.Subkey == SubkeyAbsent), !set && q.Value != nil,
		!set && q.Command != TransactGet && q.Subkey != SubkeyAbsent:
		return unfit(field, "arguments of another command")
	}
	if err := checkValue(q.Value, field); err != nil {
		return err
	}
	s.Uint64(0, q.TransactionID)
	s.Uint16(8, uint16(q.Command))
	s.Uint32(12, q.Subkey)
	putID(s, 0, q.Key.Kind, q.Key.Value[:])
	putValue(s, 2, q.Value)
	return nil
}

func (a *TransactCommandA) put(s capn.StructBuilder) error {
	const field = "transactCommandA"
	if !a.Valid && (a.Duration != 0 || a.Seqs != nil || a.Subkey != SubkeyAbsent || a.Value != nil) ||
		a.Value != nil && a.Subkey == SubkeyAbsent {
		return unfit(field, "fields of an invalid transaction, or value without subkey")
	}
	if err := checkValue(a.Value, field); err != nil {
		return err
	}
	s.Bool(0, a.Valid)
	s.Uint32(4, a.Subkey)
	s.Uint64(8, uint64(a.Duration))
	if a.Seqs != nil {
		if err := putSeqs(s, 0, a.Seqs); err != nil {
			return err
		}
	}
	putValue(s, 1, a.Value)
	return nil
}
