package envelope

import (
	"encoding/binary"
	"fmt"

	"github.com/voile-net/voile/core/crypto"
)

// Layout of an envelope, integers little-endian (spec 02 §9.1):
//
//	0x00   4  "ENV0"
//	0x04   4  crypto kind
//	0x08   2  size of the whole envelope
//	0x0A   8  timestamp, µs
//	0x12  24  nonce      }
//	0x2A  32  sender     } masked with the network key, if there is one
//	0x4A  32  recipient  }
//	0x6A   n  body: u32 size || LZ4 block, encrypted without authentication
//	size-64   signature of the sender over all before it, as transmitted
const (
	offKind      = 0x04
	offSize      = 0x08
	offTimestamp = 0x0a
	offNonce     = 0x12
	offSender    = 0x2a
	offRecipient = 0x4a
	offBody      = 0x6a

	// Overhead is the size of an envelope without its body, and the least that parses.
	Overhead = offBody + crypto.SignatureSize // 170
	// MaxSize is the largest envelope, the largest message of any transport.
	MaxSize = 65507
	// MaxBody is the largest body before compression.
	MaxBody = MaxSize - Overhead // 65337
)

// Header is the part of an envelope that everybody on its way can read (with the
// network key).
type Header struct {
	Kind      crypto.Kind
	Timestamp crypto.Timestamp
	Nonce     crypto.Nonce
	Sender    crypto.NodeID
	Recipient crypto.NodeID
}

// parseHeader does the steps 1 to 6 of spec 02 §9.3. It neither keeps nor changes
// msg; body is a part of it.
func parseHeader(msg []byte, supported crypto.Kinds, network *NetworkKey) (h Header, body []byte, err error) {
	switch {
	case len(msg) < 4 || string(msg[:4]) != MagicEnvelope:
		return Header{}, nil, ErrMagic
	case len(msg) < Overhead:
		return Header{}, nil, fmt.Errorf("%w: %d bytes", ErrShort, len(msg))
	}
	kind := crypto.KindOf([4]byte(msg[offKind:]))
	switch {
	case !supported.Contains(kind):
		return Header{}, nil, fmt.Errorf("%w: %s", ErrKind, kind)
	case len(msg) > MaxSize || int(binary.LittleEndian.Uint16(msg[offSize:])) != len(msg):
		return Header{}, nil, fmt.Errorf("%w: %d bytes", ErrSize, len(msg))
	}
	h.Kind, h.Sender.Kind, h.Recipient.Kind = kind, kind, kind
	h.Timestamp = crypto.Timestamp(binary.LittleEndian.Uint64(msg[offTimestamp:]))
	copy(h.Nonce[:], msg[offNonce:])
	copy(h.Sender.Value[:], msg[offSender:])
	copy(h.Recipient.Value[:], msg[offRecipient:])
	network.mask(h.Nonce[:], h.Sender.Value[:], h.Recipient.Value[:])
	if h.Sender == h.Recipient {
		return Header{}, nil, ErrSelf
	}
	return h, msg[offBody : len(msg)-crypto.SignatureSize], nil
}

// appendHeader writes the header of an envelope of the given size, unmasked.
func (h *Header) appendHeader(dst []byte, size int) []byte {
	dst = append(dst, MagicEnvelope...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.Kind))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(size))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.Timestamp))
	dst = append(dst, h.Nonce[:]...)
	dst = append(dst, h.Sender.Value[:]...)
	return append(dst, h.Recipient.Value[:]...)
}
