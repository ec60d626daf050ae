package instance_test

import (
	"context"
	"errors"
	"testing"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
)

// Every kind of the API has its code, in the order of the API, and no code has two
// numbers or names.
func TestCodesAreTheKinds(t *testing.T) {
	for i, kind := range jsonapi.ErrorKind("").Values() {
		want := instance.CodeOfKind(string(kind))
		if want.String() != string(kind) || want < 1 || want > 15 {
			t.Errorf("kind %d, %s, has the code %d, %s", i, kind, want, want)
		}
		if got := instance.CodeOf(&core.Error{Kind: core.ErrorKind(kind)}); got != want {
			t.Errorf("an error of the kind %s has the code %s", kind, got)
		}
		answer := append([]byte(`{"type":"Response","id":4294967295,"op":"RoutingContext","rc_id":4294967295,"rc_op":"InspectDhtRecord","error":`),
			(&jsonapi.VeilidAPIError{Kind: kind}).AppendJSON(nil)...)
		if got := instance.AnswerCode(append(answer, '}')); got != want {
			t.Errorf("%s has the code %s", answer, got)
		}
	}
	names, numbers := map[string]bool{}, map[instance.Code]bool{}
	for _, c := range instance.Codes() {
		if names[c.Name] || numbers[c.Code] || c.Text == "" {
			t.Errorf("%+v is twice there, or says nothing", c)
		}
		names[c.Name], numbers[c.Code] = true, true
	}
}

func TestAnswerCode(t *testing.T) {
	for _, c := range []struct {
		line string
		want instance.Code
	}{
		{`{"type":"Response","id":1,"op":"Attach","value":null}`, instance.OK},
		{`{"type":"Response","id":1,"op":"Debug","value":",\"error\":{\"kind\":\"Generic\""}`, instance.OK},
		{`{"type":"Response","id":1,"op":"X","value":{"a":1,"error":{"kind":"Generic"}}}`, instance.OK},
		{`{"type":"Response","id":0,"error":{"kind":"ParseError","message":",\"value\":"}}`, instance.ParseError},
		{`{"type":"Response","id":0,"error":{"kind":"Surprise"}}`, instance.Internal},
		{`{"type":"Response","id":1,"op":"VeilidVersion","major":0}`, instance.OK},
		{``, instance.OK},
	} {
		if got := instance.AnswerCode([]byte(c.line)); got != c.want {
			t.Errorf("%s has the code %s, want %s", c.line, got, c.want)
		}
	}
	if got := instance.CodeOf(errors.New("x")); got != instance.Internal {
		t.Errorf("another error has the code %s", got)
	}
	if got := instance.CodeOf(nil); got != instance.OK {
		t.Errorf("no error has the code %s", got)
	}
}

// Real answers, good and bad.
func TestAnswerCodeOfSessions(t *testing.T) {
	s := start(t, instance.Options{}).Open(nil)
	for line, want := range map[string]instance.Code{
		`{"op":"VeilidVersion"}`: instance.OK,
		`{"op":"GetState"}`:      instance.OK,
		`{"op":"Detach"}`:        instance.Generic,
		`{"op":"Dance"}`:         instance.ParseError,
	} {
		answer, _ := s.Call(context.Background(), []byte(line), nil)
		if got := instance.AnswerCode(answer); got != want {
			t.Errorf("%s is answered with %s: code %s, want %s", line, answer, got, want)
		}
	}
}
