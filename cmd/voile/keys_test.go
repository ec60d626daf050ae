package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The key pair of the seed 00…1f, as of a real node.
const (
	seedHex    = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	seedPublic = "VLD0:A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
	seedSecret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	seedPair   = seedPublic + ":" + seedSecret
)

func TestKeys(t *testing.T) {
	code, out, errs := call(t, "keys", "new", "--seed", seedHex)
	if code != 0 || out != seedPair+"\n" {
		t.Errorf("new: %d %q %s", code, out, errs)
	}
	if _, out, _ := call(t, "keys", "new", "--seed", seedSecret); out != seedPair+"\n" {
		t.Errorf("new of base64url: %q", out)
	}
	path := filepath.Join(t.TempDir(), "k")
	code, out, errs = call(t, "keys", "new", "--seed", seedHex, "--out", path)
	if code != 0 || strings.Contains(out, seedSecret) || !strings.Contains(out, seedPublic) {
		t.Errorf("new --out: %d %q %s", code, out, errs)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", info, err)
	}
	if code, _, errs := call(t, "keys", "new", "--out", path); code != exitMisuse || !strings.Contains(errs, "not overwritten") {
		t.Errorf("new over a file: %d %s", code, errs)
	}
	for _, asJSON := range []bool{false, true} {
		args := []string{"keys", "show", path}
		if asJSON {
			args = append(args, "--json")
		}
		code, out, errs = call(t, args...)
		if code != 0 || strings.Contains(out, seedSecret) || strings.Count(out, seedPublic) != 2 {
			t.Errorf("show: %d %q %s", code, out, errs)
		}
		if code, out, _ := call(t, append(args, "--secret")...); code != 0 || !strings.Contains(out, seedSecret) {
			t.Errorf("show --secret: %q", out)
		}
	}
	asJSON := filepath.Join(t.TempDir(), "k.json")
	_, out, _ = call(t, "keys", "convert", path, "--to", "json")
	if err := os.WriteFile(asJSON, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, out, errs := call(t, "keys", "convert", asJSON); out != seedPair+"\n" {
		t.Errorf("convert back: %q %s", out, errs)
	}
	_, out, _ = call(t, "keys", "convert", asJSON, "--to", "config")
	if s, unknown, err := parseSettings([]byte(out)); err != nil || len(unknown) > 0 || s.core.Network.RoutingTable.PublicKeys[0] != seedPublic {
		t.Errorf("convert to config: %v %v\n%s", unknown, err, out)
	}
	for _, args := range [][]string{
		{"keys", "new", "--seed", "00"}, {"keys", "show"}, {"keys", "show", "nowhere"}, {"keys", "convert", path, "--to", "x"}, {"keys", "nonsense"},
	} {
		if code, _, errs := call(t, args...); code != exitMisuse || errs == "" {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}

func TestKeyPairsThatAreNone(t *testing.T) {
	other := "VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc"
	for _, text := range []string{"", "x", seedPublic, other + ":" + seedSecret, "XXXX" + seedPair[4:], `{}`, `{"public_key":"` + seedPublic + `"}`, `{"public_key":"x","secret_key":"y"}`} {
		if _, err := parseKeyPair([]byte(text)); err == nil || strings.Contains(err.Error(), seedSecret) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}

func TestBootstrapRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k")
	call(t, "keys", "new", "--seed", seedHex, "--out", path)
	code, out, errs := call(t, "bootstrap-record", "--hostname", "n1.lab", "--keys", seedPublic, "--dial", "U5150,T5150,W5150/ws")
	if want := "0|0|" + seedPublic + "|n1.lab|T5150,U5150,W5150/ws\n"; code != 0 || out != want {
		t.Errorf("version 0: %d %q %s, want %q", code, out, errs, want)
	}
	code, _, errs = call(t, "bootstrap-record", "verify", strings.TrimSpace(out), "--signer", seedPublic)
	if code != exitFailed || !strings.Contains(errs, "not signed") {
		t.Errorf("verify of version 0: %d %s", code, errs)
	}
	code, signed, errs := call(t, "bootstrap-record", "--hostname", "n1.lab", "--keys", path, "--dial", "U5150", "--sign", path)
	if code != 0 || !strings.HasPrefix(signed, "1|0|"+seedPublic+"|n1.lab|U5150|") {
		t.Fatalf("version 1: %d %q %s", code, signed, errs)
	}
	signed = strings.TrimSpace(signed)
	code, out, errs = call(t, "bootstrap-record", "verify", signed, "--signer", seedPublic, "--json")
	var r recordJSON
	if err := json.Unmarshal([]byte(out), &r); code != 0 || err != nil || r.Verified == nil || !*r.Verified || r.Hostname != "n1.lab" || r.Timestamp == 0 {
		t.Errorf("verify: %d %q %s", code, out, errs)
	}
	if code, _, _ := call(t, "bootstrap-record", "verify", strings.Replace(signed, "n1", "n2", 1), "--signer", seedPublic); code != exitFailed {
		t.Errorf("verify of a changed record: exit code %d", code)
	}
	for _, args := range [][]string{
		{}, {"--hostname", "h"}, {"--hostname", "h", "--keys", seedPublic}, {"--hostname", "h", "--keys", "nowhere", "--dial", "U1"},
		{"--hostname", "h", "--keys", seedPublic, "--dial", "X1"}, {"--hostname", "h", "--keys", seedPublic, "--dial", "U0"},
		{"--hostname", "h", "--keys", seedPublic, "--dial", "W1"}, {"--hostname", "h", "--keys", seedPublic, "--dial", "U1/x"},
		{"--hostname", "h|", "--keys", seedPublic, "--dial", "U1"}, {"verify", "nonsense"},
	} {
		if code, _, errs := call(t, append([]string{"bootstrap-record"}, args...)...); code != exitMisuse || errs == "" {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}

func TestRoot(t *testing.T) {
	if code, out, _ := call(t, "version", "--json"); code != 0 || !json.Valid([]byte(out)) {
		t.Errorf("version: %d %q", code, out)
	}
	if code, out, _ := call(t, "--help"); code != 0 || !strings.Contains(out, "voile serve") {
		t.Errorf("help: %d %q", code, out)
	}
	if code, _, errs := call(t, "nonsense"); code != exitMisuse || !strings.Contains(errs, "nonsense") {
		t.Errorf("unknown command: %d %q", code, errs)
	}
	if code, out, _ := call(t, "completion", "bash"); code != 0 || out == "" {
		t.Errorf("completion: %d", code)
	}
}
