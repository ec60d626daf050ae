package sim

import (
	"context"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/envelope"
	"github.com/voile-net/voile/core/wire"
)

// asker is a stranger that asks one node about records.
type asker struct {
	t    *testing.T
	ctx  context.Context
	p    *Peer
	id   *envelope.Identity
	pair crypto.KeyPair
	to   *Node
	next uint64
}

// ask asks and waits three seconds; nil: no answer.
func (a *asker) ask(q wire.QuestionDetail) wire.AnswerDetail {
	a.t.Helper()
	a.next++
	number := a.next
	op := &wire.Operation{OpID: number, Body: &wire.Question{Detail: q}}
	body, err := PackSigned(op, a.p.Crypto.Best(), a.pair, crypto.PublicKeyOf(a.to.ID()))
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.p.Send(a.ctx, a.id, a.to.ID(), 1, wire.TCP, body); err != nil {
		a.t.Fatal(err)
	}
	short, done := context.WithTimeout(a.ctx, 3*time.Second)
	defer done()
	got, err := a.p.Wait(short, a.id, func(op *wire.Operation) bool {
		_, ok := op.Body.(*wire.Answer)
		return ok && op.OpID == number
	})
	if err != nil {
		return nil
	}
	return got.Operation.Body.(*wire.Answer).Detail
}

// A stranger's bad questions on records are refused as the protocol says, what it
// piles up stays within limits, and others are served all the same (spec 06 §7).
func TestBadRecordQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := New(13)
		defer net.Memory.Close()
		nodes := start(t, net, 7, nil)
		defer func() { closeAll(t, nodes) }()
		if t.Failed() {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p, err := net.NewPeer(50)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		id, pair, err := p.Identity()
		if err != nil {
			t.Fatal(err)
		}
		a := &asker{t: t, ctx: ctx, p: p, id: id, pair: pair, to: nodes[0], next: 100}
		sys := p.Crypto.Best()
		owner, err := sys.GenerateKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		d, err := dht.NewDescriptor(sys, owner, dht.DFLT(2))
		if err != nil {
			t.Fatal(err)
		}
		value := func(writer crypto.KeyPair, subkey, seq uint32, size int) *wire.SignedValueData {
			t.Helper()
			v, err := dht.SignValue(sys, writer, owner.Public, subkey, wire.ValueData{Seq: seq, Data: make([]byte, size), Writer: writer.Public})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		set := func(subkey uint32, v *wire.SignedValueData) *wire.SetValueQ {
			return &wire.SetValueQ{Key: d.Key, Subkey: subkey, Value: v, Descriptor: d.Signed}
		}
		other, err := sys.GenerateKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		forged := *value(owner, 0, 5, 10)
		forged.Signature = value(owner, 1, 5, 10).Signature
		for _, tt := range []struct {
			name string
			q    *wire.SetValueQ
		}{
			{"signature of another subkey", set(0, &forged)},
			{"writer who may not", set(0, value(other, 0, 5, 10))},
			{"subkey outside the schema", set(2, value(owner, 2, 5, 10))},
		} {
			if got := a.ask(tt.q); got != nil {
				t.Errorf("%s: answered with %+v", tt.name, got)
			}
		}
		if text := info(t, ctx, nodes[0], d.Key); !strings.Contains(text, "Remote Info:\nNot found") {
			t.Errorf("something was stored: %s", text)
		}
		if got, ok := a.ask(set(0, value(owner, 0, 5, 10))).(*wire.SetValueA); !ok || !got.Accepted || got.Value != nil {
			t.Fatalf("a good value: %+v", got)
		}
		// A number that goes back is answered with the newer value and changes nothing.
		if got, ok := a.ask(set(0, value(owner, 0, 4, 10))).(*wire.SetValueA); !ok || got.Value == nil || got.Value.Value.Seq != 5 {
			t.Errorf("number going back: %+v", got)
		}
		if text := info(t, ctx, nodes[0], d.Key); !strings.Contains(text, "subkey_seqs: [5,-]") {
			t.Errorf("after good and bad values: %s", text)
		}
		command := &wire.TransactCommandQ{Key: d.Key, TransactionID: 77, Command: wire.TransactGet, Subkey: 0}
		if got, ok := a.ask(command).(*wire.TransactCommandA); ok && got.Valid {
			t.Errorf("transaction that never was: %+v", got)
		}
		many := 300
		if os.Getenv("VOILE_SOAK") != "" {
			many = 10_000
		}
		// Watches, each under a new identity: there is room for 32 on one record.
		watches := 0
		for range many {
			if a.id, a.pair, err = p.Identity(); err != nil {
				t.Fatal(err)
			}
			if got, ok := a.ask(&wire.WatchValueQ{Key: d.Key, Subkeys: []wire.SubkeyRange{{Start: 0, End: 1}}, Count: 1}).(*wire.WatchValueA); ok && got.WatchID != 0 {
				watches++
			}
		}
		if watches != 32 {
			t.Errorf("%d watches of strangers on one record, want 32", watches)
		}
		// Records: there is room for 128.
		for range many {
			if owner, err = sys.GenerateKeyPair(); err != nil {
				t.Fatal(err)
			}
			if d, err = dht.NewDescriptor(sys, owner, dht.DFLT(1)); err != nil {
				t.Fatal(err)
			}
			a.ask(set(0, value(owner, 0, 0, 100)))
		}
		list, err := nodes[0].Debug(ctx, "record list remote")
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`Record Count: (\d+)`).FindStringSubmatch(list)
		if m == nil {
			t.Fatalf("no count in %s", list)
		}
		if n, _ := strconv.Atoi(m[1]); n < 100 || n > 128 {
			t.Errorf("%d records are stored, want about 128 at most", n)
		}
		punished, err := nodes[0].Debug(ctx, "punish list")
		if err != nil || strings.Contains(punished, id.NodeID().String()) {
			t.Errorf("the stranger was punished for questions that only get no answer: %s %v", punished, err)
		}
		// Others are served.
		app, reader := nodes[1].Context(), nodes[2].Context()
		record, err := app.CreateRecord(ctx, crypto.BestKind, core.DFLT(1), nil)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := app.SetValue(ctx, record.Key, 0, []byte("all the same"), core.SetOptions{NoOffline: true}); err != nil || v != nil {
			t.Fatalf("set: %v %v", v, err)
		}
		if _, err := reader.OpenRecord(ctx, record.Key, nil, core.OpenOptions{}); err != nil {
			t.Fatal(err)
		}
		if v, err := reader.GetValue(ctx, record.Key, 0, true); err != nil || v == nil || string(v.Data) != "all the same" {
			t.Errorf("get: %v %v", v, err)
		}
	})
}

func info(t *testing.T, ctx context.Context, n *Node, key crypto.OpaqueRecordKey) string {
	t.Helper()
	text, err := n.Debug(ctx, "record info "+key.String())
	if err != nil {
		t.Fatal(err)
	}
	return text
}
