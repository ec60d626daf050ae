package bind_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// askBinary does one request with bytes beside it.
func askBinary(t testing.TB, c *bind.Client, request string, blobs ...[]byte) (response string, out [][]byte) {
	t.Helper()
	call, err := c.ParseBinary([]byte(request), blobs)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	line, out := call.RunBinary(t.Context(), nil)
	return string(line), out
}

// Bytes go beside the line in both directions, and come to the same as in it.
func TestBinaryRequests(t *testing.T) {
	c := newClient(t)
	mustAsk(t, c, `{"op":"GetCryptoSystem","kind":"VLD0"}`)
	mustAsk(t, c, `{"op":"OpenTableDb","name":"t","column_count":1}`)
	mustAsk(t, c, `{"op":"NewRoutingContext"}`)
	const nonce, secret = `"nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"`, `"shared_secret":"VLD0:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"`
	for _, tt := range []struct {
		name, request string
		in            []string
		want          string
		out           []string
	}{
		{
			"store", `{"id":1,"op":"TableDb","db_id":1,"db_op":"Store","col":0,"key":"#0","value":"#1"}`, []string{"k", "value"},
			`{"type":"Response","id":1,"op":"TableDb","db_id":1,"db_op":"Store","value":null}`, nil,
		},
		{
			"load", `{"id":2,"op":"TableDb","db_id":1,"db_op":"Load","col":0,"key":"#0"}`, []string{"k"},
			`{"type":"Response","id":2,"op":"TableDb","db_id":1,"db_op":"Load","value":"#0"}`, []string{"value"},
		},
		{
			"load by base64", `{"id":2,"op":"TableDb","db_id":1,"db_op":"Load","col":0,"key":"aw"}`, nil,
			`{"type":"Response","id":2,"op":"TableDb","db_id":1,"db_op":"Load","value":"#0"}`, []string{"value"},
		},
		{
			"load nothing", `{"id":3,"op":"TableDb","db_id":1,"db_op":"Load","col":0,"key":"#0"}`, []string{""},
			`{"type":"Response","id":3,"op":"TableDb","db_id":1,"db_op":"Load","value":null}`, nil,
		},
		{
			"keys", `{"id":4,"op":"TableDb","db_id":1,"db_op":"GetKeys","col":0}`, nil,
			`{"type":"Response","id":4,"op":"TableDb","db_id":1,"db_op":"GetKeys","value":["#0"]}`, []string{"k"},
		},
		{
			"seal", `{"id":5,"op":"CryptoSystem","cs_id":1,"cs_op":"EncryptAead","body":"#1",` + nonce + `,` + secret + `,"associated_data":"#0"}`,
			[]string{"ad", "hello"},
			`{"type":"Response","id":5,"op":"CryptoSystem","cs_id":1,"cs_op":"EncryptAead","value":"#0"}`,
			[]string{"\xf1\x99\xa5\x6c\x27\x75\x3c\x74\x93\xa0\x52\x28\xe8\xba\x8d\xd8\xb8\x54\x9e\x1c\x52"},
		},
		{
			"an error", `{"id":6,"op":"RoutingContext","rc_id":1,"rc_op":"AppMessage","target":{"NodeId":"VLD0:AAAA"},"message":"#0"}`, []string{"x"},
			`{"type":"Response","id":6,"op":"RoutingContext","rc_id":1,"rc_op":"AppMessage","error":{"kind":"InvalidTarget","message":"Only PrivateRoute targets are allowed without the footgun feature"}}`, nil,
		},
		{
			"a hash", `{"id":7,"op":"CryptoSystem","cs_id":1,"cs_op":"GenerateHash","data":"#0"}`, []string{"abc123"},
			`{"type":"Response","id":7,"op":"CryptoSystem","cs_id":1,"cs_op":"GenerateHash","value":"VLD0:ADB87WqLJ41eOp93sTjQ6dIglxfJ1FsgX0J6c1Zcxfs"}`, nil,
		},
	} {
		var in [][]byte
		for _, b := range tt.in {
			in = append(in, []byte(b))
		}
		got, out := askBinary(t, c, tt.request, in...)
		same := len(out) == len(tt.out)
		for i := range out {
			same = same && string(out[i]) == tt.out[i]
		}
		if got != tt.want || !same {
			t.Errorf("%s: %s %q, want %s %q", tt.name, got, out, tt.want, tt.out)
		}
	}
}

