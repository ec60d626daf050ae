package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/internal/loopback"
)

// startNode starts a node, detached.
func startNode(t testing.TB, name, record string) (*core.Node, int) {
	t.Helper()
	port := loopback.FreePort(t)
	node, err := core.Start(t.Context(), loopback.Config(name, port, record), core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { node.Close() })
	return node, port
}

// serve serves a node and gives an address.
func serve(t testing.TB, node *core.Node, network string) string {
	t.Helper()
	where := "127.0.0.1:0"
	if network == "unix" {
		where = filepath.Join(t.TempDir(), "api")
	}
	l, err := net.Listen(network, where)
	if err != nil {
		t.Fatal(err)
	}
	server := bind.NewServer(bind.New(node, bind.Options{}), bind.ServerOptions{})
	var done sync.WaitGroup
	done.Go(func() { server.Serve(l) })
	t.Cleanup(func() { server.Close(); done.Wait() })
	if network == "unix" {
		return "unix:" + where
	}
	return l.Addr().String()
}

func dial(t testing.TB, address string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), address, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestDetachedNode(t *testing.T) {
	node, _ := startNode(t, "detached", "")
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { testDetached(t, node, dial(t, serve(t, node, network))) })
	}
}

func testDetached(t *testing.T, node *core.Node, c *client.Client) {
	ctx := t.Context()
	version, err := c.VeilidVersion(ctx)
	if want := (client.Version{Minor: 5, Patch: 8}); err != nil || version != want {
		t.Errorf("version %v, %v", version, err)
	}
	if text, err := c.VeilidVersionString(ctx); text != "0.5.8" || err != nil {
		t.Errorf("version %q, %v", text, err)
	}
	state, err := c.GetState(ctx)
	check(t, err)
	if state.Attachment.State != jsonapi.Detached || state.Attachment.AttachedUptime != nil || state.Config.Config.ProgramName != "detached" {
		t.Errorf("state %+v", state.Attachment)
	}
	defaults, err := c.DefaultVeilidConfig(ctx)
	if err != nil || defaults.Network.MaxConnections != config.Default().Network.MaxConnections {
		t.Errorf("default configuration %+v, %v", defaults.Network, err)
	}
	if kinds, err := c.ValidCryptoKinds(ctx); err != nil || !slices.Equal(kinds, []crypto.Kind{crypto.KindVLD0}) {
		t.Errorf("kinds %v, %v", kinds, err)
	}
	now, err := c.Now(ctx)
	if d := time.Since(now); err != nil || d < -time.Minute || d > time.Minute {
		t.Errorf("now is %v, %v", now, err)
	}
	if _, err := c.NewPrivateRoute(ctx); !errors.Is(err, jsonapi.TryAgain) {
		t.Errorf("a route of a detached node: %v", err)
	}
	if _, err := c.WaitForAttachmentCondition(ctx, nil, time.Millisecond); !errors.Is(err, jsonapi.Timeout) {
		t.Errorf("waiting for attachment: %v", err)
	}
	var e *client.Error
	if _, err := c.GetCryptoSystem(ctx, crypto.KindNONE); !errors.As(err, &e) ||
		*e != (client.Error{Kind: jsonapi.InvalidArgument, Context: "unsupported cryptosystem", Argument: "kind", Value: "NONE"}) {
		t.Errorf("an unknown cryptosystem: %v", err)
	}
	if text, err := c.Debug(ctx, "nodeid"); err != nil || !bytes.Contains([]byte(text), []byte(node.ID().String())) {
		t.Errorf("nodeid: %q, %v", text, err)
	}
	testCrypto(t, c)
	testTables(t, c)
	testLocalRecords(t, c)
	testSecrets(t, c)
}

