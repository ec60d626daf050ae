package dht

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Spec 06 §7.1 steps 4 to 7: the decision, and the peers of the answer.
func TestAcceptance(t *testing.T) {
	for _, c := range []struct {
		closer   int
		maxPeers uint32
		accepted bool
		peers    int
	}{
		{0, 20, true, 0}, {9, 20, true, 9}, {10, 20, false, 10}, {20, 20, false, 20}, {25, 20, false, 20},
		{25, 0xFFFFFFFF, false, 20}, {9, 5, true, 5}, {15, 5, false, 5}, {15, 0, false, 0}, {3, 0, true, 0},
	} {
		t.Run(fmt.Sprintf("%d nearer, %d wanted", c.closer, c.maxPeers), func(t *testing.T) {
			w := newWorld(t, nil)
			a := w.author(DFLT(2))
			w.mustSet(a, 0, 3, "there", way(0))
			w.nearby.peers = somePeers(c.closer)
			signer := w.signer()

			get := ask[*wire.GetValueA](w, &wire.GetValueQ{Key: a.d.Key, WantDescriptor: true, MaxPeers: c.maxPeers}, nil, way(1))
			set := ask[*wire.SetValueA](w, &wire.SetValueQ{Key: a.d.Key, Value: a.value(0, 2, "old"), MaxPeers: c.maxPeers}, nil, way(1))
			inspect := ask[*wire.InspectValueA](w, &wire.InspectValueQ{Key: a.d.Key, WantDescriptor: true, MaxPeers: c.maxPeers}, nil, way(1))
			watch := ask[*wire.WatchValueA](w, &wire.WatchValueQ{Key: a.d.Key, Subkeys: AllSubkeys(), Count: 1, MaxPeers: c.maxPeers}, signer, way(1))
			begin := ask[*wire.TransactBeginA](w, &wire.TransactBeginQ{Key: a.d.Key, WantDescriptor: true, MaxPeers: c.maxPeers}, signer, way(1))
			for name, got := range map[string]struct {
				accepted bool
				peers    []*wire.PeerInfo
				more     bool // anything but acceptance and peers
			}{
				"get":     {get.Accepted, get.Peers, get.Value != nil && get.Descriptor != nil},
				"set":     {set.Accepted, set.Peers, set.Value != nil},
				"inspect": {inspect.Accepted, inspect.Peers, inspect.Seqs != nil && inspect.Descriptor != nil},
				"watch":   {watch.Accepted, watch.Peers, watch.Duration != 0 && watch.WatchID != 0},
				"begin":   {begin.Accepted, begin.Peers, begin.TransactionID != 0 && begin.Seqs != nil && begin.Descriptor != nil && begin.Duration != 0},
			} {
				if got.accepted != c.accepted || got.more != c.accepted {
					t.Errorf("%s: accepted %v, with the rest %v", name, got.accepted, got.more)
				}
				if !slices.Equal(got.peers, w.nearby.peers[:c.peers]) {
					t.Errorf("%s: %d peers, want the nearest %d", name, len(got.peers), c.peers)
				}
			}
			// What is refused has nothing in it, but for the id of a watch.
			if !c.accepted {
				again := ask[*wire.WatchValueA](w, &wire.WatchValueQ{Key: a.d.Key, WatchID: 77, Count: 1, MaxPeers: 20}, signer, way(1))
				if again.WatchID != 77 || again.Duration != 0 {
					t.Errorf("refused watch: %+v", again)
				}
				if st := w.Stats(); st.Watches+st.Transactions != 0 {
					t.Errorf("kept: %+v", st)
				}
			}
		})
	}
}

