package wire

import (
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

const (
	maxSubkeyRanges = 512
	maxSeqs         = 1024
)

// recordKey reads a required key. One of a wrong length names no record, and
// the question or statement is dropped (spec 03 §6.4).
func (d *decoding) recordKey(s capn.Struct, field string) (crypto.OpaqueRecordKey, error) {
	key, err := id(&d.main, s, 0, field, Ignore)
	return crypto.OpaqueRecordKey(key), err
}

// subkeyRanges reads a required list of ascending, disjoint ranges (spec 03 §5.7).
func (d *decoding) subkeyRanges(s capn.Struct, slot int64, field string) ([]SubkeyRange, error) {
	m := &d.main
	if !s.Has(slot) {
		return nil, absent(m, field)
	}
	l := s.List(slot)
	if l.Len() > maxSubkeyRanges {
		return nil, fault(m, Ignore, field, "too many")
	}
	if l.Len() == 0 {
		return nil, intact(m, field)
	}
	ranges := make([]SubkeyRange, l.Len())
	for i := range ranges {
		e := l.At(i)
		ranges[i] = SubkeyRange{e.Uint32(0), e.Uint32(4)}
	}
	if !ascending(ranges) {
		return nil, fault(m, Protocol, field, "not ascending and disjoint")
	}
	return ranges, intact(m, field)
}

func ascending(ranges []SubkeyRange) bool {
	for i, r := range ranges {
		if r.Start > r.End || i > 0 && r.Start <= ranges[i-1].End {
			return false
		}
	}
	return true
}

// seqs reads a list of sequence numbers.
func (d *decoding) seqs(s capn.Struct, slot int64, field string, required bool) ([]uint32, error) {
	m := &d.main
	if required && !s.Has(slot) {
		return nil, absent(m, field)
	}
	l := s.Uint32s(slot)
	if l.Len() > maxSeqs {
		return nil, fault(m, Ignore, field, "too many")
	}
	if l.Len() == 0 {
		return nil, intact(m, field)
	}
	seqs := make([]uint32, l.Len())
	for i := range seqs {
		seqs[i] = l.Uint32(i)
	}
	return seqs, nil
}

func (d *decoding) getValueQ(s capn.Struct) (q *GetValueQ, err error) {
	q = &GetValueQ{Subkey: s.Uint32(0), WantDescriptor: s.Bool(32), MaxPeers: maxPeersOf(s, 1)}
	q.Key, err = d.recordKey(s, "getValueQ.key")
	return q, err
}

func (d *decoding) getValueA(s capn.Struct) (a *GetValueA, err error) {
	const field = "getValueA"
	a = &GetValueA{Accepted: s.Bool(0)}
	if a.Value, err = d.value(s, 0, field+".value"); err != nil {
		return nil, err
	}
	if a.Peers, err = d.peers(s, 1, field+".peers", true); err != nil {
		return nil, err
	}
	a.Descriptor, err = d.descriptor(s, 2, field+".descriptor")
	return a, err
}

func (d *decoding) setValueQ(s capn.Struct) (q *SetValueQ, err error) {
	const field = "setValueQ"
	q = &SetValueQ{Subkey: s.Uint32(0), MaxPeers: maxPeersOf(s, 3)}
	if q.Key, err = d.recordKey(s, field+".key"); err != nil {
		return nil, err
	}
	if !s.Has(1) {
		return nil, absent(&d.main, field+".value")
	}
	if q.Value, err = d.value(s, 1, field+".value"); err != nil {
		return nil, err
	}
	q.Descriptor, err = d.descriptor(s, 2, field+".descriptor")
	return q, err
}

// Of all answers only this one and TransactBeginA may leave the peers null
// (spec 03 §6.5).
func (d *decoding) setValueA(s capn.Struct) (a *SetValueA, err error) {
	const field = "setValueA"
	a = &SetValueA{Accepted: s.Bool(0), NeedDescriptor: s.Bool(1)}
	if a.Value, err = d.value(s, 0, field+".value"); err != nil {
		return nil, err
	}
	a.Peers, err = d.peers(s, 1, field+".peers", false)
	return a, err
}

func (d *decoding) watchValueQ(s capn.Struct) (q *WatchValueQ, err error) {
	const field = "watchValueQ"
	q = &WatchValueQ{
		Duration: crypto.TimestampDuration(s.Uint64(0)),
		Count:    s.Uint32(8),
		WatchID:  s.Uint64(16),
		MaxPeers: maxPeersOf(s, 2),
	}
	if q.Key, err = d.recordKey(s, field+".key"); err != nil {
		return nil, err
	}
	if q.Subkeys, err = d.subkeyRanges(s, 1, field+".subkeys"); err != nil {
		return nil, err
	}
	// An internal fault in the other implementation, so nobody is punished; here
	// not Local, for a peer can cause it at will (spec 03 §6.6).
	if q.Count == 0 && q.WatchID == 0 {
		return nil, fault(&d.main, Ignore, field, "cancels no watch")
	}
	return q, nil
}

func (d *decoding) watchValueA(s capn.Struct) (a *WatchValueA, err error) {
	a = &WatchValueA{Accepted: s.Bool(0), Duration: crypto.TimestampDuration(s.Uint64(8)), WatchID: s.Uint64(16)}
	a.Peers, err = d.peers(s, 0, "watchValueA.peers", true)
	return a, err
}

func (d *decoding) inspectValueQ(s capn.Struct) (q *InspectValueQ, err error) {
	const field = "inspectValueQ"
	q = &InspectValueQ{WantDescriptor: s.Bool(0), MaxPeers: maxPeersOf(s, 2)}
	if q.Key, err = d.recordKey(s, field+".key"); err != nil {
		return nil, err
	}
	q.Subkeys, err = d.subkeyRanges(s, 1, field+".subkeys")
	return q, err
}

func (d *decoding) inspectValueA(s capn.Struct) (a *InspectValueA, err error) {
	const field = "inspectValueA"
	a = &InspectValueA{Accepted: s.Bool(0)}
	if a.Seqs, err = d.seqs(s, 0, field+".seqs", true); err != nil {
		return nil, err
	}
	if a.Peers, err = d.peers(s, 1, field+".peers", true); err != nil {
		return nil, err
	}
	a.Descriptor, err = d.descriptor(s, 2, field+".descriptor")
	return a, err
}

func (d *decoding) valueChanged(s capn.Struct) (v *ValueChanged, err error) {
	const field = "valueChanged"
	v = &ValueChanged{Count: s.Uint32(0), WatchID: s.Uint64(8)}
	if v.Key, err = d.recordKey(s, field+".key"); err != nil {
		return nil, err
	}
	if v.Subkeys, err = d.subkeyRanges(s, 1, field+".subkeys"); err != nil {
		return nil, err
	}
	if v.Value, err = d.value(s, 2, field+".value"); err != nil {
		return nil, err
	}
	// Dropped, never punished (spec 03 §6.8); see watchValueQ.
	if v.WatchID == 0 || v.Value != nil && len(v.Subkeys) == 0 {
		return nil, fault(&d.main, Ignore, field, "no watch, or value without subkeys")
	}
	return v, nil
}

func (d *decoding) transactBeginQ(s capn.Struct) (q *TransactBeginQ, err error) {
	const field = "transactBeginQ"
	d.sized = Protocol // a descriptor sent here must validate (spec 03 §6.9)
	q = &TransactBeginQ{WantDescriptor: s.Bool(0), MaxPeers: maxPeersOf(s, 2)}
	if q.Key, err = d.recordKey(s, field+".key"); err != nil {
		return nil, err
	}
	if q.Descriptor, err = d.descriptor(s, 1, field+".descriptor"); err != nil {
		return nil, err
	}
	switch {
	case !d.kinds.Contains(q.Key.Kind):
		return nil, fault(&d.main, Protocol, field+".key", "kind not supported")
	case q.Descriptor != nil && q.WantDescriptor:
		return nil, fault(&d.main, Protocol, field, "descriptor both sent and wanted")
	}
	return q, nil
}

func (d *decoding) transactBeginA(s capn.Struct) (a *TransactBeginA, err error) {
	const field = "transactBeginA"
	a = &TransactBeginA{
		Accepted:       s.Bool(0),
		NeedDescriptor: s.Bool(1),
		TransactionID:  s.Uint64(8),
		Duration:       crypto.TimestampDuration(s.Uint64(16)),
	}
	if a.Descriptor, err = d.descriptor(s, 0, field+".descriptor"); err != nil {
		return nil, err
	}
	if a.Seqs, err = d.seqs(s, 1, field+".seqs", true); err != nil {
		return nil, err
	}
	if a.Peers, err = d.peers(s, 2, field+".peers", false); err != nil {
		return nil, err
	}
	switch {
	case !a.Accepted && (a.NeedDescriptor || a.Descriptor != nil || a.TransactionID != 0 || a.Duration != 0 || len(a.Seqs) > 0):
		return nil, fault(&d.main, Protocol, field, "not accepted but fields set")
	case a.NeedDescriptor && a.Descriptor != nil:
		return nil, fault(&d.main, Protocol, field, "descriptor both sent and needed")
	}
	return a, nil
}

func (d *decoding) transactCommandQ(s capn.Struct) (q *TransactCommandQ, err error) {
	const field = "transactCommandQ"
	m := &d.main
	q = &TransactCommandQ{TransactionID: s.Uint64(0), Command: TransactCommand(s.Uint16(8)), Subkey: s.Uint32(12)}
	if q.Key, err = d.recordKey(s, field+".key"); err != nil {
		return nil, err
	}
	if q.TransactionID == 0 {
		return nil, fault(m, Protocol, field, "no transaction")
	}
	if _, err := d.seqs(s, 1, field+".seqs", false); err != nil {
		return nil, err
	}
	// The table of arguments (spec 03 §6.10). A value is looked at for set only.
	if q.Command > TransactSet {
		return nil, fault(m, Ignore, field, "unknown command")
	}
	if s.Has(1) {
		return nil, fault(m, Protocol, field, "sequence numbers given")
	}
	switch q.Command {
	case TransactGet:
	case TransactSet:
		if q.Subkey == SubkeyAbsent || !s.Has(2) {
			return nil, fault(m, Protocol, field, "set without subkey or value")
		}
		q.Value, err = d.value(s, 2, field+".value")
	default:
		if q.Subkey != SubkeyAbsent {
			return nil, fault(m, Protocol, field, "subkey given")
		}
	}
	return q, err
}

func (d *decoding) transactCommandA(s capn.Struct) (a *TransactCommandA, err error) {
	const field = "transactCommandA"
	m := &d.main
	a = &TransactCommandA{Valid: s.Bool(0), Subkey: s.Uint32(4), Duration: crypto.TimestampDuration(s.Uint64(8))}
	if a.Seqs, err = d.seqs(s, 0, field+".seqs", false); err != nil {
		return nil, err
	}
	if a.Value, err = d.value(s, 1, field+".value"); err != nil {
		return nil, err
	}
	switch {
	case !a.Valid && (a.Duration != 0 || s.Has(0) || a.Subkey != SubkeyAbsent || a.Value != nil):
		return nil, fault(m, Protocol, field, "not valid but fields set")
	case a.Value != nil && a.Subkey == SubkeyAbsent:
		return nil, fault(m, Protocol, field, "value without subkey")
	}
	return a, nil
}
