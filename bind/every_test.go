package bind_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
)

const (
	sampleKey  = "VLD0:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
	sampleSeed = "VLD0:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	samplePair = sampleKey + ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	sampleSign = "VLD0:5Mer6S4FW0BzvnWtiHWRjDu6c1npqFZ2xcSJUdq-nCPva3EXHocj6af0y3A1PE884avJ8_tdY8TqdS3NIfD0Cw"
)

// sample is a value of a parameter, in JSON.
func sample(t testing.TB, config, op, name, kind string) string {
	t.Helper()
	switch strings.TrimSuffix(kind, "|null") {
	case "boolean":
		return "true"
	case "uint32":
		return "1"
	case "integer|null:uint32", "integer|null:uint64":
		return "0"
	case "Timestamp":
		return `"0"`
	case "ValueSubkeyRangeSet":
		return "[[0,0]]"
	case "DHTReportScope":
		return `"Local"`
	case "Sequencing":
		return `"EnsureOrdered"`
	case "VeilidAppLifecycleState":
		return `"Active"`
	case "DHTSchema":
		return `{"kind":"SMPL","o_cnt":1,"members":[{"m_key":"Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc","m_cnt":1}]}`
	case "Target":
		return `{"RouteId":"` + sampleKey + `"}`
	case "SafetySelection":
		return `{"Safe":{"preferred_route":null,"hop_count":2,"stability":"LowLatency","sequencing":"PreferUnordered"}}`
	case "PrivateSpec":
		return `{"crypto_kinds":["VLD0"],"hop_count":1,"stability":"Reliable","sequencing":"PreferOrdered"}`
	case "VeilidStateAttachmentCondition":
		return `{"opt_min_state":"AttachedWeak","opt_max_state":null,"opt_public_internet_ready":true,"opt_local_network_ready":null}`
	case "SetDHTValueOptions":
		return `{"writer":"` + samplePair + `","allow_offline":true,"min_seqnum":3}`
	case "DHTTransactionSetValueOptions":
		return `{"writer":null,"min_seqnum":3}`
	case "OpenDHTRecordOptions":
		return `{"rehydrate":false}`
	case "TransactDHTRecordsOptions":
		return `{"default_signing_keypair":"` + samplePair + `"}`
	case "VeilidConfig":
		return config
	case "array<string>":
		switch name {
		case "args":
			return `["EmitSchema","Request"]`
		case "node_ids", "record_keys":
			return `["` + sampleKey + `"]`
		case "key_pairs":
			return `["` + samplePair + `"]`
		case "signatures":
			return `["` + sampleSign + `"]`
		}
	case "string":
		switch name {
		case "kind":
			return `"VLD0"`
		case "owner", "writer":
			if op == "GetDhtRecordKey" {
				return `"` + sampleKey + `"`
			}
			return `"` + samplePair + `"`
		case "writer_key", "encryption_key", "route_id", "digest", "hash_digest", "recipient", "shared_secret":
			return `"` + sampleKey + `"`
		case "secret":
			return `"` + sampleSeed + `"`
		case "signature":
			return `"` + sampleSign + `"`
		case "nonce":
			return `"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"`
		case "call_id":
			return `"12345678901234567890"`
		case "salt":
			return `"AAECAwQFBgcICQoLDA0ODw"`
		case "key":
			if strings.HasSuffix(op, "UserSecret") {
				return `"name"`
			}
			if slices.Contains([]string{"Store", "Load", "Delete"}, op) {
				return `"YWJj"`
			}
			return `"` + sampleKey + `"`
		}
		return `"YWJjMTIz"`
	}
	t.Fatalf("no sample of %s %s of %s", kind, name, op)
	return ""
}

// everyRequest is one request of each operation with all of its parameters.
func everyRequest(t testing.TB, config string) (lines []string) {
	tags := map[string][2]string{
		"RoutingContext": {"rc_id", "rc_op"}, "DhtTransaction": {"dhttx_id", "dhttx_op"}, "TableDb": {"db_id", "db_op"},
		"TableDbTransaction": {"tx_id", "tx_op"}, "CryptoSystem": {"cs_id", "cs_op"},
	}
	for _, o := range readInventory(t).Operations {
		if o.Group == "top" && isFamily(o.Name) || o.ResponseOnly || o.Name == "BestCryptoSystem" {
			continue
		}
		line := fmt.Sprintf(`{"id":7,"op":%q`, o.Name)
		if tag, ok := tags[o.Group]; ok {
			line = fmt.Sprintf(`{"id":7,"op":%q,%q:1,%q:%q`, o.Group, tag[0], tag[1], o.Name)
		}
		for _, p := range o.Params {
			line += fmt.Sprintf(",%q:%s", p.Name, sample(t, config, o.Name, p.Name, p.Type))
		}
		lines = append(lines, line+"}")
	}
	return lines
}

// Every operation takes all of its parameters, does something, and answers in the
// form of the schema, with a success where a node alone can.
func TestEveryOperation(t *testing.T) {
	fails := []string{ // what needs a network, or objects that are not there
		"Detach", "WaitForAttachmentCondition", "NewPrivateRoute", "NewCustomPrivateRoute", "ImportRemotePrivateRoute", "ReleasePrivateRoute",
		"AppCallReply", "TransactDhtRecords", "AppCall", "AppMessage", "OpenDhtRecord", "CloseDhtRecord", "DeleteDhtRecord", "GetDhtValue",
		"SetDhtValue", "WatchDhtValues", "CancelDhtWatch", "InspectDhtRecord", "HpkeOpen", "VerifyPassword", "DecryptAead", "Debug",
		"RenameTableDb",
	}
	checker := newChecker(t)
	node := detached(t)
	api := bind.New(node.Node, bind.Options{Schema: bind.Schema})
	for _, request := range everyRequest(t, marshalled(t, node.Node.Config())) {
		c := api.NewClient()
		mustAsk(t, c, `{"op":"NewRoutingContext"}`)
		mustAsk(t, c, `{"op":"GetCryptoSystem","kind":"VLD0"}`)
		mustAsk(t, c, `{"op":"OpenTableDb","name":"every","column_count":2}`)
		mustAsk(t, c, `{"op":"TableDb","db_id":1,"db_op":"Transact"}`)
		got, closed := ask(t.Context(), c, request)
		c.Close()
		if strings.Contains(request, `"Attach"`) { // the others want the node as it was
			mustAsk(t, c, `{"op":"Detach"}`)
			mustAsk(t, c, `{"op":"WaitForAttachmentCondition","condition":{"opt_max_state":"Detached"}}`)
		}
		if closed {
			t.Errorf("%.300s is taken for no request", request)
			continue
		}
		checker.check(t, got)
		v := decode(t, got).(map[string]any)
		op := fmt.Sprint(v["op"])
		for _, field := range []string{"rc_op", "dhttx_op", "db_op", "tx_op", "cs_op"} {
			if sub, ok := v[field].(string); ok {
				op = sub
			}
		}
		if (v["error"] != nil) != slices.Contains(fails, op) && op != "InvalidId" {
			t.Errorf("%.200s: %.300s", request, got)
		}
		if v["id"] != float64(7) {
			t.Errorf("%.200s: %.300s", request, got)
		}
	}
}
