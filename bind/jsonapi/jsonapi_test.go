package jsonapi_test

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/crypto"
)

const zero = "VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTexts(t *testing.T) {
	for _, tt := range []struct {
		value encoding.TextUnmarshaler
		text  string
		ok    bool
	}{
		{new(jsonapi.ByteCount), "0", true},
		{new(jsonapi.ByteCount), "18446744073709551615", true},
		{new(jsonapi.ByteCount), "18446744073709551616", false},
		{new(jsonapi.ByteCount), "", false},
		{new(jsonapi.NodeCount), "+1", false},
		{new(jsonapi.NodeCount), "-1", false},
		{new(jsonapi.NodeCount), "1.0", false},
		{new(jsonapi.OperationID), "12345678901234567890", true},
		{new(jsonapi.OperationID), "1e3", false},
		{new(jsonapi.Timestamp), "1700000000000000", true},
		{new(jsonapi.Bytes), "YWJj", true},
		{new(jsonapi.Bytes), "", true},
		{new(jsonapi.Bytes), "YWI=", false},
		{new(jsonapi.Bytes), "+/8", false},
		{new(jsonapi.KeyPair), zero + zero[4:], true},
		{new(jsonapi.KeyPair), zero, false},
		{new(jsonapi.KEMKeyPair), zero + zero[4:], true},
		{new(jsonapi.RecordKey), zero, true},
		{new(jsonapi.RecordKey), zero + zero[4:], true},
		{new(jsonapi.SecretKey), zero, true},
		{new(jsonapi.SharedSecret), zero, true},
		{new(jsonapi.DecapsulationKey), zero, true},
	} {
		err := tt.value.UnmarshalText([]byte(tt.text))
		if (err == nil) != tt.ok {
			t.Errorf("%T of %q: %v", tt.value, tt.text, err)
			continue
		}
		if tt.ok {
			if got := marshal(t, tt.value); got != `"`+tt.text+`"` {
				t.Errorf("%T of %q gives %s", tt.value, tt.text, got)
			}
		}
	}
}

// What marshals does not print.
func TestSecretsDoNotPrint(t *testing.T) {
	seed := [32]byte{1, 2, 3}
	secret := jsonapi.SecretKey{SecretKey: crypto.NewSecretKey(crypto.KindVLD0, seed)}
	hidden := crypto.EncodeBase64(seed[:])
	record := jsonapi.DHTRecordDescriptor{OwnerSecret: &secret}
	record.Key.Opaque.Kind = crypto.KindVLD0
	record.Key.Encryption = crypto.NewSharedSecret(crypto.KindVLD0, seed)
	for _, v := range []any{secret, &secret, record, jsonapi.KeyPair{KeyPair: crypto.KeyPair{Secret: secret.SecretKey}}} {
		for _, verb := range []string{"%v", "%+v", "%s", "%#v"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, hidden) {
				t.Errorf("%T with %s: %s", v, verb, text)
			}
		}
	}
	if text := marshal(t, record); strings.Count(text, hidden) != 2 {
		t.Errorf("%s does not have the secrets", text)
	}
}

