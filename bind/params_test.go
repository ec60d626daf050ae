package bind

import (
	"encoding/base64"
	"testing"
)

func TestNumbers(t *testing.T) {
	for raw, want := range map[string]bool{
		"0": true, "4294967295": true, "4294967296": false, "-0": false, "-1": false, "1.0": false, "1e2": false,
		"null": false, `"1"`: false, "true": false,
	} {
		if _, err := readU32([]byte(raw)); (err == nil) != want {
			t.Errorf("u32 of %s: %v", raw, err)
		}
	}
	for raw, want := range map[string]bool{
		`"0"`: true, `"18446744073709551615"`: true, `"18446744073709551616"`: false, `""`: false, `"+1"`: false, `"-1"`: false,
		"1": false, "null": false,
	} {
		if _, err := readDecimal([]byte(raw)); (err == nil) != want {
			t.Errorf("decimal of %s: %v", raw, err)
		}
	}
}

func TestPayload(t *testing.T) {
	for raw, want := range map[string]bool{
		`""`: true, `"AA"`: true, `"-_8"`: true, `"AA=="`: false, `"A"`: false, `"AB"`: false, `"+/8"`: false, `"AA\n"`: false,
		`" AA"`: false, `"\u0041A"`: true, `null`: false,
	} {
		if _, err := readBase64([]byte(raw)); (err == nil) != want {
			t.Errorf("payload of %s: %v", raw, err)
		}
	}
}

// The form of a key decides whether the request is one, its length whether the
// operation succeeds; a wrong length does not excuse a wrong form.
func TestKeyTexts(t *testing.T) {
	full := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for _, tt := range []struct {
		text       string
		form, good bool
	}{
		{"VLD0:" + full + ":" + full, true, true},
		{full + ":" + full, true, true},
		{"VLD0::", true, false},
		{"VLD0:AA:" + full, true, false},
		{"VLD0:" + full + ":AA", true, false},
		{"VLD0:AA:!", false, false},
		{"VLD0:AA:AA:AA", false, false},
		{"VLD0:AA", false, false},
		{"", false, false},
	} {
		k, err := readPair([]byte(`"` + tt.text + `"`))
		if (err == nil) != tt.form || err == nil && (k.length == nil) != tt.good {
			t.Errorf("%s: error %v, length %v", tt.text, err, k.length)
		}
	}
}

func TestHandles(t *testing.T) {
	var h handles[string]
	for i, name := range []string{"a", "b", "c"} {
		if id := h.add(name); id != uint32(i+1) {
			t.Errorf("id %d, want %d", id, i+1)
		}
	}
	if v, ok := h.remove(2); !ok || v != "b" {
		t.Errorf("remove: %q %v", v, ok)
	}
	if _, ok := h.remove(2); ok {
		t.Error("removed twice")
	}
	for _, id := range []uint32{0, 2, 4, 1<<32 - 1} {
		if _, ok := h.get(id); ok {
			t.Errorf("there is an object %d", id)
		}
	}
	if a, b := h.add("d"), h.add("e"); a != 2 || b != 4 {
		t.Errorf("ids %d and %d, want 2 and 4", a, b)
	}
	if n := h.count(); n != 4 {
		t.Errorf("%d objects, want 4", n)
	}
}