func TestBinaryRecord(t *testing.T) {
	c := newClient(t)
	mustAsk(t, c, `{"op":"NewRoutingContext"}`)
	created := mustAsk(t, c, `{"op":"RoutingContext","rc_id":1,"rc_op":"CreateDhtRecord","kind":"VLD0","schema":{"kind":"DFLT","o_cnt":1}}`)
	record := created["value"].(map[string]any)
	askBinary(t, c, fmt.Sprintf(`{"op":"RoutingContext","rc_id":1,"rc_op":"SetDhtValue","key":%q,"subkey":0,"data":"#0"}`, record["key"]), []byte("content"))
	got, out := askBinary(t, c, fmt.Sprintf(`{"op":"RoutingContext","rc_id":1,"rc_op":"GetDhtValue","key":%q,"subkey":0,"force_refresh":false}`, record["key"]))
	if want := `"value":{"seq":0,"data":"#0","writer":` + fmt.Sprintf("%q", record["owner"]) + `}}`; !strings.HasSuffix(got, want) || len(out) != 1 || string(out[0]) != "content" {
		t.Errorf("%s %q", got, out)
	}
}

// References to bytes that are not there, or that were used, make no request, and
// neither do any on the path of lines.
func TestBinaryReferences(t *testing.T) {
	c := newClient(t)
	const store = `{"op":"TableDb","db_id":1,"db_op":"Store","col":0,"key":%s,"value":%s}`
	for _, tt := range []struct {
		key, value string
		blobs      int
		ok         bool
	}{
		{`"#0"`, `"#1"`, 2, true}, {`"#1"`, `"#0"`, 3, true}, {`"#0"`, `"AA"`, 1, true},
		{`"#0"`, `"#0"`, 1, false}, {`"#0"`, `"#1"`, 1, false}, {`"#"`, `"AA"`, 1, false}, {`"#-1"`, `"AA"`, 1, false},
		{`"#x"`, `"AA"`, 1, false}, {`"#99999999999999999999"`, `"AA"`, 1, false}, {`"#0"`, `"AA"`, 0, false},
	} {
		blobs := make([][]byte, tt.blobs)
		request := fmt.Sprintf(store, tt.key, tt.value)
		if _, err := c.ParseBinary([]byte(request), blobs); (err == nil) != tt.ok {
			t.Errorf("%s with %d: %v", request, tt.blobs, err)
		}
		if _, err := c.Parse([]byte(request)); err == nil {
			t.Errorf("%s is taken as a line", request)
		}
	}
	// A key is a text on both paths.
	if _, err := c.ParseBinary([]byte(`{"op":"ReleasePrivateRoute","route_id":"#0"}`), [][]byte{make([]byte, 32)}); err == nil {
		t.Error("a key beside the line is taken")
	}
}

func TestBinaryUpdates(t *testing.T) {
	route := crypto.RouteID{Kind: crypto.KindVLD0}
	const id = "VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, tt := range []struct {
		update core.Update
		want   string
		blobs  int
	}{
		{
			core.AppMessage{RouteID: route, Message: []byte("m")},
			`{"type":"Update","kind":"AppMessage","sender":null,"route_id":"` + id + `","message":"#0"}`, 1,
		},
		{
			core.AppCall{Message: []byte("m"), CallID: 5},
			`{"type":"Update","kind":"AppCall","sender":null,"route_id":null,"message":"#0","call_id":"5"}`, 1,
		},
		{
			core.ValueChange{
				Key: crypto.RecordKey{Opaque: crypto.OpaqueRecordKey(route)}, Count: 1,
				Value: &core.Value{Data: []byte("m"), Writer: crypto.PublicKey(route)},
			},
			`{"type":"Update","kind":"ValueChange","key":"` + id + `","subkeys":[],"count":1,"value":{"seq":0,"data":"#0","writer":"` + id + `"}}`, 1,
		},
		{core.ShutdownUpdate{}, `{"type":"Update","kind":"Shutdown"}`, 0},
	} {
		got, blobs := bind.AppendUpdateBinary(nil, tt.update)
		if string(got) != tt.want || len(blobs) != tt.blobs || tt.blobs == 1 && string(blobs[0]) != "m" {
			t.Errorf("%s %q, want %s", got, blobs, tt.want)
		}
	}
}