// Values go out in exactly one form and come back the same.
func TestForms(t *testing.T) {
	route := crypto.RouteID{Kind: crypto.KindVLD0}
	node := crypto.NodeID{Kind: crypto.KindVLD0}
	yes, seq := true, jsonapi.ValueSeqNum(7)
	for _, tt := range []struct {
		value any
		want  string
	}{
		{&jsonapi.DHTSchema{Kind: jsonapi.DFLT, OCnt: 2}, `{"kind":"DFLT","o_cnt":2}`},
		{&jsonapi.DHTSchema{Kind: jsonapi.SMPL, OCnt: 1, Members: []jsonapi.DHTSchemaSMPLMember{}}, `{"kind":"SMPL","o_cnt":1,"members":[]}`},
		{
			&jsonapi.DHTSchema{Kind: jsonapi.SMPL, Members: []jsonapi.DHTSchemaSMPLMember{{MKey: []byte("abc"), MCnt: 3}}},
			`{"kind":"SMPL","o_cnt":0,"members":[{"m_key":"YWJj","m_cnt":3}]}`,
		},
		{
			&jsonapi.SafetySelection{Safe: &jsonapi.SafetySpec{PreferredRoute: &route, HopCount: 2, Stability: jsonapi.LowLatency, Sequencing: jsonapi.EnsureOrdered}},
			`{"Safe":{"preferred_route":"` + zero + `","hop_count":2,"stability":"LowLatency","sequencing":"EnsureOrdered"}}`,
		},
		{&jsonapi.SafetySelection{Safe: &jsonapi.SafetySpec{}}, `{"Safe":{"preferred_route":null,"hop_count":0}}`},
		{&jsonapi.SafetySelection{Unsafe: jsonapi.PreferOrdered}, `{"Unsafe":"PreferOrdered"}`},
		{&jsonapi.Target{RouteID: &route}, `{"RouteId":"` + zero + `"}`},
		{&jsonapi.Target{NodeID: &node}, `{"NodeId":"` + zero + `"}`},
		{&jsonapi.PrivateSpec{}, `{}`},
		{&jsonapi.PrivateSpec{CryptoKinds: []crypto.Kind{crypto.KindVLD0}, HopCount: 1}, `{"crypto_kinds":["VLD0"],"hop_count":1}`},
		{&jsonapi.SetDHTValueOptions{}, `{"writer":null,"allow_offline":null,"min_seqnum":null}`},
		{&jsonapi.SetDHTValueOptions{AllowOffline: &yes, MinSeqnum: &seq}, `{"writer":null,"allow_offline":true,"min_seqnum":7}`},
		{
			&jsonapi.DHTRecordReport{
				Subkeys: jsonapi.ValueSubkeyRangeSet{{0, 1}}, OfflineSubkeys: jsonapi.ValueSubkeyRangeSet{},
				LocalSeqs: []jsonapi.ValueSeqNum{0, jsonapi.NoSeq}, NetworkSeqs: []jsonapi.ValueSeqNum{jsonapi.NoSeq, 4},
			},
			`{"subkeys":[[0,1]],"offline_subkeys":[],"local_seqs":[0,null],"network_seqs":[null,4]}`,
		},
		{&jsonapi.VeilidAPIError{Kind: jsonapi.Timeout}, `{"kind":"Timeout"}`},
		{&jsonapi.VeilidAPIError{Kind: jsonapi.Generic, Message: "a\"\\\n\t\r\x01é\u2028"}, `{"kind":"Generic","message":"a\"\\\n\t\r\u0001é\u2028"}`},
		{&jsonapi.VeilidAPIError{Kind: jsonapi.KeyNotFound, Key: zero}, `{"kind":"KeyNotFound","key":"` + zero + `"}`},
		{&jsonapi.VeilidAPIError{Kind: jsonapi.ParseError, Message: "m", Value: "v"}, `{"kind":"ParseError","message":"m","value":"v"}`},
		{
			&jsonapi.VeilidAPIError{Kind: jsonapi.InvalidArgument, Context: "c", Argument: "a", Value: "v"},
			`{"kind":"InvalidArgument","context":"c","argument":"a","value":"v"}`,
		},
		{&jsonapi.VeilidAPIError{Kind: jsonapi.MissingArgument, Context: "c", Argument: "a"}, `{"kind":"MissingArgument","context":"c","argument":"a"}`},
	} {
		got := marshal(t, tt.value)
		var a, b any
		if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(tt.want), &b) != nil || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%T: %s, want %s", tt.value, got, tt.want)
		}
		if err := json.Unmarshal([]byte(tt.want), tt.value); err != nil {
			t.Errorf("%T of %s: %v", tt.value, tt.want, err)
		}
		if again := marshal(t, tt.value); again != got {
			t.Errorf("%T of %s is %s", tt.value, tt.want, again)
		}
	}
}

