//go:build js

package indexeddb

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"syscall/js"

	"github.com/hack-pad/go-indexeddb/idb"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/jsvalue"
)

// Sizes of a walk: so many keys are asked for at once, and so many values that they
// are about wantBytes.
const (
	keysAtOnce   = 256
	valuesAtOnce = 128
	firstValues  = 8
	wantBytes    = 512 << 10
)

// reader reads committed rows: it is the base of transactions. The gate of the store is entered, or its writer is
// held, as long as it is used, so that what it reads stays as it is.
type reader struct {
	store   *Store
	buckets map[platform.Bucket]struct{}
	itx     *idb.Transaction // nil: none yet; it may have ended by itself
}

// request makes a request and waits for it. A transaction that has ended in between
// is replaced.
func (r *reader) request(store string, f func(*idb.ObjectStore) (wait func(context.Context) error, err error)) (err error) {
	defer exception(&err)
	for fresh := r.itx == nil; ; fresh = true {
		if fresh {
			if r.itx, err = r.store.db.TransactionWithOptions(idb.TransactionOptions{Mode: idb.TransactionReadOnly}, rowsStore, bucketsStore); err != nil {
				return explained(err)
			}
		}
		wait, err := r.begin(store, f)
		if err == nil {
			return explained(wait(context.Background()))
		}
		if fresh || !inactive(err) && !named(err, "InvalidStateError") {
			return explained(err)
		}
	}
}

func (r *reader) begin(store string, f func(*idb.ObjectStore) (func(context.Context) error, error)) (func(context.Context) error, error) {
	o, err := r.itx.ObjectStore(store)
	if err != nil {
		return nil, err
	}
	return f(o)
}

// Has implements overlay.Base.
func (r *reader) Has(b platform.Bucket) bool {
	_, ok := r.buckets[b]
	return ok
}

// Buckets implements overlay.Base.
func (r *reader) Buckets(yield func(platform.Bucket) bool) { maps.Keys(r.buckets)(yield) }

// Get implements overlay.Base.
func (r *reader) Get(b platform.Bucket, key []byte) ([]byte, error) {
	values, err := r.values([]js.Value{jsvalue.Bytes(rowKey(b, key))})
	if err != nil {
		return nil, err
	}
	if values[0] == nil {
		return nil, fs.ErrNotExist
	}
	return values[0], nil
}

// values are those of several rows, asked for at once; nil: there is no such row.
func (r *reader) values(keys []js.Value) ([][]byte, error) {
	values := make([][]byte, len(keys))
	err := r.request(rowsStore, func(o *idb.ObjectStore) (func(context.Context) error, error) {
		requests := make([]*idb.Request, len(keys))
		for i, key := range keys {
			var err error
			if requests[i], err = o.Get(key); err != nil {
				return nil, err
			}
		}
		return func(ctx context.Context) error {
			// They are answered in order: with the last, all are.
			if _, err := requests[len(requests)-1].Await(ctx); err != nil {
				return err
			}
			for i, request := range requests {
				v, err := request.Result()
				if err != nil {
					return err
				}
				if v.IsUndefined() {
					continue
				}
				var ok bool
				if values[i], ok = jsvalue.Copy(v); !ok {
					return &platform.CorruptError{Name: r.store.name, Err: fmt.Errorf("a value that is no bytes but a %s", v.Type())}
				}
			}
			return nil
		}, nil
	})
	return values, err
}

// walk goes through the committed rows of a bucket in the order of their keys.
type walk struct {
	reader   *reader
	prefix   int // bytes of a key that are the bucket's
	from, to []byte
	open     bool // from itself was visited
	keysOnly bool
	last     bool // there are no more keys than these

	keys    []js.Value
	keyText [][]byte // of keys, without the prefix
	read    [][]byte // values of the first of keys
	atOnce  int
}

// Walk implements overlay.Base.
func (r *reader) Walk(b platform.Bucket, start []byte, keysOnly bool) func() (key, value []byte, err error) {
	prefix := bucketKey(b)
	w := &walk{
		reader: r, prefix: len(prefix), from: rowKey(b, start), to: after(prefix), keysOnly: keysOnly, atOnce: firstValues,
	}
	return w.next
}

// next is the next row; a nil key: there is none. The value is nil in a walk of keys.
func (w *walk) next() (key, value []byte, err error) {
	if len(w.keys) == 0 {
		if err := w.more(); err != nil || len(w.keys) == 0 {
			return nil, nil, err
		}
	}
	if !w.keysOnly {
		if len(w.read) == 0 {
			if err := w.load(); err != nil {
				return nil, nil, err
			}
		}
		value, w.read = w.read[0], w.read[1:]
	}
	key = w.keyText[0]
	w.keys, w.keyText = w.keys[1:], w.keyText[1:]
	return key, value, nil
}

// more asks for keys.
func (w *walk) more() error {
	if w.last {
		return nil
	}
	return w.reader.request(rowsStore, func(o *idb.ObjectStore) (func(context.Context) error, error) {
		all, err := idb.NewKeyRangeBound(jsvalue.Bytes(w.from), jsvalue.Bytes(w.to), w.open, true)
		if err != nil {
			return nil, err
		}
		request, err := o.GetAllKeysRange(all, keysAtOnce)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			keys, err := request.Await(ctx)
			if err != nil {
				return err
			}
			w.last = len(keys) < keysAtOnce
			w.keys, w.keyText = keys, make([][]byte, len(keys))
			for i, v := range keys {
				key, ok := jsvalue.Copy(v)
				if !ok || len(key) <= w.prefix {
					return &platform.CorruptError{Name: w.reader.store.name, Err: fmt.Errorf("a row with the key %x", key)}
				}
				w.from, w.open = key, true
				w.keyText[i] = key[w.prefix:]
			}
			return nil
		}, nil
	})
}

// load reads values of the next keys, as many as are about wantBytes.
func (w *walk) load() (err error) {
	n := min(w.atOnce, len(w.keys))
	if w.read, err = w.reader.values(w.keys[:n]); err != nil {
		return err
	}
	size := 0
	for i, value := range w.read {
		if value == nil { // nobody else writes
			return &platform.CorruptError{Name: w.reader.store.name, Err: fmt.Errorf("the row %x has no value", w.keyText[i])}
		}
		size += len(value)
	}
	switch {
	case size < wantBytes/2:
		w.atOnce = min(2*w.atOnce, valuesAtOnce)
	case size > wantBytes:
		w.atOnce = max(w.atOnce/2, 1)
	}
	return nil
}
