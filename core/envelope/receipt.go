package envelope

import (
	"encoding/binary"
	"fmt"

	"github.com/voile-net/voile/core/crypto"
)

// Layout of a receipt, integers little-endian (spec 02 §11.1):
//
//	0x00   4  "RCP0"
//	0x04   4  crypto kind
//	0x08   2  size of the whole receipt
//	0x0A  24  nonce, which identifies the receipt
//	0x22  32  sender: the node that made the receipt
//	0x42   n  extra data, not encrypted
//	size-64   signature of the maker over all before it
const (
	offReceiptNonce  = 0x0a
	offReceiptSender = 0x22
	offReceiptExtra  = 0x42

	// MinReceiptSize is a receipt without extra data.
	MinReceiptSize = offReceiptExtra + crypto.SignatureSize // 130
	// MaxReceiptSize is the largest receipt.
	MaxReceiptSize = MinReceiptSize + MaxReceiptExtra // 1380
	// MaxReceiptExtra is the largest extra data.
	MaxReceiptExtra = 1250
)

// Receipt is a message that a node gives away to get it back.
type Receipt struct {
	Kind   crypto.Kind
	Nonce  crypto.Nonce
	Sender crypto.NodeID // who made it
	Extra  []byte        // a part of the message it was parsed from; usually empty
}

// AppendReceipt makes a receipt. [ErrTooLong] if extra is over its limit.
func AppendReceipt(dst []byte, maker crypto.Signer, nonce crypto.Nonce, extra []byte) ([]byte, error) {
	if len(extra) > MaxReceiptExtra {
		return nil, fmt.Errorf("%w: %d bytes of extra data, limit %d", ErrTooLong, len(extra), MaxReceiptExtra)
	}
	start := len(dst)
	public := maker.PublicKey()
	sender := crypto.NodeIDOf(public)
	dst = append(dst, MagicReceipt...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(public.Kind))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(MinReceiptSize+len(extra)))
	dst = append(dst, nonce[:]...)
	dst = append(dst, sender.Value[:]...)
	dst = append(dst, extra...)
	sig := maker.Sign(dst[start:])
	return append(dst, sig.Value[:]...), nil
}

// ParseReceipt reads and verifies a receipt. It neither keeps nor changes msg; Extra
// is a part of it.
func ParseReceipt(c *crypto.Crypto, msg []byte) (Receipt, error) {
	switch {
	case len(msg) < 4 || string(msg[:4]) != MagicReceipt:
		return Receipt{}, ErrMagic
	case len(msg) < MinReceiptSize:
		return Receipt{}, fmt.Errorf("%w: %d bytes", ErrShort, len(msg))
	}
	kind := crypto.KindOf([4]byte(msg[offKind:]))
	switch {
	case !c.Kinds().Contains(kind):
		return Receipt{}, fmt.Errorf("%w: %s", ErrKind, kind)
	case len(msg) > MaxReceiptSize || int(binary.LittleEndian.Uint16(msg[offSize:])) != len(msg):
		return Receipt{}, fmt.Errorf("%w: %d bytes", ErrSize, len(msg))
	}
	signed := len(msg) - crypto.SignatureSize
	r := Receipt{Kind: kind, Sender: crypto.NodeID{Kind: kind}, Extra: msg[offReceiptExtra:signed:signed]}
	copy(r.Nonce[:], msg[offReceiptNonce:])
	copy(r.Sender.Value[:], msg[offReceiptSender:])
	if err := verify(c, r.Sender, msg[:signed], msg[signed:]); err != nil {
		return Receipt{}, err
	}
	return r, nil
}
