package envelope

import (
	"bytes"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

func FuzzParse(f *testing.F) {
	for _, v := range load[envelopeVector](f, "envelopes.json") {
		f.Add([]byte(v.Hex), false)
	}
	f.Add(unhex(f, plainVector), false)
	f.Add(unhex(f, maskedVector), true)
	plain, masked := newWorld(f, NetworkKey{}), newWorld(f, testNetwork(f))
	f.Fuzz(func(t *testing.T, msg []byte, network bool) {
		w := plain
		if network {
			w = masked
		}
		before := bytes.Clone(msg)
		e, err := w.codec.ParseHeader(msg)
		if err == nil {
			// The header encodes back; the signature is not looked at, so that the
			// fuzzer gets past it, and so that bodies are opened that nobody made.
			again := e.appendHeader(nil, len(msg))
			w.codec.network.mask(again[offNonce:offSender], again[offSender:offRecipient], again[offRecipient:])
			if !bytes.Equal(again, msg[:offBody]) {
				t.Fatalf("%+v encodes to\n%x\nwant\n%x", e.Header, again, msg[:offBody])
			}
			if body, err := w.codec.Open(nil, &e, w.b); err == nil && len(body) > MaxSize {
				t.Fatalf("body of %d bytes", len(body))
			}
			_ = w.codec.Verify(&e)
		}
		if !bytes.Equal(before, msg) {
			t.Fatal("the message was changed")
		}
	})
}

func FuzzSealOpen(f *testing.F) {
	f.Add([]byte(vectorBody), uint64(1))
	f.Add(make([]byte, 2000), ^uint64(0))
	// Nonces are always the same, so that the fuzzer sees the same path for the same input.
	c, err := crypto.New(crypto.Config{Rand: zeros{}})
	if err != nil {
		f.Fatal(err)
	}
	w := world{c, NewCodec(c, NetworkKey{}), identity(f, c, testPair(f, 0)), identity(f, c, testPair(f, 0x20))}
	f.Fuzz(func(t *testing.T, body []byte, at uint64) {
		sealed, err := w.codec.Seal(nil, w.a, w.b.NodeID(), crypto.Timestamp(at), body)
		if err != nil {
			t.Skip(err)
		}
		e, err := w.codec.Parse(sealed)
		if err != nil || e.Timestamp != crypto.Timestamp(at) {
			t.Fatalf("Parse = %+v, %v", e.Header, err)
		}
		if got, err := w.codec.Open(nil, &e, w.b); err != nil || !bytes.Equal(got, body) {
			t.Fatalf("Open = %x, %v, want %x", got, err, body)
		}
	})
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func FuzzParseReceipt(f *testing.F) {
	for _, v := range load[receiptVector](f, "receipts.json") {
		f.Add([]byte(v.Hex))
	}
	f.Add(unhex(f, receiptVectorHex))
	w := newWorld(f, NetworkKey{})
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := bytes.Clone(msg)
		r, err := ParseReceipt(w.c, msg)
		if !bytes.Equal(before, msg) {
			t.Fatal("the message was changed")
		}
		if err == nil && (r.Sender.Kind != r.Kind || len(r.Extra) != len(msg)-MinReceiptSize) {
			t.Fatalf("receipt %+v of %d bytes", r, len(msg))
		}
	})
}