// One MiB through a table and back, by both paths. The copies that the caller makes
// are counted; the table makes its own.
func BenchmarkTableMiB(b *testing.B) {
	value := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	b.Run("binary", func(b *testing.B) {
		c := newClient(b)
		mustAsk(b, c, `{"op":"OpenTableDb","name":"t","column_count":1}`)
		store := []byte(`{"op":"TableDb","db_id":1,"db_op":"Store","col":0,"key":"AA","value":"#0"}`)
		load := []byte(`{"op":"TableDb","db_id":1,"db_op":"Load","col":0,"key":"AA"}`)
		var line []byte
		b.SetBytes(int64(2 * len(value)))
		b.ReportAllocs()
		for b.Loop() {
			call, err := c.ParseBinary(store, [][]byte{bytes.Clone(value)})
			if err != nil {
				b.Fatal(err)
			}
			line, _ = call.RunBinary(b.Context(), line[:0])
			if call, err = c.ParseBinary(load, nil); err != nil {
				b.Fatal(err)
			}
			var blobs [][]byte
			if line, blobs = call.RunBinary(b.Context(), line[:0]); len(blobs) != 1 || len(blobs[0]) != len(value) {
				b.Fatal("not loaded")
			}
		}
	})
	b.Run("line", func(b *testing.B) {
		c := newClient(b)
		mustAsk(b, c, `{"op":"OpenTableDb","name":"t","column_count":1}`)
		load := []byte(`{"op":"TableDb","db_id":1,"db_op":"Load","col":0,"key":"AA"}`)
		var line []byte
		b.SetBytes(int64(2 * len(value)))
		b.ReportAllocs()
		for b.Loop() {
			store := fmt.Appendf(nil, `{"op":"TableDb","db_id":1,"db_op":"Store","col":0,"key":"AA","value":"%s"}`, base64.RawURLEncoding.EncodeToString(value))
			call, err := c.Parse(store)
			if err != nil {
				b.Fatal(err)
			}
			line = call.Run(b.Context(), line[:0])
			if call, err = c.Parse(load); err != nil {
				b.Fatal(err)
			}
			line = call.Run(b.Context(), line[:0])
		}
	})
}

// One MiB through the dispatcher alone: hashed, and made at random.
func BenchmarkPayloadMiB(b *testing.B) {
	c := newClient(b)
	mustAsk(b, c, `{"op":"GetCryptoSystem","kind":"VLD0"}`)
	value := make([]byte, 1<<20)
	var out []byte
	b.Run("binary", func(b *testing.B) {
		line := []byte(`{"op":"CryptoSystem","cs_id":1,"cs_op":"CryptNoAuth","body":"#0","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX","shared_secret":"VLD0:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"}`)
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			call, err := c.ParseBinary(line, [][]byte{value})
			if err != nil {
				b.Fatal(err)
			}
			out, _ = call.RunBinary(b.Context(), out[:0])
		}
	})
	b.Run("line", func(b *testing.B) {
		line := fmt.Appendf(nil, `{"op":"CryptoSystem","cs_id":1,"cs_op":"CryptNoAuth","body":"%s","nonce":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX","shared_secret":"VLD0:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"}`,
			base64.RawURLEncoding.EncodeToString(value))
		b.SetBytes(1 << 20)
		b.ReportAllocs()
		for b.Loop() {
			call, err := c.Parse(line)
			if err != nil {
				b.Fatal(err)
			}
			out = call.Run(b.Context(), out[:0])
		}
	})
}