// What gets no answer, whoever asks (spec 06 §7.1 steps 3 and 4, §7.3).
func TestNoAnswer(t *testing.T) {
	w := newWorld(t, nil)
	a, b := w.author(DFLT(2)), w.author(DFLT(3))
	w.mustSet(a, 0, 3, "there", way(0))
	none := crypto.OpaqueRecordKey{Kind: crypto.KindNONE}
	signer := w.signer()
	for _, c := range []struct {
		name    string
		q       wire.QuestionDetail
		signer  *crypto.PublicKey
		foreign bool
		want    error
		kind    wire.Kind
	}{
		{"get of a foreign kind", &wire.GetValueQ{Key: none}, nil, true, ErrForeignKind, wire.Local},
		{"inspect of a foreign kind", &wire.InspectValueQ{Key: none}, nil, true, ErrForeignKind, wire.Local},
		{"watch of a foreign kind", &wire.WatchValueQ{Key: none, Count: 1}, signer, true, ErrForeignKind, wire.Local},
		{"set of a kind that is not enabled", &wire.SetValueQ{Key: none, Value: a.value(0, 0, "x")}, nil, false, crypto.ErrUnsupported, wire.Local},
		{"begin of a kind that is not enabled", &wire.TransactBeginQ{Key: none}, signer, false, crypto.ErrUnsupported, wire.Local},
		{"get beyond the schema", &wire.GetValueQ{Key: a.d.Key, Subkey: 2}, nil, false, ErrRange, wire.Local},
		{"set beyond the schema", &wire.SetValueQ{Key: a.d.Key, Subkey: 2, Value: a.value(2, 0, "x")}, nil, false, ErrRange, wire.Local},
		{"watch without signer", &wire.WatchValueQ{Key: a.d.Key, Count: 1}, nil, false, ErrUnsigned, wire.Local},
		{"begin without signer", &wire.TransactBeginQ{Key: a.d.Key}, nil, false, ErrUnsigned, wire.Local},
		{"cancel of no watch", &wire.WatchValueQ{Key: a.d.Key}, signer, false, nil, wire.Ignore},
		{"begin with another record's descriptor", &wire.TransactBeginQ{Key: a.d.Key, Descriptor: b.d.Signed}, signer, false, nil, wire.Protocol},
		{"begin with a bad descriptor though unsigned", &wire.TransactBeginQ{Key: a.d.Key, Descriptor: b.d.Signed}, nil, false, nil, wire.Protocol},
		{"a question of another service", &wire.StatusQ{}, nil, false, rpc.ErrUnavailable, wire.Local},
		{"an unknown command", &wire.TransactCommandQ{Key: a.d.Key, TransactionID: 1, Command: 9}, nil, false, nil, wire.Ignore},
	} {
		w.nearby.foreign = c.foreign
		_, err := w.try(c.q, c.signer, way(1))
		if err == nil || c.want != nil && !errors.Is(err, c.want) || wire.KindOf(err) != c.kind {
			t.Errorf("%s: %v (%v)", c.name, err, wire.KindOf(err))
		}
	}
}

// Spec 06 §9.2.
func TestGetValue(t *testing.T) {
	w := newWorld(t, nil)
	a := w.author(DFLT(2))
	if got := w.get(a, 9); !got.Accepted || got.Value != nil || got.Descriptor != nil {
		t.Errorf("no record: %+v", got)
	}
	w.mustSet(a, 0, 3, "there", way(0))
	if got := w.get(a, 0); text(got.Value) != "there" || got.Descriptor == nil || !a.d.Same(got.Descriptor) || got.Descriptor.Signature != a.d.Signed.Signature {
		t.Errorf("%+v", got)
	}
	if got := w.get(a, 1); got.Value != nil || got.Descriptor == nil {
		t.Errorf("never written: %+v", got)
	}
	got := ask[*wire.GetValueA](w, &wire.GetValueQ{Key: a.d.Key}, nil, way(0))
	if got.Value == nil || got.Descriptor != nil {
		t.Errorf("descriptor not wanted: %+v", got)
	}
	w.tables.setFail(errors.New("disk"))
	w.store.cache.Clear()
	w.store.pending = newBatch()
	if _, err := w.try(&wire.GetValueQ{Key: a.d.Key}, nil, way(0)); err == nil {
		t.Error("an answer though the disk fails")
	}
}