func testCrypto(t *testing.T, c *client.Client) {
	ctx := t.Context()
	s, err := c.GetCryptoSystem(ctx, crypto.KindVLD0)
	check(t, err)
	defer s.Release(ctx)
	pair, err := s.GenerateKeyPair(ctx)
	check(t, err)
	other, err := c.GenerateKeyPair(ctx, crypto.KindVLD0)
	check(t, err)
	secret, otherSecret := client.SecretKey{SecretKey: pair.Secret}, client.SecretKey{SecretKey: other.Secret}
	signature, err := s.Sign(ctx, pair.Public, secret, []byte("abc"))
	check(t, err)
	if ok, err := s.Verify(ctx, pair.Public, []byte("abc"), signature); !ok || err != nil {
		t.Errorf("verify: %v, %v", ok, err)
	}
	if ok, err := s.Verify(ctx, pair.Public, []byte("abd"), signature); ok || err != nil {
		t.Errorf("verify of other data: %v, %v", ok, err)
	}
	if keys, ok, err := c.VerifySignatures(ctx, []crypto.PublicKey{pair.Public}, []byte("abd"), []crypto.Signature{signature}); ok || err != nil {
		t.Errorf("verify of other data: %v, %v, %v", keys, ok, err)
	}
	signatures, err := c.GenerateSignatures(ctx, []byte("abc"), []client.KeyPair{pair})
	check(t, err)
	if keys, ok, err := c.VerifySignatures(ctx, []crypto.PublicKey{pair.Public}, []byte("abc"), signatures); !ok || err != nil || !slices.Equal(keys, []crypto.PublicKey{pair.Public}) {
		t.Errorf("verify of several: %v, %v, %v", keys, ok, err)
	}
	a, err := s.ComputeDH(ctx, pair.Public, otherSecret)
	check(t, err)
	b, err := s.CachedDH(ctx, other.Public, secret)
	check(t, err)
	if !a.Equal(b.SharedSecret) {
		t.Error("the two sides of a key exchange differ")
	}
	nonce, err := s.RandomNonce(ctx)
	check(t, err)
	sealed, err := s.EncryptAEAD(ctx, []byte("body"), nonce, a, []byte("ad"))
	check(t, err)
	if opened, err := s.DecryptAEAD(ctx, sealed, nonce, a, []byte("ad")); string(opened) != "body" || err != nil {
		t.Errorf("decrypted %q, %v", opened, err)
	}
	if _, err := s.DecryptAEAD(ctx, sealed, nonce, a, nil); !errors.Is(err, jsonapi.Generic) {
		t.Errorf("decrypted with other data beside: %v", err)
	}
	kem, err := s.GenerateKEMKeyPair(ctx)
	check(t, err)
	sealed, err = s.HPKESeal(ctx, kem.Encapsulation, nil, []byte("body"))
	check(t, err)
	if opened, err := s.HPKEOpen(ctx, client.DecapsulationKey{DecapsulationKey: kem.Decapsulation}, nil, sealed); string(opened) != "body" || err != nil {
		t.Errorf("opened %q, %v", opened, err)
	}
	if n, err := s.NonceLength(ctx); n != crypto.NonceSize || err != nil {
		t.Errorf("nonce length %d, %v", n, err)
	}
	hash, err := s.HashPassword(ctx, []byte("pw"), []byte("saltsalt"))
	check(t, err)
	if ok, err := s.VerifyPassword(ctx, []byte("pw"), hash); !ok || err != nil {
		t.Errorf("password: %v, %v", ok, err)
	}
}

func testTables(t *testing.T, c *client.Client) {
	ctx := t.Context()
	table, err := c.OpenTable(ctx, "table", 2)
	check(t, err)
	check(t, table.Store(ctx, 1, []byte("k"), []byte("v")))
	check(t, table.Store(ctx, 1, []byte("empty"), nil))
	if v, ok, err := table.Load(ctx, 1, []byte("k")); string(v) != "v" || !ok || err != nil {
		t.Errorf("load: %q, %v, %v", v, ok, err)
	}
	if v, ok, err := table.Load(ctx, 1, []byte("empty")); len(v) != 0 || !ok || err != nil {
		t.Errorf("load of an empty value: %q, %v, %v", v, ok, err)
	}
	if v, ok, err := table.Load(ctx, 0, []byte("k")); ok || err != nil {
		t.Errorf("load of another column: %q, %v, %v", v, ok, err)
	}
	change, err := table.Transact(ctx)
	check(t, err)
	check(t, change.Store(ctx, 0, []byte("x"), []byte("y")))
	if _, ok, _ := table.Load(ctx, 0, []byte("x")); ok {
		t.Error("a change is seen before its commit")
	}
	check(t, change.Commit(ctx))
	check(t, change.Rollback(ctx))
	entries := map[string]string{}
	for e, err := range table.All(ctx, 1) {
		check(t, err)
		entries[string(e.Key)] = string(e.Value)
	}
	if want := map[string]string{"k": "v", "empty": ""}; !reflect.DeepEqual(entries, want) {
		t.Errorf("column 1 is %v, want %v", entries, want)
	}
	for _, err := range table.All(ctx, 7) {
		if !errors.Is(err, jsonapi.Generic) {
			t.Errorf("a column that is not there: %v", err)
		}
	}
	if _, err := c.DeleteTable(ctx, "table"); !errors.Is(err, jsonapi.Generic) {
		t.Errorf("delete of an open table: %v", err)
	}
	check(t, table.Release(ctx))
	if ok, err := c.DeleteTable(ctx, "table"); !ok || err != nil {
		t.Errorf("delete: %v, %v", ok, err)
	}
}

