package client_test

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
	"github.com/voile-net/voile/core/crypto"
)

// operation is one of the list of the API, with the names of its parameters.
type operation struct {
	Op, Sub            string
	Required, Optional []string
}

func operations(t *testing.T) map[string]operation {
	t.Helper()
	text, err := os.ReadFile("testdata/operations.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []operation
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	all := map[string]operation{}
	for _, o := range list {
		switch {
		case o.Sub == "InvalidId", o.Op == "BestCryptoSystem": // only in answers (spec 07 §5.5)
		case o.Sub != "":
			all[o.Op+"."+o.Sub] = o
		default:
			all[o.Op] = o
		}
	}
	// The families themselves are no operations.
	for _, family := range (jsonapi.Family("")).Values() {
		delete(all, string(family))
	}
	return all
}

// Every operation of the API has a method, which sends the parameters that real
// servers want and none that they do not know.
func TestEveryOperation(t *testing.T) {
	f := &fake{answer: func(r request) []string {
		if lines := echo(r); !strings.Contains(lines[0], `"value":null`) {
			return lines
		}
		return []string{r.fault(`{"kind":"Timeout"}`)} // the values are another test's
	}}
	c := f.connect(t, client.Options{})
	ctx := t.Context()

	kind := crypto.KindVLD0
	seed := [32]byte{1}
	secret := client.SecretKey{SecretKey: crypto.NewSecretKey(kind, seed)}
	shared := client.SharedSecret{SharedSecret: crypto.NewSharedSecret(kind, seed)}
	public := crypto.PublicKey{Kind: kind, Value: seed}
	pair := client.KeyPair{KeyPair: crypto.KeyPair{Public: public, Secret: secret.SecretKey}}
	key := client.RecordKey{RecordKey: crypto.RecordKey{Opaque: crypto.OpaqueRecordKey{Kind: kind, Value: seed}}}
	keys := []client.RecordKey{key}
	signature := crypto.Signature{Kind: kind}
	digest := crypto.HashDigest{Kind: kind}
	sealKey := crypto.EncapsulationKey{Kind: kind}
	openKey, err := client.Parse[client.DecapsulationKey]("VLD0:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
	if err != nil {
		t.Fatal(err)
	}
	nonce := crypto.Nonce{}
	data := []byte("data")
	to := client.ToRoute(crypto.RouteID{Kind: kind})

	c.Control(ctx) // errors are another test's
	c.GetState(ctx)
	c.IsShutdown(ctx)
	c.Attach(ctx)
	c.Detach(ctx)
	c.ChangeConfig(ctx, client.Config{})
	c.ReportAppLifecycleState(ctx, jsonapi.Active)
	c.WaitForAttachmentCondition(ctx, nil, time.Second)
	c.GenerateMemberID(ctx, public)
	c.GetDHTRecordKey(ctx, client.DFLT(1), public, nil)
	c.NewPrivateRoute(ctx)
	c.NewCustomPrivateRoute(ctx, client.PrivateSpec{})
	c.ImportRemotePrivateRoute(ctx, data)
	c.ReleasePrivateRoute(ctx, crypto.RouteID{Kind: kind})
	c.AppCallReply(ctx, 1, data)
	c.DeleteTable(ctx, "t")
	c.RenameTable(ctx, "t", "u")
	c.VerifySignatures(ctx, nil, data, nil)
	c.GenerateSignatures(ctx, data, nil)
	c.GenerateKeyPair(ctx, kind)
	c.Now(ctx)
	c.NowNonDecreasing(ctx)
	c.NowIncreasing(ctx)
	c.SaveUserSecret(ctx, "k", data)
	c.LoadUserSecret(ctx, "k")
	c.RemoveUserSecret(ctx, "k")
	c.ListUserSecrets(ctx)
	c.DeleteAllUserSecrets(ctx)
	c.Debug(ctx, "help")
	c.VeilidVersionString(ctx)
	c.VeilidVersion(ctx)
	c.VeilidFeatures(ctx)
	c.DefaultVeilidConfig(ctx)
	c.ValidCryptoKinds(ctx)

	rc, err := c.NewRoutingContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	rc.WithDefaultSafety(ctx)
	rc.WithSafety(ctx, client.Safe(client.SafetySpec{}))
	rc.WithSequencing(ctx, jsonapi.EnsureOrdered)
	rc.Safety(ctx)
	rc.AppCall(ctx, to, data)
	rc.AppMessage(ctx, to, data)
	rc.CreateDHTRecord(ctx, kind, client.SMPL(1, client.Member{ID: crypto.MemberID{Kind: kind}, Subkeys: 2}), &pair)
	rc.OpenDHTRecord(ctx, key, &pair, &client.OpenOptions{})
	rc.CloseDHTRecord(ctx, key)
	rc.DeleteDHTRecord(ctx, key)
	rc.GetDHTValue(ctx, key, 0, false)
	rc.SetDHTValue(ctx, key, 0, data, nil)
	rc.WatchDHTValues(ctx, key, client.WatchOptions{})
	rc.CancelDHTWatch(ctx, key, nil)
	rc.InspectDHTRecord(ctx, key, nil, "")
	rc.FlushDHTRecord(ctx, key, 0)
	rc.Release(ctx)

	begin := func() *client.Transaction {
		tx, err := c.TransactDHTRecords(ctx, keys, nil)
		if err != nil {
			t.Fatal(err)
		}
		return tx
	}
	tx := begin()
	tx.Extend(ctx, keys, nil)
	tx.Get(ctx, key, 0)
	tx.Set(ctx, key, 0, data, nil)
	tx.Inspect(ctx, key, nil, "")
	tx.Commit(ctx)
	begin().Rollback(ctx)
	begin().Release(ctx)

	table, err := c.OpenTable(ctx, "t", 1)
	if err != nil {
		t.Fatal(err)
	}
	table.ColumnCount(ctx)
	table.Keys(ctx, 0)
	table.Store(ctx, 0, data, data)
	table.Load(ctx, 0, data)
	table.Delete(ctx, 0, data)
	change, err := table.Transact(ctx)
	if err != nil {
		t.Fatal(err)
	}
	change.Store(ctx, 0, data, data)
	change.Delete(ctx, 0, data)
	change.Commit(ctx)
	change.Rollback(ctx)
	table.Release(ctx)

	s, err := c.GetCryptoSystem(ctx, kind)
	if err != nil {
		t.Fatal(err)
	}
	s.Kind(ctx)
	s.CachedDH(ctx, public, secret)
	s.ComputeDH(ctx, public, secret)
	s.GenerateSharedSecret(ctx, public, secret, data)
	s.HPKESeal(ctx, sealKey, data, data)
	s.HPKEOpen(ctx, openKey, data, data)
	s.GenerateKEMKeyPair(ctx)
	s.EncapsulationKeyFromSigningKey(ctx, public)
	s.DecapsulationKeyFromSigningSecret(ctx, secret)
	for _, length := range []func(context.Context) (int, error){
		s.EncapsulationKeyLength, s.DecapsulationKeyLength, s.SharedSecretLength, s.NonceLength, s.HashDigestLength,
		s.PublicKeyLength, s.SecretKeyLength, s.SignatureLength, s.DefaultSaltLength, s.AEADOverhead,
	} {
		length(ctx)
	}
	s.RandomBytes(ctx, 5)
	s.CheckSharedSecret(ctx, shared)
	s.CheckNonce(ctx, nonce)
	s.CheckHashDigest(ctx, digest)
	s.CheckPublicKey(ctx, public)
	s.CheckSecretKey(ctx, secret)
	s.CheckSignature(ctx, signature)
	s.HashPassword(ctx, data, data)
	s.VerifyPassword(ctx, data, "hash")
	s.DeriveSharedSecret(ctx, data, data)
	s.RandomNonce(ctx)
	s.RandomSharedSecret(ctx)
	s.GenerateKeyPair(ctx)
	s.GenerateHash(ctx, data)
	s.ValidateKeyPair(ctx, public, secret)
	s.ValidateHash(ctx, data, digest)
	s.Sign(ctx, public, secret, data)
	s.Verify(ctx, public, data, signature)
	s.EncryptAEAD(ctx, data, nonce, shared, nil)
	s.DecryptAEAD(ctx, data, nonce, shared, data)
	s.CryptNoAuth(ctx, data, nonce, shared)
	s.Release(ctx)

	want := operations(t)
	if len(want) != 119-5 { // without the five families
		t.Errorf("the list has %d operations, want 114", len(want))
	}
	f.mu.Lock()
	requests := f.requests
	f.mu.Unlock()
	for _, r := range requests {
		o, ok := want[r.name()]
		if !ok {
			t.Errorf("%s is no operation", r.name())
			continue
		}
		envelope := []string{"id", "op"}
		if id, sub := jsonapi.Family(o.Op).Fields(); id != "" {
			envelope = append(envelope, id, sub)
		}
		for field := range r {
			if !slices.Contains(envelope, field) && !slices.Contains(o.Required, field) && !slices.Contains(o.Optional, field) {
				t.Errorf("%s has no parameter %s", r.name(), field)
			}
		}
		for _, field := range o.Required {
			if _, ok := r[field]; !ok {
				t.Errorf("%s is sent without %s", r.name(), field)
			}
		}
	}
	for name := range want {
		if !slices.Contains(f.names(), name) {
			t.Errorf("nothing sends %s", name)
		}
	}
}
