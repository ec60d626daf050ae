package bind_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/routing"
)

// Every operation of the protocol is known: a request with none of its fields is
// refused for the first that it needs, and not for its name.
func TestAllOperationsAreKnown(t *testing.T) {
	tags := map[string][2]string{
		"RoutingContext": {"rc_id", "rc_op"}, "DhtTransaction": {"dhttx_id", "dhttx_op"}, "TableDb": {"db_id", "db_op"},
		"TableDbTransaction": {"tx_id", "tx_op"}, "CryptoSystem": {"cs_id", "cs_op"},
	}
	// The published schema does not ask for these, so neither do we (spec 07 §5.6).
	optional := map[string]bool{"scope": true, "associated_data": true}
	c := newClient(t)
	for _, o := range readInventory(t).Operations {
		if o.Group == "top" && isFamily(o.Name) || o.ResponseOnly || o.Name == "BestCryptoSystem" {
			continue
		}
		fields := map[string]any{"op": o.Name}
		if tag, ok := tags[o.Group]; ok {
			fields = map[string]any{"op": o.Group, tag[0]: 9, tag[1]: o.Name}
		}
		request, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		needed := false
		for _, p := range o.Params {
			needed = needed || p.ServerRequired && !optional[p.Name]
		}
		_, err = c.Parse(request)
		switch {
		case err == nil && needed:
			t.Errorf("%s is taken without its parameters", request)
		case err != nil && (!needed || !strings.HasSuffix(err.Error(), "missing")):
			t.Errorf("%s: %v", request, err)
		}
	}
}

