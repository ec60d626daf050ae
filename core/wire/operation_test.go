package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

// decodeBody decodes a body and its operation, which must both be good.
func decodeBody(t testing.TB, packed []byte) (SignedOperation, *Operation) {
	t.Helper()
	signed, err := DecodeSignedOperation(packed)
	if err != nil {
		t.Fatal(err)
	}
	op, err := testDecoder.DecodeOperation(signed.OperationData)
	if err != nil {
		t.Fatal(err)
	}
	return signed, op
}

// encodeBody is the way back.
func encodeBody(t testing.TB, signed SignedOperation, op *Operation) []byte {
	t.Helper()
	data, err := EncodeOperation(op)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, signed.OperationData) {
		t.Fatalf("operationData encodes to\n%x, want\n%x", data, signed.OperationData)
	}
	packed, err := EncodeSignedOperation(data, signed.Signer, signed.Signature)
	if err != nil {
		t.Fatal(err)
	}
	return packed
}

func pretty(v any) string {
	text, _ := json.MarshalIndent(v, "", " ")
	return string(text)
}

// Operations of real nodes decode to what an independent decoder found in
// them, and encode back to the same bytes.
func TestCapturedOperations(t *testing.T) {
	vectors := operationVectors(t)
	if len(vectors) != 70 {
		t.Fatalf("%d vectors, want 70", len(vectors))
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			signed, op := decodeBody(t, v.Packed)
			if got := operationJSON(t, op); !reflect.DeepEqual(got, v.Expect.Operation) {
				t.Errorf("got\n%s\nwant\n%s", pretty(got), pretty(v.Expect.Operation))
			}
			if (signed.Signer != nil) != (v.Expect.Signer != nil) {
				t.Fatalf("signer %v, want %v", signed.Signer, v.Expect.Signer)
			}
			if s := v.Expect.Signer; s != nil {
				if got := signed.Signer.Value[:]; signed.Signer.Kind != crypto.KindVLD0 || !bytes.Equal(got, s.Value) {
					t.Errorf("signer %v, want %x", signed.Signer, s.Value)
				}
				if !bytes.Equal(signed.Signature.Value[:], v.Expect.Signature.Value) {
					t.Errorf("signature %v, want %x", signed.Signature, v.Expect.Signature.Value)
				}
				destination := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte(v.Expect.SignedBytes[4:])}
				if got := OperationSigningInput(nil, destination, signed.OperationData); !bytes.Equal(got, v.Expect.SignedBytes) {
					t.Errorf("signing input\n%x, want\n%x", got, v.Expect.SignedBytes)
				}
			}
			if got := encodeBody(t, signed, op); !bytes.Equal(got, v.Packed) {
				t.Errorf("packs to\n%x, want\n%x", got, v.Packed)
			}
		})
	}
}

// Routed messages, hop after hop, and what they carry.
func TestCapturedRoutedBodies(t *testing.T) {
	type vector struct {
		Name   string
		Packed Hexed
	}
	for _, v := range load[struct{ Vectors []vector }](t, "routed.json").Vectors {
		t.Run(v.Name, func(t *testing.T) {
			signed, op := decodeBody(t, v.Packed)
			if got := encodeBody(t, signed, op); !bytes.Equal(got, v.Packed) {
				t.Errorf("packs to\n%x, want\n%x", got, v.Packed)
			}
		})
	}
}

// The answers of one conversation fit their questions.
func TestCapturedAnswersFitTheirQuestions(t *testing.T) {
	questions, answers := map[uint64]QuestionDetail{}, map[uint64]AnswerDetail{}
	for _, v := range operationVectors(t) {
		_, op := decodeBody(t, v.Packed)
		switch body := op.Body.(type) {
		case *Question:
			questions[op.OpID] = body.Detail
		case *Answer:
			answers[op.OpID] = body.Detail
		}
	}
	n := 0
	for id, a := range answers {
		if q, ok := questions[id]; ok {
			n++
			if err := CheckAnswer(q, a); err != nil {
				t.Errorf("%T: %v", a, err)
			}
		}
	}
	if n < 10 {
		t.Fatalf("only %d pairs of question and answer", n)
	}
}