// Spec 06 §10.5 and 03 §6.5, row by row. The record holds subkey 0 at seq 5.
func TestSetValue(t *testing.T) {
	type question struct {
		subkey     uint32
		value      func(w *world, a *author) *wire.SignedValueData
		descriptor func(a, b *author) *wire.SignedValueDescriptor
	}
	own := func(a, _ *author) *wire.SignedValueDescriptor { return a.d.Signed }
	spoil := func(v *wire.SignedValueData) *wire.SignedValueData {
		bad := *v
		bad.Signature.Value[0] ^= 1
		return &bad
	}
	val := func(subkey, seq uint32, body string) func(*world, *author) *wire.SignedValueData {
		return func(_ *world, a *author) *wire.SignedValueData { return a.value(subkey, seq, body) }
	}
	for _, c := range []struct {
		name     string
		unstored bool // there is no record
		q        question
		err      error
		need     bool
		returned string
		stored   string // of the subkey afterwards
	}{
		{name: "older", q: question{0, val(0, 4, "x"), nil}, returned: "held", stored: "held"},
		{name: "older and badly signed", q: question{0, func(_ *world, a *author) *wire.SignedValueData { return spoil(a.value(0, 4, "x")) }, nil}, returned: "held", stored: "held"},
		{name: "older with another descriptor", q: question{0, val(0, 4, "x"), func(_, b *author) *wire.SignedValueDescriptor { return b.d.Signed }}, returned: "held", stored: "held"},
		{name: "same", q: question{0, val(0, 5, "held"), nil}, returned: "none", stored: "held"},
		{name: "same with a bad signature", q: question{0, func(_ *world, a *author) *wire.SignedValueData { return spoil(a.value(0, 5, "held")) }, nil}, returned: "none", stored: "held"},
		{name: "same number, another value", q: question{0, val(0, 5, "other"), nil}, returned: "held", stored: "held"},
		{name: "newer", q: question{0, val(0, 6, "new"), nil}, returned: "none", stored: "new"},
		{name: "newer with the descriptor", q: question{0, val(0, 6, "new"), own}, returned: "none", stored: "new"},
		{name: "newest", q: question{0, val(0, MaxSeq, "new"), own}, returned: "none", stored: "new"},
		{name: "newer with the descriptor and a bad signature of it", q: question{0, val(0, 6, "new"), func(a, _ *author) *wire.SignedValueDescriptor {
			d := *a.d.Signed
			d.Signature.Value[1] ^= 1 // the same: signatures are not compared
			return &d
		}}, returned: "none", stored: "new"},
		{name: "newer with another descriptor", q: question{0, val(0, 6, "new"), func(_, b *author) *wire.SignedValueDescriptor { return b.d.Signed }}, err: ErrOtherDescriptor, stored: "held"},
		{name: "newer and badly signed", q: question{0, func(_ *world, a *author) *wire.SignedValueData { return spoil(a.value(0, 6, "new")) }, own}, err: ErrSignature, stored: "held"},
		{name: "newer by a stranger", q: question{0, func(w *world, a *author) *wire.SignedValueData { return a.valueBy(newPair(w.t, w.sys), 0, 6, "new") }, own}, err: ErrWriter, stored: "held"},
		{name: "newer and too big", q: question{1, val(1, 0, long(32768)), own}, err: ErrTooBig, stored: "none"},
		{name: "signed for another subkey", q: question{1, val(0, 0, "x"), own}, err: ErrSignature, stored: "none"},
		{name: "another subkey", q: question{1, val(1, 0, "first"), nil}, returned: "none", stored: "first"},
		{name: "no record and no descriptor", unstored: true, q: question{0, val(0, 0, "x"), nil}, need: true, returned: "none"},
		{name: "no record, badly signed, no descriptor", unstored: true, q: question{0, func(_ *world, a *author) *wire.SignedValueData { return spoil(a.value(0, 0, "x")) }, nil}, need: true, returned: "none"},
		{name: "no record", unstored: true, q: question{0, val(0, 0, "x"), own}, returned: "none", stored: "x"},
		{name: "no record, another's descriptor", unstored: true, q: question{0, val(0, 0, "x"), func(_, b *author) *wire.SignedValueDescriptor { return b.d.Signed }}, err: ErrKey},
		{name: "no record, bad descriptor", unstored: true, q: question{0, val(0, 0, "x"), func(a, _ *author) *wire.SignedValueDescriptor {
			d := *a.d.Signed
			d.Signature.Value[1] ^= 1
			return &d
		}}, err: ErrSignature},
		{name: "no record, badly signed", unstored: true, q: question{0, func(_ *world, a *author) *wire.SignedValueData { return spoil(a.value(0, 0, "x")) }, own}, err: ErrSignature},
		{name: "no record, beyond the schema", unstored: true, q: question{40, val(40, 0, "x"), own}, err: ErrRange},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil)
			a, b := w.author(DFLT(40)), w.author(DFLT(2))
			if !c.unstored {
				w.mustSet(a, 0, 5, "held", way(0))
			}
			before := w.store.Stats()
			q := &wire.SetValueQ{Key: a.d.Key, Subkey: c.q.subkey, Value: c.q.value(w, a)}
			if c.q.descriptor != nil {
				q.Descriptor = c.q.descriptor(a, b)
			}
			got, err := w.try(q, nil, way(1))
			if !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if err == nil {
				got := got.(*wire.SetValueA)
				if !got.Accepted || got.NeedDescriptor != c.need || text(got.Value) != c.returned {
					t.Errorf("accepted %v, needs %v, value %s; want %v and %s", got.Accepted, got.NeedDescriptor, text(got.Value), c.need, c.returned)
				}
			}
			if (err != nil || c.need || c.returned != "none" || c.stored == "held") && w.store.Stats() != before {
				t.Errorf("something was stored: %+v, before %+v", w.store.Stats(), before)
			}
			if v, err := w.store.Get(t.Context(), a.d.Key, c.q.subkey); c.stored != "" && (err != nil || text(v) != c.stored) {
				t.Errorf("the store has %s, %v; want %s", text(v), err, c.stored)
			}
		})
	}
}

