//go:build interop && linux && !android

package interop

const firstOnly = `"subkeys":[[0,0]]`

// attachedScript needs the network: routes, messages, records, transactions.
func attachedScript() []exchange {
	s := []exchange{
		ask("attach again", "Attach"),
		ask("attached", "WaitForAttachmentCondition", `"timeout_ms":30000`).shape(),
		ask("not detached", "WaitForAttachmentCondition", `"condition":{"opt_max_state":"Detached"}`, `"timeout_ms":200`),
		ask("min above max", "WaitForAttachmentCondition", `"condition":{"opt_min_state":"AttachedFull","opt_max_state":"AttachedWeak"}`),
		ask("state", "GetState").shape().saved("config", "value.config.config"),
		ask("configuration while attached", "ChangeConfig", `"config":"$config"`),
		waitingFor("network update", "Network").shape(),

		ask("context", "NewRoutingContext").saved("rc", "value"),
		ask("route", "NewPrivateRoute").again().shape().saved("route", "value.route_id"),
		ask("custom route", "NewCustomPrivateRoute", `"private_spec":{"crypto_kinds":["VLD0"],"hop_count":1,"stability":"Reliable","sequencing":"EnsureOrdered"}`).again().shape().saved("blob", "value.blob"),
		ask("kind twice", "NewCustomPrivateRoute", `"private_spec":{"crypto_kinds":["VLD0","VLD0"]}`),
		ask("import", "ImportRemotePrivateRoute", `"blob":"$blob"`).saved("target", "value"),
		ask("import again", "ImportRemotePrivateRoute", `"blob":"$blob"`),
		ask("message", "RoutingContext.AppMessage", `"target":{"RouteId":"$target"}`, `"message":"`+abc+`"`).again().then("AppMessage"),
		ask("empty message", "RoutingContext.AppMessage", `"target":{"RouteId":"$target"}`, `"message":""`).again().then("AppMessage"),
		calling("call"),
		{name: "call arrives", update: "AppCall", keep: map[string]string{"call": "call_id"}, loose: true},
		ask("reply", "AppCallReply", `"call_id":"$call"`, `"message":"`+abc+`"`),
		ask("reply again", "AppCallReply", `"call_id":"$call"`, `"message":"`+abc+`"`).shape(),
		{name: "call answered", answer: "call"},
		calling("call without an answer"),
		{name: "that one times out", answer: "call without an answer"},
		ask("message too long", "RoutingContext.AppMessage", `"target":{"RouteId":"$target"}`, `"message":"`+zeros(32769)+`"`),
		ask("call too long", "RoutingContext.AppCall", `"target":{"RouteId":"$target"}`, `"message":"`+zeros(32769)+`"`),
		ask("not imported", "RoutingContext.AppMessage", `"target":{"RouteId":"$route"}`, `"message":""`),
		ask("release imported", "ReleasePrivateRoute", `"route_id":"$target"`),
		ask("release imported again", "ReleasePrivateRoute", `"route_id":"$target"`),
		ask("release own", "ReleasePrivateRoute", `"route_id":"$route"`).then("RouteChange").shape(),
	}
	s = append(s, recordScript()...)
	return append(s, transactionScript()...)
}

// waitingFor is an exchange of a question of no interest and an update.
func waitingFor(name, update string) exchange { return ask(name, "IsShutdown").then(update) }

func calling(name string) exchange {
	e := ask(name, "RoutingContext.AppCall", `"target":{"RouteId":"$target"}`, `"message":"`+abc+`"`)
	e.later = true
	return e
}

