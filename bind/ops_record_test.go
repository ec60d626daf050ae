package bind_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What is not of the form of a request is none.
func TestRecordRequestsThatAreNone(t *testing.T) {
	c := newClient(t)
	mustAsk(t, c, `{"op":"NewRoutingContext"}`)
	const key = `"key":"VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"`
	for _, fields := range []string{
		`"rc_op":"GetDhtValue",` + key + `,"subkey":-1,"force_refresh":false`,
		`"rc_op":"GetDhtValue",` + key + `,"subkey":0,"force_refresh":null`,
		`"rc_op":"SetDhtValue",` + key + `,"subkey":0,"data":"YQ=="`,
		`"rc_op":"SetDhtValue",` + key + `,"subkey":0,"data":"YQ","options":{"allow_offline":1}`,
		`"rc_op":"InspectDhtRecord",` + key + `,"scope":"local"`,
		`"rc_op":"InspectDhtRecord",` + key + `,"scope":"Local","subkeys":[[1]]`,
		`"rc_op":"WatchDhtValues",` + key + `,"expiration":5`,
		`"rc_op":"FlushDhtRecord",` + key + `,"timeout_ms":"5"`,
		`"rc_op":"CreateDhtRecord","kind":"VLD0","schema":{"kind":"DFLT","o_cnt":65536}`,
		`"rc_op":"CreateDhtRecord","kind":"VLD0","schema":{"kind":"SMPL","o_cnt":1}`,
		`"rc_op":"CreateDhtRecord","kind":"VLD0","schema":{"kind":"OTHR","o_cnt":1}`,
		`"rc_op":"CreateDhtRecord","kind":"VLD","schema":{"kind":"DFLT","o_cnt":1}`,
	} {
		request := `{"op":"RoutingContext","rc_id":1,` + fields + `}`
		if response, closed := ask(t.Context(), c, request); !closed {
			t.Errorf("%s: %s, want no answer", request, response)
		}
	}
}

// Transactions need the network; what is wrong with a request comes first.
func TestTransactionsOffline(t *testing.T) {
	c := newClient(t)
	const key = `"VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"`
	many := strings.TrimSuffix(strings.Repeat(key+",", 33), ",")
	for _, tt := range []struct{ keys, options, kind string }{
		{"", "null", "MissingArgument"},
		{key + "," + key, "null", "MissingArgument"},
		{many, "null", "InvalidArgument"},
		{`"VLD0:AAAA"`, "null", "Generic"},
		{key, "null", "TryAgain"},
		{key, `{"default_signing_keypair":null}`, "TryAgain"},
		{key, `{"default_signing_keypair":"VLD0:AAAA:AAAA"}`, "Generic"},
	} {
		v := mustAsk(t, c, `{"op":"TransactDhtRecords","record_keys":[`+tt.keys+`],"options":`+tt.options+`}`)
		if e, _ := v["error"].(map[string]any); e["kind"] != tt.kind {
			t.Errorf("[%.100s] %s: %v, want %s", tt.keys, tt.options, v, tt.kind)
		}
	}
	for _, fields := range []string{
		`"dhttx_op":"Commit"`, `"dhttx_op":"Rollback"`, `"dhttx_op":"Release"`, `"dhttx_op":"Extend","record_keys":[]`,
		`"dhttx_op":"Get","key":` + key + `,"subkey":0`, `"dhttx_op":"Inspect","key":` + key,
		`"dhttx_op":"Set","key":` + key + `,"subkey":0,"data":""`,
	} {
		if v := mustAsk(t, c, `{"op":"DhtTransaction","dhttx_id":1,`+fields+`}`); v["dhttx_op"] != "InvalidId" {
			t.Errorf("%s: %v, want InvalidId", fields, v)
		}
	}
}

