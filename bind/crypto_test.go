package bind_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// cryptoCase is an entry of crypto.json.
type cryptoCase struct {
	Name   string
	CsOp   string `json:"cs_op"`
	Op     string
	Params map[string]any
	Value  any
	Error  map[string]string
	Closed bool
	Note   string
}

func cryptoCases(t testing.TB) (cases []cryptoCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/crypto.json")
	if err == nil {
		err = json.Unmarshal(text, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

// request is the line of a case; id is the cryptosystem.
func (c *cryptoCase) request(t testing.TB) string {
	t.Helper()
	fields := map[string]any{"id": 1, "op": "CryptoSystem", "cs_id": 1, "cs_op": c.CsOp}
	if c.Op != "" {
		fields = map[string]any{"id": 1, "op": c.Op}
	}
	for k, v := range c.Params {
		if generated, ok := v.(map[string]any); ok {
			if generated["bytes"] != "i % 251 for i in 0..39999" {
				t.Fatalf("%s: unknown input %v", c.Name, generated)
			}
			b := make([]byte, 40000)
			for i := range b {
				b[i] = byte(i % 251)
			}
			v = base64.RawURLEncoding.EncodeToString(b)
		}
		fields[k] = v
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// All cryptosystem operations give the results and errors of the original.
func TestCryptoOperations(t *testing.T) {
	c := newClient(t)
	mustAsk(t, c, `{"op":"GetCryptoSystem","kind":"VLD0"}`)
	count := 0
	for _, tt := range cryptoCases(t) {
		if tt.CsOp == "" && tt.Op == "" {
			continue
		}
		count++
		response, closed := ask(t.Context(), c, tt.request(t))
		if closed != tt.Closed {
			t.Errorf("%s %s: closed %v, want %v", tt.CsOp, tt.Name, closed, tt.Closed)
		}
		if closed {
			continue
		}
		var got struct {
			Value any
			Error map[string]string
		}
		if err := json.Unmarshal([]byte(response), &got); err != nil {
			t.Fatalf("%s: %v", response, err)
		}
		if tt.CsOp == "VerifyPassword" && tt.Error != nil { // the reason is worded by the parser
			got.Error["message"] = tt.Error["message"]
		}
		if !reflect.DeepEqual(got.Error, tt.Error) {
			t.Errorf("%s %s: error %v, want %v", tt.CsOp, tt.Name, got.Error, tt.Error)
			continue
		}
		if tt.Value != nil && (tt.CsOp == "HpkeSeal" || strings.HasPrefix(tt.Note, "random")) {
			got.Value, tt.Value = fmt.Sprintf("%T %d", got.Value, len(fmt.Sprint(got.Value))), fmt.Sprintf("%T %d", tt.Value, len(fmt.Sprint(tt.Value)))
		}
		if !reflect.DeepEqual(got.Value, tt.Value) {
			t.Errorf("%s %s: %v, want %v", tt.CsOp, tt.Name, got.Value, tt.Value)
		}
	}
	if count < 250 {
		t.Errorf("only %d cases", count)
	}
}