func TestUpdates(t *testing.T) {
	key := crypto.PublicKey{Kind: crypto.KindVLD0}
	id, route := crypto.NodeIDOf(key), crypto.RouteID{Kind: crypto.KindVLD0}
	const zero = "VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	secret := config.Secret("hush")
	cfg := config.Default()
	cfg.Network.NetworkKeyPassword, cfg.Network.RoutingTable.SecretKeys = &secret, []config.Secret{secret}
	cfg.ProtectedStore.DeviceEncryptionKeyPassword, cfg.ProtectedStore.NewDeviceEncryptionKeyPassword = secret, &secret
	for _, tt := range []struct {
		name   string
		update core.Update
		want   string // "": only that it is JSON without secrets
	}{
		{
			"message", core.AppMessage{RouteID: route, Message: []byte("abc123")},
			`{"type":"Update","kind":"AppMessage","sender":null,"route_id":"` + zero + `","message":"YWJjMTIz"}`,
		},
		{
			"message without route", core.AppMessage{},
			`{"type":"Update","kind":"AppMessage","sender":null,"route_id":null,"message":""}`,
		},
		{
			"call", core.AppCall{RouteID: route, Message: []byte{0xff}, CallID: 1<<64 - 1},
			`{"type":"Update","kind":"AppCall","sender":null,"route_id":"` + zero + `","message":"_w","call_id":"18446744073709551615"}`,
		},
		{
			"attachment", core.AttachmentUpdate{AttachmentStatus: core.AttachmentStatus{
				State: attach.AttachedGood, PublicInternetReady: true, LocalNetworkReady: true, Uptime: time.Minute,
				AttachedUptime: 45 * time.Second, ReliablePeers: 12, LivePeers: 20, EstimatedSize: 64, MedianLatency: 35 * time.Millisecond,
			}},
			`{"type":"Update","kind":"Attachment","state":"AttachedGood","public_internet_ready":true,"local_network_ready":true,"uptime":"60000000","attached_uptime":"45000000","reliable_peer_count":"12","live_peer_count":"20","estimated_network_size":"64","median_latency":"35000","over_attached_nodes":"0"}`,
		},
		{
			"detached", core.AttachmentUpdate{},
			`{"type":"Update","kind":"Attachment","state":"Detached","public_internet_ready":false,"local_network_ready":false,"uptime":"0","attached_uptime":null,"reliable_peer_count":"0","live_peer_count":"0","estimated_network_size":"0","median_latency":null,"over_attached_nodes":"0"}`,
		},
		{
			"network", core.NetworkUpdate{NetworkStatus: core.NetworkStatus{
				Started: true, BpsDown: 1200, BpsUp: 800, NodeIDs: []crypto.NodeID{id},
				Peers: []core.PeerStatus{{NodeIDs: []crypto.NodeID{id}, Address: "TCP:192.0.2.1:5150", Stats: routing.PeerStats{
					Latency: &routing.Latency{Fastest: 1, Average: 2, Slowest: 3, TM90: 4, TM75: 5, P90: 6, P75: 7},
					Down:    routing.Transfer{Total: 10, Maximum: 5, Average: 4, Minimum: 3},
				}}},
			}},
			`{"type":"Update","kind":"Network","started":true,"bps_down":"1200","bps_up":"800","peers":[{"node_ids":["` + zero + `"],"peer_address":"TCP:192.0.2.1:5150","peer_stats":{"latency":{"fastest":"1","average":"2","slowest":"3","tm90":"4","tm75":"5","p90":"6","p75":"7"},"transfer":{"down":{"total":"10","maximum":"5","average":"4","minimum":"3"},"up":{"total":"0","maximum":"0","average":"0","minimum":"0"}}}}],"node_ids":["` + zero + `"]}`,
		},
		{
			"not started", core.NetworkUpdate{},
			`{"type":"Update","kind":"Network","started":false,"bps_down":"0","bps_up":"0","peers":[],"node_ids":[]}`,
		},
		{
			"route change", core.RouteChange{DeadRoutes: []crypto.RouteID{route}},
			`{"type":"Update","kind":"RouteChange","dead_routes":["` + zero + `"],"dead_remote_routes":[]}`,
		},
		{
			"value change", core.ValueChange{
				Key:     crypto.RecordKey{Opaque: crypto.OpaqueRecordKey{Kind: crypto.KindVLD0}, Encryption: crypto.NewSharedSecret(crypto.KindVLD0, [32]byte{})},
				Subkeys: []core.SubkeyRange{{Start: 3, End: 3}}, Count: 1<<32 - 2, Value: &core.Value{Seq: 1, Data: []byte("three"), Writer: key},
			},
			`{"type":"Update","kind":"ValueChange","key":"` + zero + zero[4:] + `","subkeys":[[3,3]],"count":4294967294,"value":{"seq":1,"data":"dGhyZWU","writer":"` + zero + `"}}`,
		},
		{
			"end of a watch", core.ValueChange{Key: crypto.RecordKey{Opaque: crypto.OpaqueRecordKey{Kind: crypto.KindVLD0}}},
			`{"type":"Update","kind":"ValueChange","key":"` + zero + `","subkeys":[],"count":0,"value":null}`,
		},
		{"config", core.ConfigUpdate{Config: cfg}, ""},
		{"shutdown", core.ShutdownUpdate{}, `{"type":"Update","kind":"Shutdown"}`},
	} {
		got := string(bind.AppendUpdate(nil, tt.update))
		if tt.want != "" && got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, tt.want)
		}
		if !json.Valid([]byte(got)) || strings.Contains(got, "hush") {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// A node that is closed says so, in every operation that needs one.
func TestAfterClose(t *testing.T) {
	node := detached(t)
	c := bind.New(node.Node, bind.Options{}).NewClient()
	mustAsk(t, c, `{"op":"NewRoutingContext"}`)
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if v := mustAsk(t, c, `{"op":"IsShutdown"}`); v["value"] != true {
		t.Errorf("IsShutdown: %v", v)
	}
	for _, request := range []string{
		`{"op":"GetState"}`, `{"op":"NewRoutingContext"}`, `{"op":"NewPrivateRoute"}`, `{"op":"Debug","command":"nodeid"}`,
		`{"op":"RoutingContext","rc_id":1,"rc_op":"AppMessage","target":{"RouteId":"VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"message":""}`,
		`{"op":"WaitForAttachmentCondition"}`,
		`{"op":"RoutingContext","rc_id":1,"rc_op":"CreateDhtRecord","kind":"VLD0","schema":{"kind":"DFLT","o_cnt":1}}`,
		`{"op":"RoutingContext","rc_id":1,"rc_op":"CloseDhtRecord","key":"VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`,
		`{"op":"TransactDhtRecords","record_keys":["VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]}`,
	} {
		v := mustAsk(t, c, request)
		if e, _ := v["error"].(map[string]any); e["kind"] != "NotInitialized" {
			t.Errorf("%s: %v, want NotInitialized", request, v)
		}
	}
}

// Every kind of error arrives with its own fields (spec 07 §3).
func TestErrorKinds(t *testing.T) {
	whole := core.Error{Message: "m \"<>\x01", Context: "c", Argument: "a", Value: "v", Key: "k"}
	const message = `"message":"m \"<>\u0001"`
	for kind, fields := range map[core.ErrorKind]string{
		core.NotInitialized: "", core.AlreadyInitialized: "", core.Timeout: "", core.Shutdown: "",
		core.TryAgain: message, core.InvalidTarget: message, core.NoConnection: message, core.Internal: message,
		core.Unimplemented: message, core.Generic: message, core.TransactionNotFound: message,
		core.KeyNotFound:     `"key":"k"`,
		core.ParseError:      message + `,"value":"v"`,
		core.InvalidArgument: `"context":"c","argument":"a","value":"v"`,
		core.MissingArgument: `"context":"c","argument":"a"`,
	} {
		e := whole
		e.Kind = kind
		api := bind.New(detached(t).Node, bind.Options{Control: failing(&e)})
		got, _ := ask(t.Context(), api.NewClient(), `{"op":"Control","args":["x"]}`)
		if fields != "" {
			fields = "," + fields
		}
		if want := `{"type":"Response","id":0,"op":"Control","error":{"kind":"` + string(kind) + `"` + fields + `}}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	api := bind.New(detached(t).Node, bind.Options{Control: failing(errors.New("odd"))})
	got, _ := ask(t.Context(), api.NewClient(), `{"op":"Control","args":["x"]}`)
	if want := `{"type":"Response","id":0,"op":"Control","error":{"kind":"Internal","message":"odd"}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// WaitForAttachmentCondition, on a node that is detached (spec 07 §2.1).
func TestWaitForAttachmentCondition(t *testing.T) {
	c := newClient(t)
	for _, tt := range []struct{ condition, timeout, kind, value string }{
		{`null`, `0`, "Timeout", ""},
		{`null`, `20`, "Timeout", ""},
		{`{}`, `0`, "", ""},
		{`{"opt_max_state":"Detached"}`, `null`, "", ""},
		{`{"opt_min_state":"Detached","opt_max_state":"AttachedFull"}`, `18446744073709551615`, "", ""},
		{`{"opt_min_state":"Attaching"}`, `0`, "Timeout", ""},
		{`{"opt_public_internet_ready":false,"opt_local_network_ready":false}`, `0`, "", ""},
		{`{"opt_local_network_ready":true}`, `0`, "Timeout", ""},
		{`{"opt_min_state":"AttachedFull","opt_max_state":"AttachedWeak"}`, `100`, "InvalidArgument", "min attached_full above max attached_weak"},
	} {
		v := mustAsk(t, c, `{"op":"WaitForAttachmentCondition","condition":`+tt.condition+`,"timeout_ms":`+tt.timeout+`}`)
		e, _ := v["error"].(map[string]any)
		kind, _ := e["kind"].(string)
		value, _ := e["value"].(string)
		if kind != tt.kind || value != tt.value {
			t.Errorf("%s: %v, want %q %q", tt.condition, v, tt.kind, tt.value)
		}
		if state, _ := v["value"].(map[string]any); kind == "" && state["state"] != "Detached" {
			t.Errorf("%s: %v", tt.condition, v)
		}
	}
}