func recordScript() []exchange {
	key, bogus := `"key":"$key"`, `"key":"VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"`
	rc := func(name, op string, more ...string) exchange { return ask(name, "RoutingContext."+op, more...) }
	return []exchange{
		rc("create nothing", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":0}`),
		rc("create of another kind", "CreateDhtRecord", `"kind":"NONE"`, `"schema":{"kind":"DFLT","o_cnt":1}`),
		rc("create for an owner of another kind", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":1}`, `"owner":"XXXX:AAAA:AAAA"`),
		rc("create", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":3}`).saved("key", "value.key"),
		rc("open without a writer", "OpenDhtRecord", key, `"options":{"rehydrate":false}`),
		rc("create with members", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"SMPL","o_cnt":1,"members":[{"m_key":"`+key2[5:]+`","m_cnt":1}]}`),
		rc("get nothing", "GetDhtValue", key, `"subkey":0`, `"force_refresh":false`).again(),
		rc("set without a writer", "SetDhtValue", key, `"subkey":0`, `"data":"`+abc+`"`, `"options":null`),
		rc("close", "CloseDhtRecord", key),
		rc("get of a closed one", "GetDhtValue", key, `"subkey":0`, `"force_refresh":false`),
		ask("a pair for an owner", "GenerateKeyPair", `"kind":"VLD0"`).saved("owner", "value"),
		rc("create for an owner", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":3}`, `"owner":"$owner"`).saved("key", "value.key"),
		rc("create it again", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":3}`, `"owner":"$owner"`),
		rc("set", "SetDhtValue", key, `"subkey":0`, `"data":"`+abc+`"`),
		rc("flush", "FlushDhtRecord", key, `"timeout_ms":30000`),
		rc("get", "GetDhtValue", key, `"subkey":0`, `"force_refresh":true`).again(),
		rc("set the same", "SetDhtValue", key, `"subkey":0`, `"data":"`+abc+`"`, `"options":{"allow_offline":true}`),
		rc("set above a number", "SetDhtValue", key, `"subkey":1`, `"data":"`+abc+`"`, `"options":{"min_seqnum":5}`),
		rc("flush again", "FlushDhtRecord", key),
		rc("get that", "GetDhtValue", key, `"subkey":1`, `"force_refresh":false`),
		rc("get beyond", "GetDhtValue", key, `"subkey":3`, `"force_refresh":false`),
		rc("set beyond", "SetDhtValue", key, `"subkey":3`, `"data":""`),
		rc("set too much", "SetDhtValue", key, `"subkey":0`, `"data":"`+zeros(32769)+`"`),
		rc("set by another", "SetDhtValue", key, `"subkey":0`, `"data":""`, `"options":{"writer":"`+pair2+`"}`),
		rc("inspect", "InspectDhtRecord", key, `"subkeys":null`, `"scope":"Local"`),
		rc("inspect some", "InspectDhtRecord", key, `"subkeys":[[1,2],[0,0],[2,1]]`, `"scope":"UpdateGet"`).again(),
		rc("inspect the network", "InspectDhtRecord", key, `"subkeys":[]`, `"scope":"SyncGet"`).again(),
		rc("inspect for a write", "InspectDhtRecord", key, firstOnly, `"scope":"UpdateSet"`).again(),
		rc("inspect none", "InspectDhtRecord", key, `"subkeys":[[7,9]]`, `"scope":"Local"`),

		rc("watch", "WatchDhtValues", key, `"subkeys":[]`, `"expiration":"0"`, `"count":4294967295`),
		rc("watch nothing", "WatchDhtValues", key, `"subkeys":[[7,9]]`),
		rc("watch in the past", "WatchDhtValues", key, `"expiration":"1"`),
		rc("watch without a count", "WatchDhtValues", key, `"subkeys":[]`),
		ask("partner's context", "NewRoutingContext").over("partner").saved("prc", "value"),
		rc("partner opens", "OpenDhtRecord", `"rc_id":"$prc"`, key, `"writer":"$owner"`).over("partner").again(),
		rc("partner gets", "GetDhtValue", `"rc_id":"$prc"`, key, `"subkey":2`, `"force_refresh":true`).over("partner").again(),
		rc("partner sets", "SetDhtValue", `"rc_id":"$prc"`, key, `"subkey":2`, `"data":"AAAA"`).over("partner"),
		waitingFor("change", "ValueChange"),
		rc("cancel some", "CancelDhtWatch", key, firstOnly),
		rc("cancel", "CancelDhtWatch", key).then("ValueChange"),
		rc("cancel again", "CancelDhtWatch", key),
		rc("partner closes", "CloseDhtRecord", `"rc_id":"$prc"`, key).over("partner"),

		rc("delete an open one", "DeleteDhtRecord", key),
		rc("delete it again", "DeleteDhtRecord", key),
		rc("close what is not there", "CloseDhtRecord", bogus),
		rc("delete what is not there", "DeleteDhtRecord", bogus),
		rc("get what is not there", "GetDhtValue", bogus, `"subkey":0`, `"force_refresh":true`),
		rc("set what is not there", "SetDhtValue", bogus, `"subkey":0`, `"data":""`),
		rc("inspect what is not there", "InspectDhtRecord", bogus, `"scope":"Local"`),
		rc("watch what is not there", "WatchDhtValues", bogus),
		rc("cancel what is not there", "CancelDhtWatch", bogus),
		rc("flush what is not there", "FlushDhtRecord", bogus, `"timeout_ms":100`),
		rc("open what is not there", "OpenDhtRecord", bogus),
		rc("open a short key", "OpenDhtRecord", `"key":"VLD0:AAAA"`),
		rc("open another kind", "OpenDhtRecord", `"key":"XXXX:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"`),
		rc("close a short key", "CloseDhtRecord", `"key":"VLD0:AAAA"`),
	}
}

func transactionScript() []exchange {
	key, other := `"key":"$key"`, `"key":"$other"`
	tx := func(name, op string, more ...string) exchange { return ask(name, "DhtTransaction."+op, more...) }
	create := func(name, variable string) exchange {
		return ask(name, "RoutingContext.CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":2}`).saved(variable, "value.key")
	}
	return []exchange{
		ask("begin with none", "TransactDhtRecords", `"record_keys":[]`),
		ask("begin with what is not there", "TransactDhtRecords", `"record_keys":["VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"]`),
		create("one", "key"),
		create("other", "other"),
		ask("begin twice the same", "TransactDhtRecords", `"record_keys":["$key","$key"]`),
		ask("begin", "TransactDhtRecords", `"record_keys":["$key"]`).again().saved("dhttx", "value"),
		ask("begin once more", "TransactDhtRecords", `"record_keys":["$key"]`),
		ask("set outside", "RoutingContext.SetDhtValue", key, `"subkey":0`, `"data":""`),
		tx("extend with none", "Extend", `"record_keys":[]`),
		tx("extend", "Extend", `"record_keys":["$other"]`).again(),
		tx("extend with what is in it", "Extend", `"record_keys":["$key"]`, `"options":{"default_signing_keypair":"`+pair1+`"}`),
		tx("get nothing in it", "Get", key, `"subkey":0`),
		tx("set in it", "Set", key, `"subkey":0`, `"data":"`+abc+`"`),
		tx("set the other", "Set", other, `"subkey":1`, `"data":"`+abc+`"`, `"options":{"min_seqnum":3}`),
		tx("set beyond in it", "Set", key, `"subkey":2`, `"data":""`),
		tx("set by another in it", "Set", key, `"subkey":0`, `"data":""`, `"options":{"writer":"`+pair2+`"}`),
		tx("set elsewhere", "Set", `"key":"VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"`, `"subkey":0`, `"data":""`),
		tx("get elsewhere", "Get", `"key":"VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"`, `"subkey":0`),
		tx("get beyond in it", "Get", key, `"subkey":2`),
		tx("inspect in it", "Inspect", key, `"subkeys":null`, `"scope":"Local"`),
		tx("inspect for a get", "Inspect", key, `"subkeys":[[0,1]]`, `"scope":"SyncGet"`),
		tx("inspect for a set", "Inspect", key, firstOnly, `"scope":"UpdateSet"`),
		tx("commit", "Commit"),
		tx("use after commit", "Get", key, `"subkey":0`),
		ask("get what was committed", "RoutingContext.GetDhtValue", key, `"subkey":0`, `"force_refresh":true`).again(),
		ask("get the other", "RoutingContext.GetDhtValue", other, `"subkey":1`, `"force_refresh":true`).again(),
		ask("begin to roll back", "TransactDhtRecords", `"record_keys":["$key"]`, `"options":{"default_signing_keypair":null}`).again().saved("dhttx", "value"),
		tx("roll back", "Rollback"),
		tx("roll back again", "Rollback"),
		ask("begin to drop", "TransactDhtRecords", `"record_keys":["$key"]`).again().saved("dhttx", "value"),
		tx("drop", "Release"),
		tx("use after drop", "Commit"),
		ask("begin to close in", "TransactDhtRecords", `"record_keys":["$other"]`).again().saved("dhttx", "value"),
		ask("close in it", "RoutingContext.CloseDhtRecord", other),
		tx("get after the close", "Get", other, `"subkey":0`),
		tx("commit after the close", "Commit"),
		tx("commit after that", "Commit"),
	}
}

// detachedScript takes the node off the network, asks everything that needs it, and
// brings it back.
func detachedScript() []exchange {
	key := `"key":"$key"`
	rc := func(name, op string, more ...string) exchange { return ask(name, "RoutingContext."+op, more...) }
	return []exchange{
		ask("context", "NewRoutingContext").saved("rc", "value"),
		rc("a record from before", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":2}`).saved("key", "value.key"),
		rc("set before", "SetDhtValue", key, `"subkey":0`, `"data":"`+abc+`"`),
		rc("flush before", "FlushDhtRecord", key, `"timeout_ms":30000`),
		ask("detach", "Detach").attachment("Detached").shape(),
		ask("detached", "WaitForAttachmentCondition", `"condition":{"opt_max_state":"Detached"}`, `"timeout_ms":20000`).shape(),
		ask("detach again", "Detach"),
		ask("wait without time", "WaitForAttachmentCondition", `"timeout_ms":0`),
		ask("state", "GetState").shape().saved("config", "value.config.config"),
		ask("route", "NewPrivateRoute"),
		ask("custom route", "NewCustomPrivateRoute", `"private_spec":{}`),
		rc("message", "AppMessage", `"target":{"RouteId":"`+zeroKey+`"}`, `"message":""`),
		rc("call", "AppCall", `"target":{"RouteId":"`+zeroKey+`"}`, `"message":""`),
		rc("get what is here", "GetDhtValue", key, `"subkey":0`, `"force_refresh":false`),
		rc("get from the network", "GetDhtValue", key, `"subkey":0`, `"force_refresh":true`),
		rc("get what is not here", "GetDhtValue", key, `"subkey":1`, `"force_refresh":false`),
		rc("set offline", "SetDhtValue", key, `"subkey":1`, `"data":"`+abc+`"`),
		rc("set online only", "SetDhtValue", key, `"subkey":1`, `"data":"AAAA"`, `"options":{"allow_offline":false}`),
		rc("inspect", "InspectDhtRecord", key, `"scope":"Local"`),
		rc("inspect the network", "InspectDhtRecord", key, `"scope":"SyncGet"`),
		rc("flush", "FlushDhtRecord", key, `"timeout_ms":100`),
		rc("watch", "WatchDhtValues", key),
		rc("cancel", "CancelDhtWatch", key),
		rc("open what is not there", "OpenDhtRecord", `"key":"VLD0:ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICA"`),
		rc("create", "CreateDhtRecord", `"kind":"VLD0"`, `"schema":{"kind":"DFLT","o_cnt":1}`),
		ask("transaction", "TransactDhtRecords", `"record_keys":["$key"]`),
		ask("debug", "Debug", `"command":"nodeinfo"`).shape(),
		ask("change configuration", "ChangeConfig", `"config":"$config"`).then("Config").shape(),
		ask("attach", "Attach").attachment("Attaching").shape(),
		ask("attached again", "WaitForAttachmentCondition", `"timeout_ms":30000`).shape(),
		rc("flush what was set offline", "FlushDhtRecord", key, `"timeout_ms":30000`),
		rc("get it", "GetDhtValue", key, `"subkey":1`, `"force_refresh":true`).again(),
	}
}
