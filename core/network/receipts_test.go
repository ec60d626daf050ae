package network

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/envelope"
)

func newReceipts(t testing.TB, seed []byte) *Receipts {
	t.Helper()
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := fixedPair(seed)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := envelope.NewIdentity(c, pair)
	if err != nil {
		t.Fatal(err)
	}
	return NewReceipts(c, identity, nil)
}

func TestReceiptLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceipts(t, bytes.Repeat([]byte{1}, 32))
		other := newReceipts(t, bytes.Repeat([]byte{2}, 32))
		make := func(way Way) *Receipt {
			t.Helper()
			rc, err := r.New(way, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if len(rc.Bytes()) != envelope.MinReceiptSize {
				t.Fatalf("%d bytes, want %d", len(rc.Bytes()), envelope.MinReceiptSize)
			}
			return rc
		}

		rc := make(InBand)
		if err := r.Returned(rc.Bytes(), Return{Way: OutOfBand}); !errors.Is(err, ErrReceiptWay) {
			t.Errorf("wrong way: %v", err)
		}
		if err := r.Returned(rc.Bytes(), Return{Way: InBand}); err != nil {
			t.Errorf("right way: %v", err)
		}
		if err := r.Returned(rc.Bytes(), Return{Way: InBand}); !errors.Is(err, ErrUnknownReceipt) {
			t.Errorf("a second time: %v", err)
		}
		if ret, err := rc.Wait(t.Context()); err != nil || ret.Way != InBand {
			t.Errorf("Wait: %+v, %v", ret, err)
		}

		rc = make(PrivateRoute)
		start := time.Now()
		if _, err := rc.Wait(t.Context()); !errors.Is(err, ErrTimeout) || time.Since(start) != 5*time.Second {
			t.Errorf("Wait ended after %v with %v", time.Since(start), err)
		}
		if err := r.Returned(rc.Bytes(), Return{Way: PrivateRoute}); !errors.Is(err, ErrUnknownReceipt) {
			t.Errorf("after the end: %v", err)
		}

		rc = make(SafetyRoute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := rc.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Wait with a context: %v", err)
		}

		theirs, err := other.New(InBand, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Returned(theirs.Bytes(), Return{Way: InBand}); !errors.Is(err, ErrUnknownReceipt) {
			t.Errorf("of another node: %v", err)
		}
		broken := bytes.Clone(theirs.Bytes())
		broken[20] ^= 1
		if err := other.Returned(broken, Return{Way: InBand}); !errors.Is(err, envelope.ErrSignature) {
			t.Errorf("broken: %v", err)
		}
		theirs.Cancel()
		if len(r.pending) != 0 || len(other.pending) != 0 {
			t.Errorf("%d and %d receipts are left", len(r.pending), len(other.pending))
		}
	})
}

func TestReceiptsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReceipts(t, make([]byte, 32))
		for range maxReceipts {
			if _, err := r.New(InBand, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.New(InBand, time.Minute); !errors.Is(err, ErrBusy) {
			t.Errorf("one more: %v, want ErrBusy", err)
		}
		time.Sleep(time.Minute)
		if _, err := r.New(InBand, time.Minute); err != nil {
			t.Errorf("after the others have expired: %v", err)
		}
		r.Close()
	})
}

// Receipts of real nodes are known again by their makers.
func TestReceiptVectors(t *testing.T) {
	for _, v := range loadVectors(t, "receipts.json").Vectors {
		t.Run(v.Name, func(t *testing.T) {
			r := newReceipts(t, unhex(t, v.Seed))
			receipt := unhex(t, v.Hex)
			parsed, err := envelope.ParseReceipt(r.crypto, receipt)
			if err != nil {
				t.Fatal(err)
			}
			rc := &Receipt{set: r, nonce: parsed.Nonce, way: InBand, timer: time.NewTimer(time.Hour), back: make(chan Return, 1), gone: make(chan struct{})}
			r.pending[parsed.Nonce] = rc
			if err := r.Returned(receipt, Return{Way: InBand}); err != nil {
				t.Error(err)
			}
			if _, err := rc.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
