//go:build interop && linux && !android

package interop

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Keys with known seeds (spec 07 §11), texts and sizes of the scripts.
const (
	key1    = "VLD0:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
	secret1 = "VLD0:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	pair1   = key1 + ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	key2    = "VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc"
	secret2 = "VLD0:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
	pair2   = key2 + ":ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
	shared  = "VLD0:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"
	nonce   = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
	abc     = "YWJj"                   // "abc"
	salt    = "AAECAwQFBgcICQoLDA0ODw" // 16 bytes
	zeroKey = "VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// ask is an exchange of an operation; more are its parameters, as they stand in
// the line.
func ask(name, op string, more ...string) exchange {
	family, sub, object := strings.Cut(op, ".")
	line := fmt.Sprintf(`{"op":%q`, family)
	if object {
		prefix := map[string]string{"RoutingContext": "rc", "TableDb": "db", "TableDbTransaction": "tx", "DhtTransaction": "dhttx", "CryptoSystem": "cs"}[family]
		line += fmt.Sprintf(`,"%s_op":%q`, prefix, sub)
		if !strings.Contains(strings.Join(more, ","), `"`+prefix+`_id"`) {
			line += fmt.Sprintf(`,"%s_id":"$%s"`, prefix, prefix) // the one last made
		}
	}
	if len(more) > 0 {
		line += "," + strings.Join(more, ",")
	}
	return exchange{name: name, request: line + "}"}
}

func (e exchange) saved(name, path string) exchange {
	e.save = map[string]string{name: path}
	return e
}

func (e exchange) over(conn string) exchange { e.on = conn; return e }
func (e exchange) shape() exchange           { e.loose = true; return e }
func (e exchange) again() exchange           { e.retry = true; return e }
func (e exchange) then(update string) exchange {
	e.update = update
	return e
}
func (e exchange) attachment(state string) exchange {
	e.update, e.state = "Attachment", state
	return e
}

// zeros is the text of a number of zero bytes.
func zeros(n int) string { return base64.RawURLEncoding.EncodeToString(make([]byte, n)) }

// localScript needs no network: crypto, tables, secrets, objects, versions.
func localScript() []exchange {
	s := []exchange{
		ask("version", "VeilidVersion"),
		ask("version text", "VeilidVersionString"),
		ask("features", "VeilidFeatures").shape(),
		ask("default configuration", "DefaultVeilidConfig").shape(),
		ask("kinds", "ValidCryptoKinds"),
		ask("now", "Now").shape(),
		ask("now non-decreasing", "NowNonDecreasing").shape(),
		ask("now increasing", "NowIncreasing").shape(),
		ask("is shut down", "IsShutdown"),
		ask("state", "GetState").shape(),
		ask("debug", "Debug", `"command":"uptime"`).shape(),
		ask("debug, no such command", "Debug", `"command":"dance"`).shape(),
		ask("life cycle", "ReportAppLifecycleState", `"state":"Background"`),

		ask("member id", "GenerateMemberId", `"writer_key":"`+key2+`"`),
		ask("member id of a short key", "GenerateMemberId", `"writer_key":"VLD0:AAAA"`),
		ask("record key", "GetDhtRecordKey", `"schema":{"kind":"DFLT","o_cnt":2}`, `"owner":"`+key1+`"`, `"encryption_key":null`),
		ask("record key, encrypted", "GetDhtRecordKey", `"schema":{"kind":"SMPL","o_cnt":0,"members":[{"m_key":"`+key2[5:]+`","m_cnt":1}]}`, `"owner":"`+key1+`"`, `"encryption_key":"`+shared+`"`),
		ask("record key, no subkeys", "GetDhtRecordKey", `"schema":{"kind":"DFLT","o_cnt":0}`, `"owner":"`+key1+`"`),
		ask("record key, other kind", "GetDhtRecordKey", `"schema":{"kind":"DFLT","o_cnt":1}`, `"owner":"XXXX:`+key1[5:]+`"`),

		ask("key pair", "GenerateKeyPair", `"kind":"VLD0"`),
		ask("key pair, other kind", "GenerateKeyPair", `"kind":"NONE"`),
		ask("sign", "GenerateSignatures", `"data":"`+abc+`"`, `"key_pairs":["`+pair1+`"]`).saved("signature", "value"),
		ask("verify", "VerifySignatures", `"node_ids":["`+key1+`"]`, `"data":"`+abc+`"`, `"signatures":"$signature"`),
		ask("verify, other data", "VerifySignatures", `"node_ids":["`+key1+`"]`, `"data":""`, `"signatures":"$signature"`),
		ask("verify, other kind", "VerifySignatures", `"node_ids":["XXXX:AAAA"]`, `"data":""`, `"signatures":[]`),
		ask("sign, short key", "GenerateSignatures", `"data":""`, `"key_pairs":["VLD0:AAAA:AAAA"]`),
		ask("no crypto system", "GetCryptoSystem", `"kind":"NONE"`),
		ask("crypto system", "GetCryptoSystem", `"kind":"VLD0"`).saved("cs", "value"),
	}
	s = append(s, cryptoScript()...)
	s = append(s, tableScript()...)
	return append(s,
		ask("save a secret", "SaveUserSecret", `"key":"one"`, `"value":"`+abc+`"`),
		ask("save it again", "SaveUserSecret", `"key":"one"`, `"value":""`),
		ask("load it", "LoadUserSecret", `"key":"one"`),
		ask("load another", "LoadUserSecret", `"key":"two"`),
		ask("a reserved secret", "SaveUserSecret", `"key":"device_encryption_key"`, `"value":""`),
		ask("list secrets", "ListUserSecrets"),
		ask("remove it", "RemoveUserSecret", `"key":"one"`),
		ask("remove it again", "RemoveUserSecret", `"key":"one"`),
		ask("delete all secrets", "DeleteAllUserSecrets"),

		ask("context", "NewRoutingContext").saved("rc", "value"),
		ask("its safety", "RoutingContext.Safety"),
		ask("with default safety", "RoutingContext.WithDefaultSafety"),
		ask("with sequencing", "RoutingContext.WithSequencing", `"sequencing":"EnsureOrdered"`),
		ask("with safety", "RoutingContext.WithSafety", `"safety_selection":{"Safe":{"hop_count":2,"stability":"LowLatency"}}`).saved("hidden", "value"),
		ask("safety of that", "RoutingContext.Safety", `"rc_id":"$hidden"`),
		ask("unsafe", "RoutingContext.WithSafety", `"safety_selection":{"Unsafe":"PreferOrdered"}`),
		ask("too many hops", "RoutingContext.WithSafety", `"safety_selection":{"Safe":{"hop_count":5}}`),
		ask("preferred route of another kind", "RoutingContext.WithSafety", `"safety_selection":{"Safe":{"preferred_route":"XXXX:AAAA"}}`),
		ask("preferred route, short", "RoutingContext.WithSafety", `"safety_selection":{"Safe":{"preferred_route":"VLD0:AAAA"}}`),
		ask("a call to a node", "RoutingContext.AppCall", `"target":{"NodeId":"`+key1+`"}`, `"message":""`),
		ask("a message to nobody", "RoutingContext.AppMessage", `"target":{"RouteId":"`+zeroKey+`"}`, `"message":""`),
		ask("a message to a short id", "RoutingContext.AppMessage", `"target":{"RouteId":"VLD0:AAAA"}`, `"message":""`),
		ask("a message to another kind", "RoutingContext.AppMessage", `"target":{"RouteId":"XXXX:`+zeroKey[5:]+`"}`, `"message":""`),
		ask("a reply to no call", "AppCallReply", `"call_id":"12345"`, `"message":""`),
		ask("a route of nonsense", "ImportRemotePrivateRoute", `"blob":"`+abc+`"`),
		ask("an empty route", "ImportRemotePrivateRoute", `"blob":""`),
		ask("release of no route", "ReleasePrivateRoute", `"route_id":"`+zeroKey+`"`),
		ask("release of a route of another kind", "ReleasePrivateRoute", `"route_id":"XXXX:`+zeroKey[5:]+`"`),
		ask("a route too long", "NewCustomPrivateRoute", `"private_spec":{"hop_count":5}`),
		ask("a route of another kind", "NewCustomPrivateRoute", `"private_spec":{"crypto_kinds":["NONE"]}`),
		ask("release the context", "RoutingContext.Release"),
		ask("a context that is gone", "RoutingContext.Safety"),
		ask("no such transaction", "DhtTransaction.Commit", `"dhttx_id":7`),
		ask("no such crypto system", "CryptoSystem.Kind", `"cs_id":7`),
		ask("no such table", "TableDb.GetColumnCount", `"db_id":70`),
		ask("no such table transaction", "TableDbTransaction.Commit", `"tx_id":70`),
	)
}

func cryptoScript() []exchange {
	cs := func(name, op string, more ...string) exchange { return ask(name, "CryptoSystem."+op, more...) }
	var s []exchange
	for _, op := range []string{
		"Kind", "SharedSecretLength", "NonceLength", "HashDigestLength", "PublicKeyLength", "SecretKeyLength", "SignatureLength",
		"DefaultSaltLength", "AeadOverhead", "EncapsulationKeyLength", "DecapsulationKeyLength",
	} {
		s = append(s, cs(op, op))
	}
	for _, op := range []string{"CachedDh", "ComputeDh", "GenerateSharedSecret"} {
		domain := `"domain":"` + abc + `"`
		s = append(s,
			cs(op, op, `"key":"`+key1+`"`, `"secret":"`+secret2+`"`, domain),
			cs(op+", short", op, `"key":"VLD0:AAAA"`, `"secret":"`+secret2+`"`, domain),
			cs(op+", other kind", op, `"key":"XXXX:`+key1[5:]+`"`, `"secret":"`+secret2+`"`, domain),
			cs(op+", low order", op, `"key":"`+zeroKey+`"`, `"secret":"`+secret2+`"`, domain),
		)
	}
	for op, field := range map[string]string{
		"CheckSharedSecret": "secret", "CheckHashDigest": "digest", "CheckPublicKey": "key", "CheckSecretKey": "key", "CheckSignature": "signature",
	} {
		s = append(s,
			cs(op, op, `"`+field+`":"`+key1+`"`), // a signature is longer
			cs(op+", other kind", op, `"`+field+`":"XXXX:`+key1[5:]+`"`),
			cs(op+", empty", op, `"`+field+`":""`),
		)
	}
	return append(s,
		cs("CheckNonce", "CheckNonce", `"nonce":"`+nonce+`"`),
		cs("CheckNonce, short", "CheckNonce", `"nonce":"AAAA"`),
		cs("RandomBytes", "RandomBytes", `"len":5`).shape(),
		cs("RandomBytes, none", "RandomBytes", `"len":0`),
		cs("RandomNonce", "RandomNonce").shape(),
		cs("RandomSharedSecret", "RandomSharedSecret"),
		cs("GenerateKeyPair", "GenerateKeyPair"),
		cs("GenerateHash", "GenerateHash", `"data":"`+abc+`"`).saved("digest", "value"),
		cs("ValidateHash", "ValidateHash", `"data":"`+abc+`"`, `"hash_digest":"$digest"`),
		cs("ValidateHash, other", "ValidateHash", `"data":""`, `"hash_digest":"$digest"`),
		cs("ValidateHash, short", "ValidateHash", `"data":""`, `"hash_digest":"VLD0:AAAA"`),
		cs("ValidateKeyPair", "ValidateKeyPair", `"key":"`+key1+`"`, `"secret":"`+secret1+`"`),
		cs("ValidateKeyPair, other", "ValidateKeyPair", `"key":"`+key1+`"`, `"secret":"`+secret2+`"`),
		cs("ValidateKeyPair, short", "ValidateKeyPair", `"key":"VLD0:AAAA"`, `"secret":"`+secret2+`"`),
		cs("Sign", "Sign", `"key":"`+key1+`"`, `"secret":"`+secret1+`"`, `"data":"`+abc+`"`).saved("signed", "value"),
		cs("Sign, other pair", "Sign", `"key":"`+key1+`"`, `"secret":"`+secret2+`"`, `"data":""`),
		cs("Verify", "Verify", `"key":"`+key1+`"`, `"data":"`+abc+`"`, `"signature":"$signed"`),
		cs("Verify, other data", "Verify", `"key":"`+key1+`"`, `"data":""`, `"signature":"$signed"`),
		cs("Verify, short", "Verify", `"key":"`+key1+`"`, `"data":""`, `"signature":"VLD0:AAAA"`),
		cs("EncryptAead", "EncryptAead", `"body":"`+abc+`"`, `"nonce":"`+nonce+`"`, `"shared_secret":"`+shared+`"`, `"associated_data":null`).saved("sealed", "value"),
		cs("DecryptAead", "DecryptAead", `"body":"$sealed"`, `"nonce":"`+nonce+`"`, `"shared_secret":"`+shared+`"`, `"associated_data":""`),
		cs("DecryptAead, other data", "DecryptAead", `"body":"$sealed"`, `"nonce":"`+nonce+`"`, `"shared_secret":"`+shared+`"`, `"associated_data":"`+abc+`"`),
		cs("DecryptAead, short", "DecryptAead", `"body":"`+abc+`"`, `"nonce":"AAAA"`, `"shared_secret":"`+shared+`"`, `"associated_data":null`),
		cs("CryptNoAuth", "CryptNoAuth", `"body":"`+abc+`"`, `"nonce":"`+nonce+`"`, `"shared_secret":"`+shared+`"`),
		cs("HashPassword", "HashPassword", `"password":"`+abc+`"`, `"salt":"`+salt+`"`).saved("phc", "value"),
		cs("HashPassword, short salt", "HashPassword", `"password":"`+abc+`"`, `"salt":"`+abc+`"`),
		cs("VerifyPassword", "VerifyPassword", `"password":"`+abc+`"`, `"password_hash":"$phc"`),
		cs("VerifyPassword, wrong", "VerifyPassword", `"password":""`, `"password_hash":"$phc"`),
		cs("VerifyPassword, no hash", "VerifyPassword", `"password":""`, `"password_hash":"x"`),
		cs("DeriveSharedSecret", "DeriveSharedSecret", `"password":"`+abc+`"`, `"salt":"`+salt+`"`),
		cs("GenerateKemKeyPair", "GenerateKemKeyPair"),
		cs("EncapsulationKeyFromSigningKey", "EncapsulationKeyFromSigningKey", `"key":"`+key1+`"`).saved("encapsulation", "value"),
		cs("EncapsulationKeyFromSigningKey, short", "EncapsulationKeyFromSigningKey", `"key":"VLD0:AAAA"`),
		cs("DecapsulationKeyFromSigningSecret", "DecapsulationKeyFromSigningSecret", `"secret":"`+secret1+`"`).saved("decapsulation", "value"),
		cs("DecapsulationKeyFromSigningSecret, short", "DecapsulationKeyFromSigningSecret", `"secret":"VLD0:AAAA"`),
		cs("HpkeSeal", "HpkeSeal", `"recipient":"$encapsulation"`, `"aad":""`, `"plaintext":"`+abc+`"`).shape().saved("hpke", "value"),
		cs("HpkeOpen", "HpkeOpen", `"secret":"$decapsulation"`, `"aad":""`, `"sealed":"$hpke"`),
		cs("HpkeOpen, other data", "HpkeOpen", `"secret":"$decapsulation"`, `"aad":"`+abc+`"`, `"sealed":"$hpke"`),
		cs("HpkeOpen, short", "HpkeOpen", `"secret":"$decapsulation"`, `"aad":""`, `"sealed":"`+abc+`"`),
		cs("HpkeSeal, low order", "HpkeSeal", `"recipient":"`+zeroKey+`"`, `"aad":""`, `"plaintext":""`),
		cs("crypto system released", "Release"),
	)
}

func tableScript() []exchange {
	key := func(k string) string { return `"key":"` + k + `"` }
	return []exchange{
		ask("delete no table", "DeleteTableDb", `"name":"side"`),
		ask("table", "OpenTableDb", `"name":"side"`, `"column_count":2`).saved("db", "value"),
		ask("a bad name", "OpenTableDb", `"name":"a/b"`, `"column_count":1`),
		ask("no columns", "OpenTableDb", `"name":"side2"`, `"column_count":0`),
		ask("more columns", "OpenTableDb", `"name":"side"`, `"column_count":3`),
		ask("columns", "TableDb.GetColumnCount"),
		ask("store", "TableDb.Store", `"col":0`, key(abc), `"value":"AAAA"`),
		ask("store, bad column", "TableDb.Store", `"col":2`, key(abc), `"value":"AAAA"`),
		ask("load", "TableDb.Load", `"col":0`, key(abc)),
		ask("load nothing", "TableDb.Load", `"col":1`, key(abc)),
		ask("load, bad column", "TableDb.Load", `"col":2`, key(abc)),
		ask("keys", "TableDb.GetKeys", `"col":0`),
		ask("keys, bad column", "TableDb.GetKeys", `"col":9`),
		ask("transaction", "TableDb.Transact").saved("tx", "value"),
		ask("store in it", "TableDbTransaction.Store", `"col":1`, key(abc), `"value":"BBBB"`),
		ask("delete in it", "TableDbTransaction.Delete", `"col":0`, key(abc)),
		ask("store in it, bad column", "TableDbTransaction.Store", `"col":2`, key(abc), `"value":"BBBB"`),
		ask("still there", "TableDb.Load", `"col":0`, key(abc)),
		ask("commit", "TableDbTransaction.Commit"),
		ask("commit again", "TableDbTransaction.Commit"),
		ask("gone", "TableDb.Load", `"col":0`, key(abc)),
		ask("another transaction", "TableDb.Transact").saved("tx", "value"),
		ask("roll back", "TableDbTransaction.Rollback"),
		ask("roll back again", "TableDbTransaction.Rollback"),
		ask("delete", "TableDb.Delete", `"col":1`, key(abc)),
		ask("delete nothing", "TableDb.Delete", `"col":1`, key(abc)),
		ask("delete, bad column", "TableDb.Delete", `"col":2`, key(abc)),
		ask("delete an open table", "DeleteTableDb", `"name":"side"`),
		ask("rename", "RenameTableDb", `"old_name":"side"`, `"new_name":"other-side"`),
		ask("rename to itself", "RenameTableDb", `"old_name":"other-side"`, `"new_name":"other-side"`),
		ask("rename nothing", "RenameTableDb", `"old_name":"nothing"`, `"new_name":"third-side"`),
		ask("release the table", "TableDb.Release"),
		ask("delete the table", "DeleteTableDb", `"name":"other-side"`),
	}
}

// lineScript holds lines that are not as they should be: each is answered by both
// nodes, or ends the connection to both (spec 07 §5.2).
func lineScript() []exchange {
	deep := strings.Repeat("[", 200) + strings.Repeat("]", 200)
	lines := map[string]string{
		"no JSON":             `hello`,
		"HTTP":                "POST / HTTP/1.1\r\nHost: localhost:5959\r\nContent-Type: application/json",
		"a list":              `[]`,
		"nothing in it":       `{}`,
		"unknown operation":   `{"id":1,"op":"Dance"}`,
		"operation missing":   `{"id":1}`,
		"operation twice":     `{"id":1,"op":"Now","op":"Now"}`,
		"id null":             `{"id":null,"op":"VeilidVersionString"}`,
		"id as text":          `{"id":"1","op":"VeilidVersionString"}`,
		"id too large":        `{"id":4294967296,"op":"VeilidVersionString"}`,
		"id negative":         `{"id":-1,"op":"VeilidVersionString"}`,
		"id with a point":     `{"id":1.0,"op":"VeilidVersionString"}`,
		"no id":               `{"op":"VeilidVersionString"}`,
		"unknown field":       `{"id":1,"op":"VeilidVersionString","more":[1,{"a":null}]}`,
		"unknown field, deep": `{"id":1,"op":"VeilidVersionString","more":` + deep + `}`,
		"lone surrogate":      `{"id":1,"op":"VeilidVersionString","more":"\ud800"}`,
		"huge number":         `{"id":1,"op":"VeilidVersionString","more":1e999}`,
		"space around":        "  \t" + `{"id":1,"op":"VeilidVersionString"}` + " \r",
		"text behind":         `{"id":1,"op":"VeilidVersionString"} x`,
		"byte order mark":     "\ufeff" + `{"id":1,"op":"VeilidVersionString"}`,
		"parameter missing":   `{"id":1,"op":"GenerateKeyPair"}`,
		"kind too long":       `{"id":1,"op":"GenerateKeyPair","kind":"VLD00"}`,
		"padding":             `{"id":1,"op":"ImportRemotePrivateRoute","blob":"YQ=="}`,
		"standard base64":     `{"id":1,"op":"ImportRemotePrivateRoute","blob":"a+/a"}`,
		"trailing bits":       `{"id":1,"op":"ImportRemotePrivateRoute","blob":"YR"}`,
		"key without kind":    `{"id":1,"op":"GenerateMemberId","writer_key":"` + key2[5:] + `"}`,
		"key with a bad text": `{"id":1,"op":"GenerateMemberId","writer_key":"VLD0:***"}`,
		"empty kind":          `{"id":1,"op":"GenerateMemberId","writer_key":"VLD0:"}`,
		"pair in one part":    `{"id":1,"op":"GenerateSignatures","data":"","key_pairs":["` + key1 + `"]}`,
		"call id empty":       `{"id":1,"op":"AppCallReply","call_id":"","message":""}`,
		"call id too large":   `{"id":1,"op":"AppCallReply","call_id":"18446744073709551616","message":""}`,
		"call id as number":   `{"id":1,"op":"AppCallReply","call_id":1,"message":""}`,
		"columns negative":    `{"id":1,"op":"OpenTableDb","name":"x","column_count":-0}`,
		"spec null":           `{"id":1,"op":"NewCustomPrivateRoute","private_spec":null}`,
		"sequencing of 0.5.2": `{"id":1,"op":"RoutingContext","rc_id":1,"rc_op":"WithSequencing","sequencing":"NoPreference"}`,
		"object unknown":      `{"id":1,"op":"RoutingContext","rc_id":1,"rc_op":"WithSequencing","sequencing":"EnsureOrdered"}`,
		"object missing":      `{"id":1,"op":"RoutingContext","rc_op":"Safety"}`,
		"sub-operation bad":   `{"id":1,"op":"RoutingContext","rc_id":1,"rc_op":"Dance"}`,
		"both safeties":       `{"id":1,"op":"RoutingContext","rc_id":1,"rc_op":"WithSafety","safety_selection":{"Safe":{},"Unsafe":"PreferOrdered"}}`,
		"schema unknown":      `{"id":1,"op":"GetDhtRecordKey","schema":{"kind":"XXXX"},"owner":"` + key1 + `"}`,
		"schema too large":    `{"id":1,"op":"GetDhtRecordKey","schema":{"kind":"DFLT","o_cnt":65536},"owner":"` + key1 + `"}`,
		"state unknown":       `{"id":1,"op":"ReportAppLifecycleState","state":"Asleep"}`,
		"timeout negative":    `{"id":1,"op":"WaitForAttachmentCondition","timeout_ms":-1}`,
		"configuration empty": `{"id":1,"op":"ChangeConfig","config":{}}`,
	}
	var s []exchange
	for name, line := range lines {
		s = append(s, exchange{name: name, request: line, alone: true})
	}
	// Fields that the schema calls optional and a real node demands (spec 07 §5.6).
	return append(s,
		exchange{name: "scope missing", alone: true,
			request: `{"id":1,"op":"RoutingContext","rc_id":1,"rc_op":"InspectDhtRecord","key":"` + zeroKey + `"}`},
		exchange{name: "associated data missing", alone: true,
			request: `{"id":1,"op":"CryptoSystem","cs_id":1,"cs_op":"EncryptAead","body":"","nonce":"","shared_secret":""}`},
	)
}