func testLocalRecords(t *testing.T, c *client.Client) {
	ctx := t.Context()
	rc, err := c.NewRoutingContext(ctx)
	check(t, err)
	defer rc.Release(ctx)
	r, err := rc.CreateDHTRecord(ctx, crypto.KindVLD0, client.DFLT(3), nil)
	check(t, err)
	if r.OwnerSecret == nil || !r.Key.Encrypted() || r.Schema.OCnt != 3 {
		t.Errorf("record %+v", r)
	}
	for i := range uint32(2) {
		newer, err := rc.SetDHTValue(ctx, r.Key, 2*i, []byte{byte(i)}, nil)
		if newer != nil || err != nil {
			t.Errorf("set: %v, %v", newer, err)
		}
	}
	var got []uint32
	for v, err := range rc.GetDHTValues(ctx, r.Key, client.Subkeys{{0, 0}, {2, 2}}, false) {
		check(t, err)
		if v.Seq != 0 || v.Writer != r.Owner || v.Data[0] != byte(v.Subkey/2) {
			t.Errorf("value %+v", v)
		}
		got = append(got, v.Subkey)
	}
	if !slices.Equal(got, []uint32{0, 2}) {
		t.Errorf("values of subkeys %v", got)
	}
	report, err := rc.InspectDHTRecord(ctx, r.Key, nil, "")
	check(t, err)
	if want := []client.SeqNum{0, jsonapi.NoSeq, 0}; !slices.Equal(report.LocalSeqs, want) {
		t.Errorf("report %+v", report)
	}
	if done, err := rc.FlushDHTRecord(ctx, r.Key, time.Millisecond); done || err != nil {
		t.Errorf("flush while detached: %v, %v", done, err)
	}
	key, err := c.GetDHTRecordKey(ctx, r.Schema, r.Owner, nil)
	if err != nil || key.Opaque != r.Key.Opaque {
		t.Errorf("key %v, %v", key, err)
	}
	if _, err := c.TransactDHTRecords(ctx, []client.RecordKey{r.Key}, nil); !errors.Is(err, jsonapi.TryAgain) {
		t.Errorf("transaction while detached: %v", err)
	}
	check(t, rc.DeleteDHTRecord(ctx, r.Key))
	if _, err := rc.GetDHTValue(ctx, r.Key, 0, false); !errors.Is(err, jsonapi.InvalidArgument) {
		t.Errorf("get of a deleted record: %v", err)
	}
}

func testSecrets(t *testing.T, c *client.Client) {
	ctx := t.Context()
	if had, err := c.SaveUserSecret(ctx, "name", []byte("secret")); had || err != nil {
		t.Errorf("save: %v, %v", had, err)
	}
	if v, ok, err := c.LoadUserSecret(ctx, "name"); string(v) != "secret" || !ok || err != nil {
		t.Errorf("load: %q, %v, %v", v, ok, err)
	}
	if list, err := c.ListUserSecrets(ctx); !slices.Equal(list, []string{"name"}) || err != nil {
		t.Errorf("list: %v, %v", list, err)
	}
	check(t, c.DeleteAllUserSecrets(ctx))
	if _, ok, err := c.LoadUserSecret(ctx, "name"); ok || err != nil {
		t.Errorf("load after delete: %v, %v", ok, err)
	}
}

