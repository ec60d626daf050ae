package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// MaxValueSize is the most bytes of one value (spec 03 §2.7).
const MaxValueSize = 32768

// encodeValueData makes the unpacked message of a value in the exact layout that
// is signed and stored (spec 03 §2.5):
//
//	[root pointer][seq, data pointer, writer pointer, nonce pointer]
//	[data, zero padded][kind, value pointer][key][nonce pointer][nonce]
//
// Above 1024 words it is canonical: no data section if seq is 0, no third
// pointer if there is no nonce.
func encodeValueData(v *ValueData) ([]byte, error) {
	if len(v.Data) > MaxValueSize || v.Seq == SeqNone {
		return nil, unfit("valueData", "too long or without sequence number")
	}
	b := capn.NewBuilder(128 + len(v.Data))
	s := b.Root(1, 3)
	s.Uint32(0, v.Seq)
	s.Data(0, v.Data)
	putID(s, 1, v.Writer.Kind, v.Writer.Value[:])
	if v.Nonce != nil {
		putNonce(s, 2, v.Nonce)
	}
	blob, err := b.Finish()
	if err != nil {
		return nil, unfit("valueData", err.Error())
	}
	return blob, nil
}

// NewSignedValueData joins a value and its signature, and makes the blob.
func NewSignedValueData(v ValueData, sig crypto.Signature) (*SignedValueData, error) {
	blob, err := encodeValueData(&v)
	if err != nil {
		return nil, err
	}
	return &SignedValueData{Value: v, Blob: blob, Signature: sig}, nil
}

// DecodeValueData decodes the message of a value, as stored. Blob is rebuilt
// from the decoded fields and may differ from what was given: it is what
// signatures are over and what is stored and passed on. Value.Data is a part of
// Blob. The signature is left zero.
func (d Decoder) DecodeValueData(blob []byte) (*SignedValueData, error) {
	return d.start().valueData(blob, "valueData")
}

func (d *decoding) valueData(received []byte, field string) (*SignedValueData, error) {
	m := &d.nested
	if err := m.Open(received, &d.limit); err != nil {
		return nil, &Error{Protocol, field, err.Error()}
	}
	s := m.Root()
	v := ValueData{Seq: s.Uint32(0)}
	if !s.Has(0) {
		return nil, absent(m, field+".data")
	}
	v.Data = s.Data(0)
	writer, err := id(m, s, 1, field+".writer", d.sized)
	if err != nil {
		return nil, err
	}
	v.Writer = writer
	if n := s.Struct(2); n.Has(0) {
		b := n.Data(0)
		if len(b) != crypto.NonceSize {
			return nil, fault(m, Protocol, field+".nonce", "wrong length")
		}
		v.Nonce = (*crypto.Nonce)(bytes.Clone(b))
	}
	if err := intact(m, field); err != nil {
		return nil, err
	}
	switch {
	case v.Seq == SeqNone:
		return nil, &Error{Protocol, field, "no sequence number"}
	case len(v.Data) > MaxValueSize:
		return nil, &Error{Protocol, field + ".data", "too long"}
	}
	blob, err := encodeValueData(&v)
	if err != nil {
		return nil, err
	}
	v.Data = dataOfBlob(blob, len(v.Data))
	return &SignedValueData{Value: v, Blob: blob}, nil
}

// dataOfBlob finds the data in a blob of the layout above: it follows the root
// struct, whose size is in the root pointer.
func dataOfBlob(blob []byte, n int) []byte {
	root := binary.LittleEndian.Uint64(blob[8:])
	at := 16 + 8*(int(uint16(root>>32))+int(root>>48))
	return blob[at : at+n : at+n]
}

func (d *decoding) signedValueData(s capn.Struct, field string) (*SignedValueData, error) {
	m := &d.main
	if !s.Has(0) {
		return nil, absent(m, field+".valueData")
	}
	blob := s.Data(0)
	sig, err := signature(m, s, 1, field+".signature", d.sized)
	if err != nil {
		return nil, err
	}
	v, err := d.valueData(blob, field)
	if err != nil {
		return nil, err
	}
	v.Signature = sig
	return v, nil
}

// value reads an optional value.
func (d *decoding) value(s capn.Struct, slot int64, field string) (*SignedValueData, error) {
	if !s.Has(slot) {
		return nil, nil
	}
	return d.signedValueData(s.Struct(slot), field)
}

// descriptor reads an optional descriptor, which owns its memory.
func (d *decoding) descriptor(s capn.Struct, slot int64, field string) (*SignedValueDescriptor, error) {
	if !s.Has(slot) {
		return nil, nil
	}
	m := &d.main
	s = s.Struct(slot)
	owner, err := id(m, s, 0, field+".owner", d.sized)
	if err != nil {
		return nil, err
	}
	schema, err := bytesOf(m, s, 1, field+".schemaData", readLimit)
	if err != nil {
		return nil, err
	}
	sig, err := signature(m, s, 2, field+".signature", d.sized)
	if err != nil {
		return nil, err
	}
	return &SignedValueDescriptor{Owner: owner, SchemaData: clone(schema), Signature: sig}, nil
}

func putValue(s capn.StructBuilder, slot int, v *SignedValueData) {
	if v == nil {
		return
	}
	s = s.Struct(slot, 0, 2)
	s.Data(0, v.Blob)
	putTyped(s.Struct(1, 1, 1), v.Signature.Kind, v.Signature.Value[:])
}

func putDescriptor(s capn.StructBuilder, slot int, v *SignedValueDescriptor) {
	if v == nil {
		return
	}
	s = s.Struct(slot, 0, 3)
	putID(s, 0, v.Owner.Kind, v.Owner.Value[:])
	s.Data(1, v.SchemaData)
	putTyped(s.Struct(2, 1, 1), v.Signature.Kind, v.Signature.Value[:])
}

// checkValue refuses a value that was not made by NewSignedValueData or a decoder.
func checkValue(v *SignedValueData, field string) error {
	if v != nil && len(v.Blob) == 0 {
		return unfit(field, "value without blob")
	}
	return nil
}

// Same reports whether two descriptors are the same: owner and schema agree,
// the signature is not compared (spec 03 §5.5).
func (d *SignedValueDescriptor) Same(o *SignedValueDescriptor) bool {
	return d.Owner == o.Owner && bytes.Equal(d.SchemaData, o.SchemaData)
}

// DescriptorSigningInput is what the owner of a record signs, a part of the
// descriptor (spec 03 §7.2).
func DescriptorSigningInput(d *SignedValueDescriptor) []byte { return d.SchemaData }

// ValueSigningInput appends what the writer of a value signs (spec 03
// §7.3): of an encrypted value the blob, of another one its parts. Owner is the
// owner of the record.
func ValueSigningInput(dst []byte, v *SignedValueData, owner crypto.PublicKey, subkey uint32) []byte {
	le := binary.LittleEndian
	if v.Value.Nonce != nil {
		dst = le.AppendUint32(dst, uint32(len(v.Blob)))
		dst = append(dst, v.Blob...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(owner.Kind))
		dst = le.AppendUint32(dst, uint32(len(owner.Value)))
		dst = append(dst, owner.Value[:]...)
		return le.AppendUint32(dst, subkey)
	}
	if owner.Kind != crypto.KindVLD0 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(owner.Kind))
	}
	dst = append(dst, owner.Value[:]...)
	dst = le.AppendUint32(dst, subkey)
	dst = le.AppendUint32(dst, v.Value.Seq)
	return append(dst, v.Value.Data...)
}
