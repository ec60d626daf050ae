package bind_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/crypto"
)

// What real nodes answered and told reads into the types of package jsonapi, and
// comes out of them the same.
func TestRecordedValues(t *testing.T) {
	types := map[string]func() any{
		"GetState":                   func() any { return new(jsonapi.VeilidState) },
		"WaitForAttachmentCondition": func() any { return new(jsonapi.VeilidStateAttachment) },
		"NewPrivateRoute":            func() any { return new(jsonapi.RouteBlob) },
		"NewCustomPrivateRoute":      func() any { return new(jsonapi.RouteBlob) },
		"Safety":                     func() any { return new(jsonapi.SafetySelection) },
		"CreateDhtRecord":            func() any { return new(jsonapi.DHTRecordDescriptor) },
		"OpenDhtRecord":              func() any { return new(jsonapi.DHTRecordDescriptor) },
		"GetDhtRecordKey":            func() any { return new(jsonapi.RecordKey) },
		"GetDhtValue":                func() any { return new(*jsonapi.ValueData) },
		"SetDhtValue":                func() any { return new(*jsonapi.ValueData) },
		"InspectDhtRecord":           func() any { return new(jsonapi.DHTRecordReport) },
		"Inspect":                    func() any { return new(jsonapi.DHTRecordReport) },
		"Now":                        func() any { return new(jsonapi.Timestamp) },
	}
	seen := map[string]int{}
	for _, name := range []string{"basic", "routing", "dht-local", "dht-net", "transactions", "watch", "attach"} {
		for _, r := range transcript(t, name) {
			line := r.Response
			if line == nil {
				line = r.Update
			}
			if line == nil {
				continue
			}
			m, err := jsonapi.ParseMessage([]byte(*line))
			if err != nil {
				t.Errorf("%s: %.300s: %v", r.Name, *line, err)
				continue
			}
			if m.Update != nil {
				seen[string(m.Update.UpdateKind())]++
				if got, err := jsonapi.AppendUpdate(nil, m.Update); err != nil || !equal(decode(t, string(got)), decode(t, *line)) {
					t.Errorf("%s: %.400s\nis %.400s, %v", r.Name, *line, got, err)
				}
				continue
			}
			if m.Response.Err != nil {
				seen["error"]++
				if got := string(m.Response.Err.AppendJSON(nil)); !strings.Contains(*line, `"error":`+got+`}`) {
					t.Errorf("%s: %s\nhas the error %s", r.Name, *line, got)
				}
				continue
			}
			op := m.Response.Op
			if m.Response.SubOp != "" {
				op = m.Response.SubOp
			}
			if types[op] == nil || m.Response.Value == nil {
				continue
			}
			seen[op]++
			v := types[op]()
			if err := json.Unmarshal(m.Response.Value, v); err != nil {
				t.Errorf("%s: %.300s: %v", r.Name, m.Response.Value, err)
				continue
			}
			got, err := json.Marshal(v)
			if err != nil || !equal(decode(t, string(got)), decode(t, string(m.Response.Value))) {
				t.Errorf("%s: %.400s\nis %.400s, %v", r.Name, m.Response.Value, got, err)
			}
		}
	}
	for op := range types {
		if seen[op] == 0 {
			t.Errorf("no %s was recorded", op)
		}
	}
	for _, kind := range []string{"AppMessage", "AppCall", "Attachment", "Network", "Config", "RouteChange", "ValueChange", "error"} {
		if seen[kind] == 0 {
			t.Errorf("no %s was recorded", kind)
		}
	}
}

// What bind writes by hand is what the types write.
func TestHandWritten(t *testing.T) {
	key := crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte{1}}
	record := crypto.RecordKey{
		Opaque: crypto.OpaqueRecordKey{Kind: crypto.KindVLD0}, Encryption: crypto.NewSharedSecret(crypto.KindVLD0, [32]byte{2}),
	}
	route := crypto.RouteID{Kind: crypto.KindVLD0, Value: [32]byte{3}}
	for _, u := range []core.Update{
		core.AppMessage{RouteID: route, Message: []byte("abc")},
		core.AppMessage{},
		core.AppCall{RouteID: route, Message: []byte{}, CallID: 1<<64 - 1},
		core.ValueChange{Key: record},
		core.ValueChange{
			Key: record, Subkeys: []core.SubkeyRange{{Start: 1, End: 2}, {Start: 5, End: 5}}, Count: 9,
			Value: &core.Value{Seq: 4, Data: []byte("x"), Writer: key},
		},
		core.LogUpdate{Message: "a\"b", Backtrace: "c\nd"},
		core.AttachmentUpdate{AttachmentStatus: core.AttachmentStatus{State: attach.AttachedGood, Uptime: time.Hour, MedianLatency: time.Millisecond}},
		core.RouteChange{DeadRoutes: []crypto.RouteID{route}},
	} {
		line := bind.AppendUpdate(nil, u)
		v, err := jsonapi.ParseUpdate(line)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if again, err := jsonapi.AppendUpdate(nil, v); err != nil || string(again) != string(line) {
			t.Errorf("by hand %s\nof types %s, %v", line, again, err)
		}
	}
}

// The kinds of errors have the same texts on both sides.
func TestErrorKindsOfBothSides(t *testing.T) {
	for a, b := range map[core.ErrorKind]jsonapi.ErrorKind{
		core.NotInitialized: jsonapi.NotInitialized, core.AlreadyInitialized: jsonapi.AlreadyInitialized, core.Timeout: jsonapi.Timeout,
		core.TryAgain: jsonapi.TryAgain, core.Shutdown: jsonapi.Shutdown, core.InvalidTarget: jsonapi.InvalidTarget,
		core.NoConnection: jsonapi.NoConnection, core.KeyNotFound: jsonapi.KeyNotFound, core.Internal: jsonapi.Internal,
		core.Unimplemented: jsonapi.Unimplemented, core.ParseError: jsonapi.ParseError, core.InvalidArgument: jsonapi.InvalidArgument,
		core.MissingArgument: jsonapi.MissingArgument, core.Generic: jsonapi.Generic, core.TransactionNotFound: jsonapi.TransactionNotFound,
	} {
		if string(a) != string(b) {
			t.Errorf("%s and %s", a, b)
		}
	}
	for s := attach.Detached; s <= attach.AttachedFull; s++ {
		if got := jsonapi.AttachmentState("").Values()[s]; string(got) != s.String() {
			t.Errorf("state %s is %s", s, got)
		}
	}
}
