package wire

import (
	"encoding/binary"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire/internal/capn"
)

// MaxBodySize is the most bytes of a packed SignedOperation that fit into an
// envelope, before compression (spec 03 §2.7).
const MaxBodySize = 65507 - 170

// SignedOperation is the outer message (spec 03 §2.1 layers 1 and 2).
type SignedOperation struct {
	OperationData []byte            // unpacked message of an Operation, in memory of its own
	Signer        *crypto.PublicKey // nil: not signed
	Signature     crypto.Signature  // zero without a signer
}

// DecodeSignedOperation unpacks the body of an envelope or the end of a route.
// The signature is not verified; the caller does it, over
// [OperationSigningInput], before it decodes the operation: a signer of
// an unsupported kind or a wrong signature is a Protocol fault (spec 03 §4.3).
func DecodeSignedOperation(packed []byte) (SignedOperation, error) {
	const field = "signedOperation"
	var m capn.Message
	limit := capn.NewLimit(readLimit)
	if _, err := m.OpenPacked(packed, &limit); err != nil {
		return SignedOperation{}, &Error{Protocol, field, err.Error()}
	}
	s := m.Root()
	data, err := bytesOf(&m, s, 0, field+".operationData", readLimit)
	if err != nil {
		return SignedOperation{}, err
	}
	op := SignedOperation{OperationData: data}
	if s.Has(1) {
		signer, err := id(&m, s, 1, field+".signer", Protocol)
		if err != nil {
			return SignedOperation{}, err
		}
		if op.Signature, err = signature(&m, s, 2, field+".signature", Protocol); err != nil {
			return SignedOperation{}, err
		}
		op.Signer = &signer
	}
	return op, intact(&m, field)
}

// EncodeSignedOperation wraps and packs an operation. A nil signer makes an
// unsigned one.
func EncodeSignedOperation(operationData []byte, signer *crypto.PublicKey, sig crypto.Signature) ([]byte, error) {
	// Packing shrinks most operations; what does not shrink grows by one byte in
	// two kilobytes, and by one in eight at the very worst.
	room := 64 + len(operationData) + len(operationData)/64
	return AppendSignedOperation(make([]byte, 0, room), operationData, signer, sig)
}

// AppendSignedOperation is [EncodeSignedOperation] into memory of the caller.
// It copies the operation once, while packing it.
func AppendSignedOperation(dst, operationData []byte, signer *crypto.PublicKey, sig crypto.Signature) ([]byte, error) {
	const (
		pointers = 3  // of the root struct
		signed   = 16 // words of the objects of signer and signature
		word     = 8
	)
	if len(operationData)%word != 0 {
		return dst, unfit("signedOperation", "operation is not in whole words")
	}
	// The struct, as the builder of package capn would lay it out: root pointer,
	// pointers, operation, signer, signature. A large message is canonical, which
	// for an unsigned one means that the two null pointers are left out.
	slots, words := pointers, 1+pointers+len(operationData)/word
	if signer != nil {
		words += signed
	} else if words > firstSegmentWords {
		words -= 2
		slots = 1
	}
	if words > readLimit/word {
		return dst, unfit("signedOperation", capn.ErrSize.Error())
	}
	le := binary.LittleEndian
	var head [(2 + pointers) * word]byte
	le.PutUint32(head[4:], uint32(words))
	le.PutUint16(head[14:], uint16(slots))
	le.PutUint32(head[16:], uint32(slots-1)<<2|1) // to the operation, right behind the pointers
	le.PutUint32(head[20:], uint32(len(operationData))<<3|2)
	if signer != nil {
		le.PutUint32(head[24:], uint32(1+len(operationData)/word)<<2)
		le.PutUint64(head[24:], le.Uint64(head[24:])|1<<32|1<<48)
		le.PutUint32(head[32:], uint32(len(operationData)/word+6)<<2)
		le.PutUint64(head[32:], le.Uint64(head[32:])|1<<32|1<<48)
	}
	p := capn.NewPacker(dst)
	p.Pack(head[:(2+slots)*word])
	p.Pack(operationData)
	if signer != nil {
		var tail [signed * word]byte
		putTail(tail[:6*word], uint32(signer.Kind), signer.Value[:])
		putTail(tail[6*word:], uint32(sig.Kind), sig.Value[:])
		p.Pack(tail[:])
	}
	return p.Bytes(), nil
}

// firstSegmentWords is the size up to which a message is not canonical (spec 03 §2.2).
const firstSegmentWords = 1024

// putTail writes a typed value: kind, pointer to the bytes, bytes.
func putTail(dst []byte, kind uint32, value []byte) {
	binary.LittleEndian.PutUint32(dst, kind)
	binary.LittleEndian.PutUint64(dst[8:], 1|2<<32|uint64(len(value))<<35)
	copy(dst[16:], value)
}

// OperationSigningInput appends what the signer of an operation signs
// (spec 03 §7.4). Destination is the public key of the target node or of the
// private route.
func OperationSigningInput(dst []byte, destination crypto.PublicKey, operationData []byte) []byte {
	kind := destination.Kind.Bytes()
	dst = append(dst, kind[:]...)
	dst = append(dst, destination.Value[:]...)
	return append(dst, operationData...)
}
