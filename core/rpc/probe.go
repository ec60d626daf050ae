package rpc

import (
	"crypto/rand"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// Numbers of MTU probes (spec 03 §6.1).
const (
	probeSlack    = 16  // how much shorter than its size the datagram may be
	probeAttempts = 3   // to find the padding
	fragmentBytes = 8   // header of a datagram
	envelopeBytes = 170 // header and signature (spec 02 §9.1)
)

// probeOf is the MTU probe in a question or an answer, nil if there is none.
func probeOf(b wire.Body) *wire.MTUProbe {
	switch b := b.(type) {
	case *wire.Question:
		if q, ok := b.Detail.(*wire.StatusQ); ok {
			return q.Probe
		}
	case *wire.Answer:
		if a, ok := b.Detail.(*wire.StatusA); ok {
			return a.Probe
		}
	}
	return nil
}

// packProbe encodes an operation so that its envelope fills a datagram of the
// probe's size: the padding is fitted, since what compression makes of it is not
// known before. If that fails the probe is left out.
func packProbe(op *wire.Operation, p *wire.MTUProbe) ([]byte, error) {
	size := int(p.Size)
	var compressor crypto.Compressor // the one that the envelope will use, so the same length
	n := 0
	for range probeAttempts {
		p.Padding = make([]byte, n)
		rand.Read(p.Padding)
		packed, err := packUnsigned(op)
		if err != nil {
			return nil, err
		}
		short := size - fragmentBytes - envelopeBytes - len(compressor.Compress(nil, packed))
		if short >= 0 && short <= probeSlack {
			return packed, nil
		}
		if n = n + short - probeSlack/2; n < 0 {
			break
		}
	}
	switch b := op.Body.(type) {
	case *wire.Question:
		b.Detail.(*wire.StatusQ).Probe = nil
	case *wire.Answer:
		b.Detail.(*wire.StatusA).Probe = nil
	}
	return packUnsigned(op)
}

func packUnsigned(op *wire.Operation) ([]byte, error) {
	data, err := wire.EncodeOperation(op)
	if err != nil {
		return nil, err
	}
	return wire.EncodeSignedOperation(data, nil, crypto.Signature{})
}
