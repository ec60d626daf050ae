package bind_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/config"
)

// No line makes a client panic; one that is taken gets one answer, which is one
// line of JSON with its id.
func FuzzRequest(f *testing.F) {
	for _, name := range []string{"framing", "basic", "routing"} {
		for _, r := range transcript(f, name) {
			if r.Request != "" && len(r.Request) < 1<<10 {
				f.Add([]byte(strings.TrimSpace(r.Request)))
			}
		}
	}
	for _, c := range cryptoCases(f) {
		if (c.CsOp != "" || c.Op != "") && !strings.Contains(c.CsOp, "Password") && c.CsOp != "DeriveSharedSecret" {
			f.Add([]byte(c.request(f)))
		}
	}
	for _, line := range everyRequest(f, marshalled(f, config.Default())) {
		f.Add([]byte(line))
	}
	c := newClient(f)
	mustAsk(f, c, `{"op":"NewRoutingContext"}`)
	mustAsk(f, c, `{"op":"GetCryptoSystem","kind":"VLD0"}`)
	ended, cancel := context.WithCancel(context.Background())
	cancel() // so that nothing waits
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		call, err := c.Parse(line)
		if !bytes.Equal(line, before) {
			t.Fatal("the line was changed")
		}
		if err != nil || bytes.Contains(line, []byte("ttach")) || bytes.Contains(line, []byte("Release")) || bytes.Contains(line, []byte(`\u`)) {
			return // would change the state that the next lines find
		}
		answer := call.Run(ended, nil)
		var v struct {
			Type string
			ID   uint32
			Op   string
		}
		if err := json.Unmarshal(answer, &v); err != nil || v.Type != "Response" || bytes.IndexByte(answer, '\n') >= 0 {
			t.Fatalf("%s\nanswered with %s: %v", line, answer, err)
		}
		var asked struct{ Op string }
		if json.Unmarshal(line, &asked) == nil && asked.Op != v.Op && !bytes.Contains(bytes.ToLower(line), []byte(`"op":"`+strings.ToLower(v.Op))) {
			t.Fatalf("%s\nanswered with %s", line, answer)
		}
	})
}