// The whole way: clients of two nodes share a record, one watches it, and the
// transaction of a client that is gone makes way for another one's.
func TestRecordsBetweenClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers, peers := attached(t, 8)
		alice, bob := peers[3], peers[5]
		const rc = `"op":"RoutingContext","rc_id":1,`
		alice.value(3, `"op":"NewRoutingContext"`)
		bob.value(3, `"op":"NewRoutingContext"`)
		record := alice.value(4, rc+`"rc_op":"CreateDhtRecord","kind":"VLD0","schema":{"kind":"DFLT","o_cnt":2}`).(map[string]any)
		key := record["key"]
		if v := alice.value(5, rc+`"rc_op":"SetDhtValue","key":%q,"subkey":0,"data":"b25l","options":{"allow_offline":false}`, key); v != nil {
			t.Errorf("set: %v, want null", v)
		}
		if v := bob.value(6, rc+`"rc_op":"OpenDhtRecord","key":%q`, key).(map[string]any); v["owner_secret"] != nil || v["key"] != key {
			t.Errorf("open: %v", v)
		}
		value := func(seq int, data string) string {
			return fmt.Sprint(map[string]any{"seq": seq, "data": data, "writer": record["owner"]})
		}
		if v := bob.value(7, rc+`"rc_op":"GetDhtValue","key":%q,"subkey":0,"force_refresh":true`, key); fmt.Sprint(v) != value(0, "b25l") {
			t.Errorf("get: %v", v)
		}
		if v := bob.value(8, rc+`"rc_op":"WatchDhtValues","key":%q`, key); v != true {
			t.Errorf("watch: %v, want true", v)
		}
		time.Sleep(10 * time.Second) // the virtual clock: the watch reaches the nodes
		alice.value(9, rc+`"rc_op":"SetDhtValue","key":%q,"subkey":1,"data":"dHdv"`, key)
		u := bob.update("ValueChange")
		if fmt.Sprint(u["subkeys"]) != "[[1 1]]" || u["count"] != float64(1<<32-2) || u["key"] != key || fmt.Sprint(u["value"]) != value(0, "dHdv") {
			t.Errorf("update %v", u)
		}
		alice.value(10, rc+`"rc_op":"FlushDhtRecord","key":%q,"timeout_ms":null`, key)

		// A transaction that its client leaves open.
		gone := dial(t, servers[3])
		gone.value(1, `"op":"TransactDhtRecords","record_keys":[%q]`, key)
		if v := alice.ask(11, `"op":"TransactDhtRecords","record_keys":[%q]`, key); v["error"] == nil {
			t.Errorf("a second transaction over one record: %v", v)
		}
		gone.close()
		synctest.Wait()
		tx := alice.value(12, `"op":"TransactDhtRecords","record_keys":[%q],"options":{}`, key)
		if v := alice.value(13, `"op":"DhtTransaction","dhttx_id":%v,"dhttx_op":"Set","key":%q,"subkey":0,"data":"dGhyZWU"`, tx, key); v != nil {
			t.Errorf("set: %v, want null", v)
		}
		if v := alice.value(14, `"op":"DhtTransaction","dhttx_id":%v,"dhttx_op":"Get","key":%q,"subkey":0`, tx, key); fmt.Sprint(v) != value(0, "b25l") {
			t.Errorf("get in a transaction: %v, want the value before", v)
		}
		report := alice.value(15, `"op":"DhtTransaction","dhttx_id":%v,"dhttx_op":"Inspect","key":%q,"scope":"UpdateSet"`, tx, key)
		if got, want := fmt.Sprint(report), "map[local_seqs:[1 1] network_seqs:[1 1] offline_subkeys:[] subkeys:[[0 1]]]"; got != want {
			t.Errorf("inspect %s, want %s", got, want)
		}
		alice.value(16, `"op":"DhtTransaction","dhttx_id":%v,"dhttx_op":"Commit"`, tx)
		if v := alice.ask(17, `"op":"DhtTransaction","dhttx_id":%v,"dhttx_op":"Commit"`, tx); v["dhttx_op"] != "InvalidId" {
			t.Errorf("a second commit: %v, want InvalidId", v)
		}
		if v := bob.value(18, rc+`"rc_op":"GetDhtValue","key":%q,"subkey":0,"force_refresh":true`, key); fmt.Sprint(v) != value(1, "dGhyZWU") {
			t.Errorf("get after the commit: %v", v)
		}
		if v := bob.value(19, rc+`"rc_op":"CancelDhtWatch","key":%q`, key); v != false {
			t.Errorf("cancel: %v, want false", v)
		}
	})
}
