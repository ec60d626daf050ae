package bind

import (
	"bytes"
	"errors"
	"reflect"

	"github.com/voile-net/voile/core/crypto"
)

// keyText is a key in a request. Its form was right, or the request would not
// have been read; its length may be wrong, which is an error of the operation
// (spec 07 §1, "Reading key texts").
type keyText[T any] struct {
	value  T
	kind   crypto.Kind
	text   string // shown in errors of public values only
	length *crypto.LengthError
}

// get is the value, or the error of an operation that takes no other length.
func (k keyText[T]) get() (T, error) {
	if k.length != nil {
		return k.value, generic(k.length.Error())
	}
	return k.value, nil
}

// textValue is a typed value of core/crypto.
type textValue[T any] interface {
	*T
	UnmarshalText(text []byte) error
}

// key reads a text of one part.
func key[T any, P textValue[T]]() reader[keyText[T]] {
	return reader[keyText[T]]{func(_ *params, raw []byte) (keyText[T], error) { return readKey[T, P](raw, 1, 1) }, reflect.TypeFor[T]}
}

// pair reads a text of two parts, secret ones.
func pair() reader[keyText[crypto.KeyPair]] { return as[crypto.KeyPair](readPair) }

func readPair(raw []byte) (keyText[crypto.KeyPair], error) {
	return readKey[crypto.KeyPair](raw, 2, 2)
}

// recordKey reads a text of one part or two. The API has its own names for the
// parts.
func recordKey() reader[keyText[crypto.RecordKey]] { return as[crypto.RecordKey](readRecordKey) }

func readRecordKey(raw []byte) (keyText[crypto.RecordKey], error) {
	k, err := readKey[crypto.RecordKey](raw, 1, 2)
	if k.length != nil {
		length := *k.length
		if length.What == "shared secret" {
			length.What = "encryption key"
		} else {
			length.What = "record key"
		}
		k.length = &length
	}
	return k, err
}

func readKey[T any, P textValue[T]](raw []byte, least, most int) (k keyText[T], err error) {
	b, err := plain(raw)
	if err != nil {
		return k, err
	}
	k.kind, k.text = crypto.BestKind, string(b)
	if len(b) > 5 && b[4] == ':' {
		k.kind, b = crypto.KindOf([4]byte(b[:4])), b[5:]
	}
	err = P(&k.value).UnmarshalText([]byte(k.text))
	if !errors.As(err, &k.length) {
		return k, err
	}
	// The length of the first part that is wrong says nothing of the form of the
	// others.
	parts := bytes.Split(b, []byte{':'})
	if len(parts) < least || len(parts) > most {
		return k, crypto.ErrFormat
	}
	for _, part := range parts {
		if _, err := crypto.DecodeBase64(string(part)); err != nil {
			return k, err
		}
	}
	return k, nil
}

// nonce reads a nonce, which has no kind.
func nonce() reader[keyText[crypto.Nonce]] { return as[crypto.Nonce](readNonce) }

func readNonce(raw []byte) (k keyText[crypto.Nonce], err error) {
	b, err := readBase64(raw)
	if err != nil {
		return k, err
	}
	k.value, err = crypto.NonceFromBytes(b)
	errors.As(err, &k.length)
	return k, nil
}

// routeID is the value of a route id, whose errors have their own form (spec 07
// §2.2).
func routeID(k keyText[crypto.RouteID]) (crypto.RouteID, error) {
	if k.length == nil {
		return k.value, nil
	}
	context := "invalid route id length"
	if k.kind != crypto.BestKind {
		context = "unsupported crypto kind"
	}
	return k.value, invalidArgument(context, "route_id", k.text)
}

// values are those of a list of keys.
func values[T any](list []keyText[T]) ([]T, error) {
	all := make([]T, len(list))
	for i, k := range list {
		var err error
		if all[i], err = k.get(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
