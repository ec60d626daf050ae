package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

func TestReceiptFaults(t *testing.T) {
	w := newWorld(t, NetworkKey{})
	good := unhex(t, receiptVectorHex)
	change := func(i int) []byte { m := bytes.Clone(good); m[i] ^= 1; return m }
	large, err := AppendReceipt(nil, w.a.Signer(), crypto.Nonce{}, make([]byte, MaxReceiptExtra))
	if err != nil || len(large) != MaxReceiptSize {
		t.Fatalf("largest receipt: %d bytes, %v", len(large), err)
	}
	if r, err := ParseReceipt(w.c, large); err != nil || len(r.Extra) != MaxReceiptExtra {
		t.Errorf("largest receipt: %v", err)
	}
	over := append(bytes.Clone(large), 0)
	binary.LittleEndian.PutUint16(over[offSize:], MaxReceiptSize+1)
	for _, test := range []struct {
		name string
		msg  []byte
		want error
	}{
		{"empty", nil, ErrMagic},
		{"envelope", unhex(t, plainVector), ErrMagic},
		{"129 bytes", good[:129], ErrShort},
		{"130 bytes", good[:130], ErrSize},
		{"one byte added", append(bytes.Clone(good), 0), ErrSize},
		{"over the limit", over, ErrSize},
		{"kind", change(7), ErrKind},
		{"size", change(8), ErrSize},
		{"nonce", change(offReceiptNonce), ErrSignature},
		{"sender", change(offReceiptSender), ErrSignature},
		{"extra", change(offReceiptExtra), ErrSignature},
		{"signature", change(len(good) - 1), ErrSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParseReceipt(w.c, test.msg); !errors.Is(err, test.want) {
				t.Errorf("ParseReceipt: %v, want %v", err, test.want)
			}
		})
	}
	for n := range good {
		if _, err := ParseReceipt(w.c, good[:n]); err == nil {
			t.Errorf("the first %d bytes parse", n)
		}
	}
	if _, err := AppendReceipt(nil, w.a.Signer(), crypto.Nonce{}, make([]byte, MaxReceiptExtra+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("AppendReceipt over the limit: %v", err)
	}
}