func TestSetValueWhenFull(t *testing.T) {
	w := newWorld(t, func(_ *ServerConfig, c *StoreConfig) { c.MaxBytes = 1000 })
	a := w.author(DFLT(1))
	_, err := w.try(&wire.SetValueQ{Key: a.d.Key, Value: a.value(0, 0, long(2000)), Descriptor: a.d.Signed}, nil, way(0))
	if !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
}

// Spec 06 §11.1.
func TestInspectValue(t *testing.T) {
	w := newWorld(t, nil)
	a := w.author(DFLT(4))
	w.mustSet(a, 1, 5, "one", way(0))
	w.mustSet(a, 3, 0, "three", way(0))
	const none = wire.SeqNone
	full := w.author(DFLT(1024))
	w.mustSet(full, 1023, 1, "last", way(0))
	for _, c := range []struct {
		name   string
		key    crypto.OpaqueRecordKey
		ranges []wire.SubkeyRange
		want   []uint32
	}{
		{"all", a.d.Key, nil, []uint32{none, 5, none, 0}},
		{"all, said so", a.d.Key, AllSubkeys(), []uint32{none, 5, none, 0}},
		{"some", a.d.Key, []wire.SubkeyRange{{Start: 0, End: 1}, {Start: 3, End: 3}}, []uint32{none, 5, 0}},
		{"beyond the schema too", a.d.Key, []wire.SubkeyRange{{Start: 3, End: 900}}, []uint32{0}},
		{"beyond the schema", a.d.Key, []wire.SubkeyRange{{Start: 4, End: 900}}, nil},
		{"no record", w.author(DFLT(1)).d.Key, nil, nil},
		{"largest", full.d.Key, nil, append(slices.Repeat([]uint32{none}, 1023), 1)},
	} {
		got := ask[*wire.InspectValueA](w, &wire.InspectValueQ{Key: c.key, Subkeys: c.ranges, WantDescriptor: true, MaxPeers: 20}, nil, way(0))
		if !got.Accepted || !slices.Equal(got.Seqs, c.want) || (got.Descriptor != nil) != (c.want != nil) {
			t.Errorf("%s: %+v", c.name, got)
		}
		got = ask[*wire.InspectValueA](w, &wire.InspectValueQ{Key: c.key, Subkeys: c.ranges}, nil, way(0))
		if got.Descriptor != nil {
			t.Errorf("%s: a descriptor that nobody wants", c.name)
		}
	}
}