// A small private network: messages, calls, records, watches and transactions, all
// through the API.
func TestAttachedNetwork(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	record := ""
	var clients []*client.Client
	for i := range 6 {
		node, port := startNode(t, fmt.Sprint("node", i), record)
		if i == 0 {
			record = fmt.Sprintf("0|0|%s|127.0.0.1|U%d,T%[2]d,W%[2]d/ws", node.ID(), port)
		}
		c := dial(t, serve(t, node, "tcp"))
		check(t, c.Attach(ctx))
		clients = append(clients, c)
	}
	for _, c := range clients {
		if s, err := c.WaitForAttachmentCondition(ctx, nil, 0); err != nil || !s.State.Attached() {
			t.Fatalf("not attached: %+v, %v", s, err)
		}
	}
	a, b := clients[4], clients[5]
	updates := b.Subscribe(client.SubscribeOptions{})
	defer updates.Close()

	blob, err := b.NewPrivateRoute(ctx)
	check(t, err)
	id, err := a.ImportRemotePrivateRoute(ctx, blob.Blob)
	check(t, err)
	rc, err := a.NewRoutingContext(ctx)
	check(t, err)
	check(t, rc.AppMessage(ctx, client.ToRoute(id), []byte("hello")))
	if m := wait[*client.AppMessage](ctx, t, updates); string(m.Message) != "hello" || *m.RouteID != blob.RouteID {
		t.Errorf("message %+v", m)
	}
	var answering sync.WaitGroup
	answering.Go(func() {
		q := wait[*client.AppCall](ctx, t, updates)
		if err := b.AppCallReply(ctx, q.CallID, append(q.Message, '!')); err != nil {
			t.Error(err)
		}
	})
	if answer, err := rc.AppCall(ctx, client.ToRoute(id), []byte("question")); string(answer) != "question!" || err != nil {
		t.Errorf("answer %q, %v", answer, err)
	}
	answering.Wait()

	r, err := rc.CreateDHTRecord(ctx, crypto.KindVLD0, client.DFLT(2), nil)
	check(t, err)
	_, err = rc.SetDHTValue(ctx, r.Key, 0, []byte("one"), nil)
	check(t, err)
	if done, err := rc.FlushDHTRecord(ctx, r.Key, 0); !done || err != nil {
		t.Errorf("flush: %v, %v", done, err)
	}
	other, err := b.NewRoutingContext(ctx)
	check(t, err)
	_, err = other.OpenDHTRecord(ctx, r.Key, nil, nil)
	check(t, err)
	if v, err := other.GetDHTValue(ctx, r.Key, 0, true); err != nil || v == nil || string(v.Data) != "one" {
		t.Errorf("value at the other node %+v, %v", v, err)
	}
	if on, err := other.WatchDHTValues(ctx, r.Key, client.WatchOptions{}); !on || err != nil {
		t.Errorf("watch: %v, %v", on, err)
	}
	tx, err := a.TransactDHTRecords(ctx, []client.RecordKey{r.Key}, nil)
	check(t, err)
	defer tx.Release(ctx)
	_, err = tx.Set(ctx, r.Key, 1, []byte("two"), nil)
	check(t, err)
	check(t, tx.Commit(ctx))
	v := wait[*client.ValueChange](ctx, t, updates)
	if !v.Key.Equal(r.Key.RecordKey) || !v.Subkeys.Contains(1) {
		t.Errorf("change %+v", v)
	}
	n := wait[*client.NetworkState](ctx, t, updates)
	if len(n.Peers) == 0 || !n.Started {
		t.Errorf("network %+v", n)
	}
}

// wait is the next update of the type.
func wait[T client.Update](ctx context.Context, t *testing.T, s *client.Subscription) (v T) {
	for u := range s.All(ctx) {
		if v, ok := u.(T); ok {
			return v
		}
	}
	t.Errorf("no %T came", v)
	t.FailNow()
	return v
}

// The server goes away and comes back at the same place: contexts and tables go on.
func TestServerRestart(t *testing.T) {
	node, _ := startNode(t, "restarting", "")
	path := filepath.Join(t.TempDir(), "api")
	listen := func() (stop func()) {
		l, err := net.Listen("unix", path)
		check(t, err)
		server := bind.NewServer(bind.New(node, bind.Options{}), bind.ServerOptions{})
		var done sync.WaitGroup
		done.Go(func() { server.Serve(l) })
		return func() { server.Close(); done.Wait() }
	}
	stop := listen()
	c := dial(t, "unix:"+path)
	rc, err := c.NewRoutingContext(t.Context())
	check(t, err)
	rc, err = rc.WithSafety(t.Context(), client.Safe(client.SafetySpec{HopCount: 2, Sequencing: jsonapi.EnsureOrdered}))
	check(t, err)
	want, err := rc.Safety(t.Context())
	check(t, err)
	s := c.Subscribe(client.SubscribeOptions{})
	defer s.Close()
	next[*client.Connected](t, s)
	stop()
	next[*client.Disconnected](t, s)
	if _, err := rc.Safety(t.Context()); !errors.Is(err, client.ErrDisconnected) {
		t.Errorf("without a server: %v", err)
	}
	stop = listen()
	defer stop()
	check(t, c.WaitConnected(t.Context()))
	if got, err := rc.Safety(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the context is %+v after the restart (%v), want %+v", got.Safe, err, want.Safe)
	}
}

func BenchmarkRequests(b *testing.B) {
	node, _ := startNode(b, "bench", "")
	c := dial(b, serve(b, node, "tcp"))
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Now(b.Context()); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
