package wire

import (
	"slices"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// maxPeers is the most peers in an answer (spec 03 §1.6).
const maxPeers = 20

// DecodePeerInfo makes a PeerInfo of a NodeInfo message and its signatures, for
// records that did not come in an operation. It copies both. Signatures are
// not verified, Domain is the caller's (spec 03 §5.4).
func (d Decoder) DecodePeerInfo(message []byte, signatures []crypto.Signature) (*PeerInfo, error) {
	return d.start().newPeerInfo(clone(message), slices.Clone(signatures), "peerInfo")
}

// newPeerInfo keeps message and signatures.
func (d *decoding) newPeerInfo(message []byte, signatures []crypto.Signature, field string) (*PeerInfo, error) {
	p := &PeerInfo{Message: message, Signatures: signatures}
	if err := d.nodeInfo(&p.Info, message); err != nil {
		// Also an Ignore becomes Protocol here (the trap of spec 03 §3).
		return nil, &Error{Protocol, field, err.Error()}
	}
	if len(p.Info.PublicKeys) == 0 {
		return nil, &Error{Protocol, field, "no known public key"}
	}
	p.NodeIDs = make([]crypto.NodeID, len(p.Info.PublicKeys))
	matched := false
	for i, key := range p.Info.PublicKeys {
		p.NodeIDs[i] = crypto.NodeIDOf(key)
		for _, sig := range signatures {
			matched = matched || sig.Kind == key.Kind
		}
	}
	if !matched {
		return nil, &Error{Ignore, field, "no signature of a supported kind"}
	}
	return p, nil
}

// peerInfo reads a PeerInfo, which owns its memory: it outlives its message.
func (d *decoding) peerInfo(s capn.Struct, field string) (*PeerInfo, error) {
	m := &d.main
	if !s.Has(0) || !s.Has(1) {
		return nil, absent(m, field)
	}
	message, l := s.Data(0), s.List(1)
	if err := intact(m, field); err != nil {
		return nil, err
	}
	if l.Len() > MaxCryptoKinds {
		return nil, fault(m, Ignore, field, "too many signatures")
	}
	signatures := make(crypto.Group[crypto.Signature], 0, l.Len())
	for i := range l.Len() {
		sig, err := signatureOf(m, l.At(i), field, Ignore)
		switch {
		case err == nil:
			signatures = signatures.Add(d.kinds, sig) // the last of a kind stays
		case KindOf(err) != Ignore:
			return nil, err
		}
	}
	return d.newPeerInfo(clone(message), signatures, field)
}

// peers reads a list of an answer; peers that are odd are skipped.
func (d *decoding) peers(s capn.Struct, slot int64, field string, required bool) ([]*PeerInfo, error) {
	m := &d.main
	if required && !s.Has(slot) {
		return nil, absent(m, field)
	}
	l := s.List(slot)
	if l.Len() > maxPeers {
		return nil, fault(m, Ignore, field, "too many")
	}
	if l.Len() == 0 {
		return nil, intact(m, field)
	}
	peers := make([]*PeerInfo, 0, l.Len())
	for i := range l.Len() {
		p, err := d.peerInfo(l.At(i), field)
		switch {
		case err == nil:
			peers = append(peers, p)
		case KindOf(err) != Ignore:
			return nil, err
		}
	}
	return peers, intact(m, field)
}

func putPeerInfo(s capn.StructBuilder, p *PeerInfo) {
	s.Data(0, p.Message)
	putSignatures(s, 1, p.Signatures)
}

func putPeers(s capn.StructBuilder, slot int, peers []*PeerInfo) {
	l := s.List(slot, len(peers), 0, 2)
	for i, p := range peers {
		putPeerInfo(l.At(i), p)
	}
}

// check refuses what would punish or be skipped: an unsigned bootstrap record
// has no message to send.
func (p *PeerInfo) check(field string) error {
	if p == nil || len(p.Message) == 0 || len(p.Signatures) == 0 || len(p.Signatures) > MaxCryptoKinds {
		return unfit(field, "peer info without message or with none or too many signatures")
	}
	return nil
}

func checkPeers(peers []*PeerInfo, field string) error {
	if len(peers) > maxPeers {
		return unfit(field, "too many peers")
	}
	for _, p := range peers {
		if err := p.check(field); err != nil {
			return err
		}
	}
	return nil
}

// Equivalent reports whether two records say the same but for their time
// (spec 04 §3.4).
func (p *PeerInfo) Equivalent(o *PeerInfo) bool {
	return p.Domain == o.Domain && slices.Equal(p.NodeIDs, o.NodeIDs) && p.Info.Equivalent(&o.Info)
}