// Many writers of one subkey: the newest value wins, and every answer is true.
func TestSetValueConcurrent(t *testing.T) {
	w := newWorld(t, nil)
	a := w.author(DFLT(1))
	const writers, each = 8, 30
	values := make([]*wire.SignedValueData, writers*each)
	for i := range values {
		values[i] = a.value(0, uint32(i), fmt.Sprint(i))
	}
	ctx := t.Context()
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			for i := n; i < len(values); i += writers {
				got, err := w.Answer(ctx, rpc.RecordQuestion{
					Detail: &wire.SetValueQ{Key: a.d.Key, Value: values[i], Descriptor: a.d.Signed}, Back: way(n),
				})
				if err != nil {
					t.Error(err)
					return
				}
				if v := got.(*wire.SetValueA).Value; v != nil && !NewerSeq(v.Value.Seq, uint32(i)) {
					t.Errorf("offered %d, returned %d", i, v.Value.Seq)
				}
			}
		})
	}
	wg.Wait()
	if got := w.get(a, 0); text(got.Value) != fmt.Sprint(len(values)-1) {
		t.Errorf("holds %s", text(got.Value))
	}
}

type someWatcher struct {
	got      *wire.ValueChanged
	reporter crypto.NodeID
}

func (s *someWatcher) ValueChanged(_ context.Context, c *wire.ValueChanged, reporter crypto.NodeID) error {
	s.got, s.reporter = c, reporter
	return nil
}

func TestValueChangedGoesToTheWatcher(t *testing.T) {
	c := &wire.ValueChanged{WatchID: 9}
	if err := newWorld(t, nil).ValueChanged(t.Context(), c, crypto.NodeID{}); !errors.Is(err, rpc.ErrUnavailable) {
		t.Errorf("without watcher: %v", err)
	}
	to := new(someWatcher)
	w := newWorld(t, func(c *ServerConfig, _ *StoreConfig) { c.Watcher = to })
	id := crypto.NodeID{Kind: crypto.KindVLD0}
	if err := w.ValueChanged(t.Context(), c, id); err != nil || to.got != c || to.reporter != id {
		t.Errorf("%v, %+v", err, to)
	}
}

// Records of one peer push out older ones and nothing else: the store stays within
// its limits, and the watches of what is gone go too.
func TestManyRecords(t *testing.T) {
	w := newWorld(t, func(_ *ServerConfig, c *StoreConfig) { c.MaxRecords = 100 })
	first := w.author(DFLT(1))
	w.mustSet(first, 0, 0, "x", way(0))
	watch := ask[*wire.WatchValueA](w, &wire.WatchValueQ{Key: first.d.Key, Subkeys: AllSubkeys(), Count: 9}, w.signer(), way(1))
	if watch.Duration == 0 || w.Stats().Watches != 1 {
		t.Fatalf("%+v", watch)
	}
	for range 10_000 {
		a := w.author(DFLT(1))
		w.mustSet(a, 0, 0, "x", way(0))
	}
	if st := w.store.Stats(); st.Records != 100 || st.Cached > 64 {
		t.Errorf("%+v", st)
	}
	if st := w.Stats(); st != (ServerStats{}) || len(w.activity)+len(w.perTarget) != 0 {
		t.Errorf("%+v, %d activities", st, len(w.activity))
	}
	if n, err := w.Purge(t.Context(), 0); n != 100 || err != nil || len(w.tables.rows[columnHeads])+len(w.tables.rows[columnValues]) != 0 {
		t.Errorf("purged %d, %v", n, err)
	}
}

