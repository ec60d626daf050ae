//go:build interop && linux && !android

package interop

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/interop/lab"
)

// The Go client and the console with real nodes, and with ours beside them.
func TestClientAndConsole(t *testing.T) {
	l := newLab(t, "console")
	nodes := append(addFull(t, l, lab.Real, 4, lab.Settings{}), addFull(t, l, lab.Voile, 2, lab.Settings{})...)
	startReady(t, readyTime, nodes...)
	for _, way := range [][2]lab.Node{{nodes[1], nodes[2]}, {nodes[1], nodes[4]}, {nodes[5], nodes[2]}} {
		t.Run("client/"+string(way[0].Kind())+" to "+string(way[1].Kind()), func(t *testing.T) {
			checkClient(t, clientOf(t, way[0]), clientOf(t, way[1]))
		})
	}
	// The program that the laboratory has built for our nodes.
	program := cmp.Or(os.Getenv("VOILE_BINARY"), filepath.Join(l.Dir(), "voile"))
	for _, n := range []lab.Node{nodes[1], nodes[4]} {
		t.Run("console/"+string(n.Kind()), func(t *testing.T) { checkConsole(t, program, n) })
	}
}

// clientOf connects to a node's API, which is reached from its host alone.
func clientOf(t *testing.T, n lab.Node) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), "", client.Options{Dial: func(ctx context.Context) (net.Conn, error) {
		return n.Host().Dial(ctx, "tcp", "127.0.0.1:5959")
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// update waits for the next update of a type.
func update[T client.Update](ctx context.Context, t *testing.T, s *client.Subscription) (v T) {
	t.Helper()
	for u := range s.All(ctx) {
		if v, ok := u.(T); ok {
			return v
		}
	}
	t.Fatalf("no %T came", v)
	return v
}

func checkClient(t *testing.T, a, b *client.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	version, err := a.VeilidVersion(ctx)
	if want := (client.Version{Minor: 5, Patch: 8}); err != nil || version != want {
		t.Errorf("version %v, %v", version, err)
	}
	state, err := a.GetState(ctx)
	must(t, "state", err)
	if !state.Attachment.State.Attached() || len(state.Network.Peers) == 0 || len(state.Network.NodeIDs) == 0 || state.Config.Config.Network.MaxConnections == 0 {
		t.Errorf("state %+v, %+v", state.Attachment, state.Network)
	}
	if _, err := a.DefaultVeilidConfig(ctx); err != nil {
		t.Errorf("default configuration: %v", err)
	}
	if s, err := a.WaitForAttachmentCondition(ctx, nil, 0); err != nil || !s.PublicInternetReady {
		t.Errorf("attached: %+v, %v", s, err)
	}
	var e *client.Error
	if _, err := a.GetCryptoSystem(ctx, crypto.KindNONE); !errors.As(err, &e) || e.Kind != jsonapi.InvalidArgument || e.Context != "unsupported cryptosystem" {
		t.Errorf("an unknown cryptosystem: %v", err)
	}

	system, err := a.GetCryptoSystem(ctx, crypto.KindVLD0)
	must(t, "cryptosystem", err)
	defer system.Release(ctx)
	pair, err := system.GenerateKeyPair(ctx)
	must(t, "key pair", err)
	signature, err := system.Sign(ctx, pair.Public, client.SecretKey{SecretKey: pair.Secret}, []byte("data"))
	must(t, "sign", err)
	if ok, err := system.Verify(ctx, pair.Public, []byte("data"), signature); !ok || err != nil {
		t.Errorf("verify: %v, %v", ok, err)
	}
	nonce, err := system.RandomNonce(ctx)
	must(t, "nonce", err)
	secret, err := system.RandomSharedSecret(ctx)
	must(t, "secret", err)
	sealed, err := system.EncryptAEAD(ctx, []byte("body"), nonce, secret, nil)
	must(t, "encrypt", err)
	if body, err := system.DecryptAEAD(ctx, sealed, nonce, secret, nil); string(body) != "body" || err != nil {
		t.Errorf("decrypt: %q, %v", body, err)
	}

	table, err := a.OpenTable(ctx, "console_test", 1)
	must(t, "table", err)
	must(t, "store", table.Store(ctx, 0, []byte("key"), []byte("value")))
	for entry, err := range table.All(ctx, 0) {
		if string(entry.Key) != "key" || string(entry.Value) != "value" || err != nil {
			t.Errorf("entry %q, %v", entry, err)
		}
	}
	must(t, "release", table.Release(ctx))
	if ok, err := a.DeleteTable(ctx, "console_test"); !ok || err != nil {
		t.Errorf("delete: %v, %v", ok, err)
	}

	updates := b.Subscribe(client.SubscribeOptions{})
	defer updates.Close()
	var blob client.RouteBlob
	again(t, ctx, "route", func() (err error) { blob, err = b.NewPrivateRoute(ctx); return err })
	to, err := a.ImportRemotePrivateRoute(ctx, blob.Blob)
	must(t, "import", err)
	rc, err := a.NewRoutingContext(ctx)
	must(t, "context", err)
	defer rc.Release(ctx)
	rc, err = rc.WithSafety(ctx, client.Safe(client.SafetySpec{HopCount: 1, Sequencing: jsonapi.EnsureOrdered}))
	must(t, "safety", err)
	again(t, ctx, "message", func() error { return rc.AppMessage(ctx, client.ToRoute(to), []byte("hello")) })
	if m := update[*client.AppMessage](ctx, t, updates); string(m.Message) != "hello" || m.RouteID == nil || *m.RouteID != blob.RouteID {
		t.Errorf("message %+v", m)
	}
	replied := make(chan error, 1)
	go func() {
		for u := range updates.All(ctx) {
			if q, ok := u.(*client.AppCall); ok {
				replied <- b.AppCallReply(ctx, q.CallID, append(q.Message, '!'))
				return
			}
		}
		replied <- ctx.Err()
	}()
	if answer, err := rc.AppCall(ctx, client.ToRoute(to), []byte("question")); string(answer) != "question!" || err != nil {
		t.Errorf("answer %q, %v", answer, err)
	}
	must(t, "reply", <-replied)

	var r client.Record
	must(t, "release of the route", a.ReleasePrivateRoute(ctx, to))
	again(t, ctx, "record", func() (err error) {
		r, err = rc.CreateDHTRecord(ctx, crypto.KindVLD0, client.DFLT(2), nil)
		return err
	})
	again(t, ctx, "set", func() error { _, err := rc.SetDHTValue(ctx, r.Key, 0, []byte("one"), nil); return err })
	if done, err := rc.FlushDHTRecord(ctx, r.Key, 30*time.Second); !done || err != nil {
		t.Errorf("flush: %v, %v", done, err)
	}
	reader, err := b.NewRoutingContext(ctx)
	must(t, "context", err)
	defer reader.Release(ctx)
	again(t, ctx, "open", func() error { _, err := reader.OpenDHTRecord(ctx, r.Key, nil, nil); return err })
	if v, err := reader.GetDHTValue(ctx, r.Key, 0, true); err != nil || v == nil || string(v.Data) != "one" || v.Writer != r.Owner {
		t.Errorf("value %+v, %v", v, err)
	}
	report, err := reader.InspectDHTRecord(ctx, r.Key, nil, jsonapi.ScopeSyncGet)
	if err != nil || len(report.NetworkSeqs) != 2 || report.NetworkSeqs[0] != 0 || report.NetworkSeqs[1] != jsonapi.NoSeq {
		t.Errorf("report %+v, %v", report, err)
	}
	var tx *client.Transaction
	again(t, ctx, "transaction", func() (err error) {
		tx, err = a.TransactDHTRecords(ctx, []client.RecordKey{r.Key}, nil)
		return err
	})
	defer tx.Release(ctx)
	_, err = tx.Set(ctx, r.Key, 1, []byte("two"), nil)
	must(t, "set in the transaction", err)
	must(t, "commit", tx.Commit(ctx))
	if v, err := reader.GetDHTValue(ctx, r.Key, 1, true); err != nil || v == nil || string(v.Data) != "two" {
		t.Errorf("value of the transaction %+v, %v", v, err)
	}
	if n := update[*client.NetworkState](ctx, t, updates); !n.Started || len(n.Peers) == 0 {
		t.Errorf("network %+v", n)
	}
}

// again does something until the node does not ask for patience.
func again(t *testing.T, ctx context.Context, what string, do func() error) {
	t.Helper()
	for {
		err := do()
		if err == nil {
			return
		}
		if !errors.Is(err, jsonapi.TryAgain) || ctx.Err() != nil {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// checkConsole runs commands of the console at a node, beside it.
func checkConsole(t *testing.T, program string, n lab.Node) {
	console := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		return n.Host().Output(ctx, program, append([]string{"console", "-a", client.DefaultAddress}, args...)...)
	}
	if out, err := console("-e", "nodeid"); err != nil || !strings.Contains(out, n.ID()) {
		t.Errorf("nodeid: %q, %v", out, err)
	}
	if out, err := console("-e", "no such command", "-e", "nodeid"); err == nil || strings.Contains(out, n.ID()) {
		t.Errorf("a wrong command: %q, %v", out, err)
	}
	help, err := console("-e", "help")
	if err != nil || !strings.Contains(help, "peerinfo") || !strings.Contains(help, "change_log_level") {
		t.Errorf("help: %q, %v", help, err)
	}
	commands := []string{
		"nodeid", "nodeinfo", "dialinfo", "peerinfo", "uptime", "buckets", "entries", "entries reliable", "punish list", "route list",
		"record list local", "record list remote", "table list", "config network.rpc", "network stats", "transport stats", "help punish", "keypair",
	}
	args := []string{"--json", "--keep-going"}
	for _, c := range commands {
		args = append(args, "-e", c)
	}
	out, err := console(args...)
	if err != nil {
		t.Errorf("commands: %v", err)
	}
	d := json.NewDecoder(strings.NewReader(out))
	for _, command := range commands {
		var r struct {
			Command, Output string
			OK              bool
			Error           json.RawMessage
		}
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		if !r.OK || r.Command != command || strings.TrimSpace(r.Output) == "" {
			t.Errorf("%s: %+v", command, r)
		}
	}
}
