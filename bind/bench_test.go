package bind_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// A message of 16 KiB, from its line to the error that the route is unknown.
func BenchmarkAppMessage16K(b *testing.B) {
	c := newClient(b)
	mustAsk(b, c, `{"op":"NewRoutingContext"}`)
	line := fmt.Appendf(nil, `{"id":7,"op":"RoutingContext","rc_id":1,"rc_op":"AppMessage","target":{"RouteId":"VLD0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},"message":"%s"}`,
		base64.RawURLEncoding.EncodeToString(make([]byte, 16<<10)))
	var answer []byte
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		call, err := c.Parse(line)
		if err != nil {
			b.Fatal(err)
		}
		answer = call.Run(b.Context(), answer[:0])
	}
}

func BenchmarkSmallRequest(b *testing.B) {
	c := newClient(b)
	line := []byte(`{"id":7,"op":"IsShutdown"}`)
	var answer []byte
	b.ReportAllocs()
	for b.Loop() {
		call, err := c.Parse(line)
		if err != nil {
			b.Fatal(err)
		}
		answer = call.Run(b.Context(), answer[:0])
	}
}

func BenchmarkAppMessageUpdate16K(b *testing.B) {
	u := core.AppMessage{RouteID: crypto.RouteID{Kind: crypto.KindVLD0}, Message: make([]byte, 16<<10)}
	var line []byte
	b.SetBytes(16 << 10)
	b.ReportAllocs()
	for b.Loop() {
		line = bind.AppendUpdate(line[:0], u)
	}
}