// A value that is to be exactly one of two is neither nothing nor both.
func TestOneOf(t *testing.T) {
	route, node := crypto.RouteID{Kind: crypto.KindVLD0}, crypto.NodeID{Kind: crypto.KindVLD0}
	for _, v := range []any{
		jsonapi.SafetySelection{}, jsonapi.SafetySelection{Unsafe: jsonapi.PreferOrdered, Safe: &jsonapi.SafetySpec{}},
		jsonapi.Target{}, jsonapi.Target{RouteID: &route, NodeID: &node},
	} {
		if _, err := json.Marshal(v); !errors.Is(err, jsonapi.ErrOneOf) {
			t.Errorf("%+v: %v", v, err)
		}
	}
	for _, text := range []string{`{}`, `{"Safe":{},"Unsafe":"PreferOrdered"}`} {
		if err := json.Unmarshal([]byte(text), new(jsonapi.SafetySelection)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	for _, text := range []string{`{}`, `{"RouteId":"` + zero + `","NodeId":"` + zero + `"}`, `{"RouteId":"VLD0:AAAA"}`} {
		if err := json.Unmarshal([]byte(text), new(jsonapi.Target)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestErrors(t *testing.T) {
	var err error = &jsonapi.VeilidAPIError{Kind: jsonapi.InvalidArgument, Context: "c", Argument: "a", Value: "v"}
	if !errors.Is(err, jsonapi.InvalidArgument) || errors.Is(err, jsonapi.TryAgain) || err.Error() != "InvalidArgument: context c, argument a, value v" {
		t.Errorf("%v", err)
	}
	if err := (&jsonapi.VeilidAPIError{Kind: jsonapi.TryAgain, Message: "offline"}).Error(); err != "TryAgain: offline" {
		t.Error(err)
	}
	if err := (&jsonapi.VeilidAPIError{Kind: jsonapi.Timeout}).Error(); err != "Timeout" {
		t.Error(err)
	}
}

func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		request jsonapi.Request
		want    string
	}{
		{jsonapi.Request{ID: 3, Op: "Attach"}, `{"id":3,"op":"Attach"}`},
		{jsonapi.Request{Op: "Debug", Params: map[string]any{"command": "<help>"}}, `{"id":0,"op":"Debug","command":"<help>"}`},
		{jsonapi.Request{Op: "Attach", Params: struct{}{}}, `{"id":0,"op":"Attach"}`},
		{
			jsonapi.Request{ID: 1, Op: string(jsonapi.RoutingContext), Object: 2, SubOp: "Safety"},
			`{"id":1,"op":"RoutingContext","rc_id":2,"rc_op":"Safety"}`,
		},
		{
			jsonapi.Request{ID: 1, Op: string(jsonapi.DHTTransaction), Object: 2, SubOp: "Commit"},
			`{"id":1,"op":"DhtTransaction","dhttx_id":2,"dhttx_op":"Commit"}`,
		},
	} {
		if got, err := tt.request.Append(nil); err != nil || string(got) != tt.want {
			t.Errorf("%s, %v, want %s", got, err, tt.want)
		}
	}
	if _, err := (jsonapi.Request{Op: "Attach", Params: 5}).Append(nil); err == nil {
		t.Error("a number stands for parameters")
	}
	for _, f := range jsonapi.Family("").Values() {
		if id, op := f.Fields(); id == "" || op == "" {
			t.Errorf("%s has no fields", f)
		}
	}
}

func TestParseMessage(t *testing.T) {
	m, err := jsonapi.ParseMessage([]byte(`{"type":"Response","id":7,"op":"TableDb","db_id":2,"db_op":"Load","value":null}`))
	if err != nil || m.Response == nil || m.Response.ID != 7 || m.Response.Object != 2 || m.Response.SubOp != "Load" || string(m.Response.Value) != "null" {
		t.Errorf("%+v, %v", m.Response, err)
	}
	m, err = jsonapi.ParseMessage([]byte(`{"type":"Response","id":7,"op":"RoutingContext","rc_id":2,"rc_op":"Release"}`))
	if err != nil || m.Response.Value != nil || m.Response.Err != nil || m.Response.SubOp != "Release" {
		t.Errorf("%+v, %v", m.Response, err)
	}
	m, err = jsonapi.ParseMessage([]byte(`{"type":"Response","id":1,"op":"VeilidVersion","major":0,"minor":5,"patch":8}`))
	if err != nil || m.Response.Version != (jsonapi.VeilidVersion{Minor: 5, Patch: 8}) {
		t.Errorf("%+v, %v", m.Response, err)
	}
	m, err = jsonapi.ParseMessage([]byte(`{"type":"Response","id":1,"op":"Attach","error":{"kind":"Generic","message":"Already attached"}}`))
	if err != nil || !errors.Is(m.Response.Err, jsonapi.Generic) {
		t.Errorf("%+v, %v", m.Response, err)
	}
	m, err = jsonapi.ParseMessage([]byte(`{"type":"Update","kind":"AppCall","sender":null,"route_id":"` + zero + `","message":"YQ","call_id":"5"}`))
	if c, ok := m.Update.(*jsonapi.VeilidAppCall); err != nil || !ok || c.CallID != 5 || string(c.Message) != "a" || c.Sender != nil || c.RouteID == nil {
		t.Errorf("%+v, %v", m.Update, err)
	}
	var unknown *jsonapi.ErrUnknownUpdate
	if _, err := jsonapi.ParseMessage([]byte(`{"type":"Update","kind":"New"}`)); !errors.As(err, &unknown) || unknown.Kind != "New" {
		t.Error(err)
	}
	for _, line := range []string{``, `{`, `{}`, `{"type":"Other"}`, `[]`, `{"type":"Response","id":-1}`} {
		if m, err := jsonapi.ParseMessage([]byte(line)); err == nil {
			t.Errorf("%s: %+v", line, m)
		}
	}
}

// Every kind of update has a type, which is of that kind.
func TestUpdateKinds(t *testing.T) {
	for _, kind := range jsonapi.UpdateKind("").Values() {
		u := kind.New()
		if u == nil || u.UpdateKind() != kind {
			t.Errorf("%s: %T", kind, u)
			continue
		}
		line, err := jsonapi.AppendUpdate(nil, u)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		if again, err := jsonapi.ParseUpdate(line); err != nil || again.UpdateKind() != kind {
			t.Errorf("%s: %T, %v", line, again, err)
		}
	}
	if u := jsonapi.UpdateKind("New").New(); u != nil {
		t.Errorf("%T", u)
	}
}

// What reads as a message has one of its parts, and what is read of an update reads
// the same again.
func FuzzParseMessage(f *testing.F) {
	for _, s := range []string{
		`{"type":"Update","kind":"ValueChange","key":"` + zero + zero[4:] + `","subkeys":[[0,3]],"count":7,"value":{"seq":1,"data":"YQ","writer":"` + zero + `"}}`,
		`{"type":"Update","kind":"Attachment","state":"AttachedGood","uptime":"5","attached_uptime":null}`,
		`{"type":"Update","kind":"Network","started":true,"bps_down":"1","peers":[{"node_ids":[],"peer_address":"","peer_stats":{}}]}`,
		`{"type":"Update","kind":"Log","log_level":"Info","message":"x","backtrace":null}`,
		`{"type":"Response","id":1,"op":"RoutingContext","rc_id":1,"rc_op":"Safety","value":{"Safe":{}}}`,
		`{"type":"Response","id":1,"op":"Attach","error":{"kind":"Generic","message":"x"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := jsonapi.ParseMessage(line)
		if err != nil {
			return
		}
		if (m.Response == nil) == (m.Update == nil) {
			t.Fatalf("%+v", m)
		}
		if m.Update == nil {
			return
		}
		once, err := jsonapi.AppendUpdate(nil, m.Update)
		if err != nil {
			return // such as a configuration whose raw part is not JSON
		}
		u, err := jsonapi.ParseUpdate(once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, err := jsonapi.AppendUpdate(nil, u); err != nil || string(twice) != string(once) {
			t.Fatalf("%s\n%s\n%v", once, twice, err)
		}
	})
}

// A client that uses the package links no node.
func TestImports(t *testing.T) {
	allowed := []string{"github.com/voile-net/voile/core/crypto", "github.com/voile-net/voile/core/config", "github.com/voile-net/voile/bind/jsonapi"}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			count++
			if strings.Contains(path, ".") && !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if count == 0 {
		t.Error("no imports were read")
	}
}