// The questions and answers of a real client and real servers, replayed: ours answers
// the same but for ids and remaining times.
func TestCapturedConversation(t *testing.T) {
	var c captured
	load(t, "dht.json", &c)
	w := newWorld(t, nil)
	var d *wire.SignedValueDescriptor
	key := c.Descriptors[0].RecordKey
	d = &wire.SignedValueDescriptor{
		Owner:      idOf[crypto.PublicKey](t, c.Descriptors[0].Descriptor.Owner.Value),
		SchemaData: unhex(t, c.Descriptors[0].Descriptor.SchemaData),
		Signature:  crypto.Signature{Kind: crypto.KindVLD0, Value: [64]byte(unhex(t, c.Descriptors[0].Descriptor.Signature.Value))},
	}
	place := idOf[crypto.OpaqueRecordKey](t, key)
	// What the record held when the transaction began: seqs 2, 0, 2, 1.
	held := map[uint32]uint32{0: 2, 1: 0, 2: 2, 3: 1}
	for _, v := range c.Values {
		if seq, ok := held[v.Subkey]; ok && v.RecordKey == key && v.Seq == seq {
			q := &wire.SetValueQ{Key: place, Subkey: v.Subkey, Value: v.decode(t), Descriptor: d, MaxPeers: 20}
			if got := ask[*wire.SetValueA](w, q, nil, way(0)); got.Value != nil || got.NeedDescriptor {
				t.Fatalf("%s: %+v", v.Name, got)
			}
			delete(held, v.Subkey)
		}
	}
	if len(held) != 0 {
		t.Fatalf("values are missing: %v", held)
	}
	ids := map[uint64]uint64{} // of the capture: ours
	answers := map[string]wire.AnswerDetail{}
	compared := 0
	for _, m := range slices.Concat(c.Transaction, c.Watch[:2], c.Watch[8:]) {
		op, err := testDecoder.DecodeOperation(unhex(t, m.OperationData))
		if err != nil {
			t.Fatalf("%s: %v", m.Op, err)
		}
		switch body := op.Body.(type) {
		case *wire.Question:
			var signer *crypto.PublicKey
			if m.Signer != "" {
				key := idOf[crypto.PublicKey](t, m.Signer)
				signer = &key
			}
			switch q := body.Detail.(type) {
			case *wire.TransactCommandQ:
				q.TransactionID = ids[q.TransactionID]
			case *wire.WatchValueQ:
				q.WatchID = ids[q.WatchID]
			}
			answers[m.OpID] = ask[wire.AnswerDetail](w, body.Detail, signer, way(2))
		case *wire.Answer:
			got := answers[m.OpID]
			switch want := body.Detail.(type) {
			case *wire.TransactBeginA:
				got := got.(*wire.TransactBeginA)
				ids[want.TransactionID] = got.TransactionID
				if got.Accepted != want.Accepted || got.NeedDescriptor != want.NeedDescriptor || got.Descriptor != nil ||
					!slices.Equal(got.Seqs, want.Seqs) || !near(got.Duration, want.Duration) {
					t.Errorf("begin: %+v, want %+v", got, want)
				}
			case *wire.TransactCommandA:
				got := got.(*wire.TransactCommandA)
				same := got.Value == nil && want.Value == nil || got.Value != nil && want.Value != nil &&
					bytes.Equal(got.Value.Blob, want.Value.Blob) && got.Value.Signature == want.Value.Signature
				if got.Valid != want.Valid || got.Subkey != want.Subkey || got.Seqs != nil || !same || !near(got.Duration, want.Duration) {
					t.Errorf("command %s: %+v, want %+v", m.OpID, got, want)
				}
			case *wire.WatchValueA:
				got := got.(*wire.WatchValueA)
				ids[want.WatchID] = got.WatchID
				if got.Accepted != want.Accepted || !near(got.Duration, want.Duration) || (got.WatchID == 0) != (want.WatchID == 0) {
					t.Errorf("watch: %+v, want %+v", got, want)
				}
			default:
				continue
			}
			compared++
		}
	}
	if compared < 12 {
		t.Errorf("compared only %d answers", compared)
	}
	if st := w.Stats(); st != (ServerStats{}) {
		t.Errorf("left over: %+v", st)
	}
}

// near: the real server had spent some microseconds before it answered.
func near(got, want crypto.TimestampDuration) bool { return got >= want && got-want < 1000 }
