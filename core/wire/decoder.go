package wire

import (
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// readLimit bounds what one message of a peer may unpack to and have read,
// nested messages included. Nothing valid comes near it: an envelope carries
// 65 507 bytes (spec 03 §2.3, §2.7).
const readLimit = 1 << 20

// Decoder decodes what comes from outside for a node that supports Kinds, the
// best first. It keeps nothing, and may be used from any goroutine.
//
// The protocol lets a key, id, signature or nonce have any length and finds
// fault with a wrong one where it is used (spec 03 §5.1). Here these are values
// of fixed size, so a wrong length is found while decoding, as the fault that
// its use would have been:
//
//   - signer and signature of a SignedOperation, node id of FindNodeQ: Protocol;
//   - a value's writer or nonce, signatures and owners of values and
//     descriptors: Protocol in answers, whose values must validate, and in
//     TransactBeginQ; Ignore in other questions and in statements, which the
//     other implementation drops without an answer; a value's nonce always Protocol;
//   - signatures of a PeerInfo, node ids of a RelayInfo: skipped in their list;
//   - a public key in a NodeInfo: as a key of an unknown kind;
//   - everything else, such as record keys and all of a route: Ignore.
type Decoder struct {
	Kinds crypto.Kinds
}

// decoding is the state of one decoder call.
type decoding struct {
	kinds  crypto.Kinds
	limit  capn.Limit
	main   capn.Message // the message that was asked for
	nested capn.Message // NodeInfo or ValueData inside it, one at a time
	sized  Kind         // class of a wrong length in values and descriptors
}

func (d Decoder) start() *decoding {
	return &decoding{kinds: d.Kinds, limit: capn.NewLimit(readLimit), sized: Ignore}
}

// fault makes an error. A structural fault of the message comes first, for it
// may be the reason why something seems to be absent.
func fault(m *capn.Message, kind Kind, field, msg string) error {
	if err := m.Err(); err != nil {
		return &Error{Protocol, field, err.Error()}
	}
	return &Error{kind, field, msg}
}

// absent is the fault of a null pointer that must not be null (spec 03 §2.6).
func absent(m *capn.Message, field string) error { return fault(m, Ignore, field, "missing") }

// intact returns the structural fault of a message, if any was met.
func intact(m *capn.Message, field string) error {
	if err := m.Err(); err != nil {
		return &Error{Protocol, field, err.Error()}
	}
	return nil
}

// id reads a required value of 32 bytes with its kind. A wrong length is of
// class sized.
func id(m *capn.Message, parent capn.Struct, slot int64, field string, sized Kind) (key crypto.PublicKey, err error) {
	if !parent.Has(slot) {
		return key, absent(m, field)
	}
	s := parent.Struct(slot)
	return idOf(m, s, field, sized)
}

func idOf(m *capn.Message, s capn.Struct, field string, sized Kind) (key crypto.PublicKey, err error) {
	if !s.Has(0) {
		return key, absent(m, field)
	}
	value := s.Data(0)
	if len(value) != len(key.Value) {
		return key, fault(m, sized, field, "wrong length")
	}
	key.Kind = crypto.Kind(s.Uint32(0))
	copy(key.Value[:], value)
	return key, nil
}

func signature(m *capn.Message, parent capn.Struct, slot int64, field string, sized Kind) (sig crypto.Signature, err error) {
	if !parent.Has(slot) {
		return sig, absent(m, field)
	}
	s := parent.Struct(slot)
	return signatureOf(m, s, field, sized)
}

func signatureOf(m *capn.Message, s capn.Struct, field string, sized Kind) (sig crypto.Signature, err error) {
	if !s.Has(0) {
		return sig, absent(m, field)
	}
	value := s.Data(0)
	if len(value) != len(sig.Value) {
		return sig, fault(m, sized, field, "wrong length")
	}
	sig.Kind = crypto.Kind(s.Uint32(0))
	copy(sig.Value[:], value)
	return sig, nil
}

func nonce(m *capn.Message, parent capn.Struct, slot int64, field string) (n crypto.Nonce, err error) {
	if !parent.Has(slot) || !parent.Struct(slot).Has(0) {
		return n, absent(m, field)
	}
	value := parent.Struct(slot).Data(0)
	if len(value) != len(n) {
		return n, fault(m, Ignore, field, "wrong length")
	}
	copy(n[:], value)
	return n, nil
}

// bytesOf reads required bytes, which are a part of the message.
func bytesOf(m *capn.Message, parent capn.Struct, slot int64, field string, limit int) ([]byte, error) {
	if !parent.Has(slot) {
		return nil, absent(m, field)
	}
	b := parent.Data(slot)
	if err := intact(m, field); err != nil {
		return nil, err
	}
	if len(b) > limit {
		return nil, fault(m, Ignore, field, "too long")
	}
	return b, nil
}

// Writers of the same.

func putID(s capn.StructBuilder, slot int, kind crypto.Kind, value []byte) {
	putTyped(s.Struct(slot, 1, 1), kind, value)
}

func putTyped(s capn.StructBuilder, kind crypto.Kind, value []byte) {
	s.Uint32(0, uint32(kind))
	s.Data(0, value)
}

func putSignatures(s capn.StructBuilder, slot int, sigs []crypto.Signature) {
	l := s.List(slot, len(sigs), 1, 1)
	for i := range sigs {
		putTyped(l.At(i), sigs[i].Kind, sigs[i].Value[:])
	}
}

func putNonce(s capn.StructBuilder, slot int, n *crypto.Nonce) {
	s.Struct(slot, 0, 1).Data(0, n[:])
}

// unfit is the error of a value that must not be sent.
func unfit(field, msg string) error { return &Error{Local, field, msg} }
