package bootstrap

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// The vectors of spec 02 §13.2 (A signs for B, seeds of spec 01 §4.1) and of
// spec 04 §17.
const (
	recordOfLink    = "1|0|VLD0:Kay64UG8yvCyLhqU000LxzYeUm0L_hLIl5S8kyKWbdc|bootstrap-1.example.net|T5150,U5150,W5150/ws|1746308366|VLD0:K5sIVx3ZNLqXpWuuq-qYNQTkY5TEEuRb3xwd0xbdNE-Mf2zABkmFXZyDRH3YnCQ-dy447fOR5cxMgtgNGSb7DQ"
	recordOfRouting = "1|0|VLD0:zRSzf5VulTGU_3-3Oz2B3MVh1hp1OAlLfD4aZD7l86o|bootstrap-1.example.net|T5150,U5150,W5150/ws|1746308366|VLD0:M57VFRx5xyD5zoiZSZJj1yZ8JsMsk2g5GGxy_48nYD4OCCpxi8B6te7osYuWVkeaNAPiXTHfgOdY0KJrT9LwDw"
	recordV0        = "0|0|VLD0:Yfwkg5XoqsYReVxLY9AWRtRt91B6vMjkz0D-byQA6XY|n1.lab|T5150,U5150,W5150/ws"
)

func newCrypto(t testing.TB) *crypto.Crypto {
	t.Helper()
	c, err := crypto.New(crypto.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// pairOf is the key pair of the seed first, first+1, ...
func pairOf(t testing.TB, c *crypto.Crypto, first byte) crypto.KeyPair {
	t.Helper()
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = first + byte(i)
	}
	fixed, err := crypto.New(crypto.Config{Rand: strings.NewReader(string(seed))})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := fixed.Best().GenerateKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func TestRecordVectors(t *testing.T) {
	c := newCrypto(t)
	for _, v := range []struct {
		name, text string
		signer     byte
	}{
		{"spec 02", recordOfLink, 0x00},
		{"spec 04", recordOfRouting, 0x40},
	} {
		t.Run(v.name, func(t *testing.T) {
			r, err := Parse(v.text)
			if err != nil {
				t.Fatal(err)
			}
			signer := pairOf(t, c, v.signer)
			if err := r.Verify(c, []crypto.PublicKey{signer.Public}); err != nil {
				t.Errorf("Verify: %v", err)
			}
			if err := r.Verify(c, []crypto.PublicKey{pairOf(t, c, 0x77).Public}); !errors.Is(err, ErrSignature) {
				t.Errorf("Verify with another key: %v, want ErrSignature", err)
			}
			if err := r.Verify(c, nil); err != nil {
				t.Errorf("Verify without keys: %v", err)
			}
			if got := r.Text(); got != v.text {
				t.Errorf("Text\n%s, want\n%s", got, v.text)
			}
			again := Record{
				EnvelopeVersions: r.EnvelopeVersions, PublicKeys: r.PublicKeys, Hostname: r.Hostname,
				Dials: r.Dials, Timestamp: r.Timestamp,
			}
			got, err := again.Sign(c, signer)
			if err != nil || got != v.text {
				t.Errorf("Sign\n%s, %v, want\n%s", got, err, v.text)
			}
			if r.Hostname != "bootstrap-1.example.net" || r.Timestamp != 1746308366 ||
				!slices.Equal(r.EnvelopeVersions, []wire.EnvelopeVersion{wire.ENV0}) ||
				!slices.Equal(r.Dials, []ShortDial{{wire.TCP, 5150, ""}, {wire.UDP, 5150, ""}, {wire.WS, 5150, "ws"}}) {
				t.Errorf("parsed %+v", r)
			}
		})
	}
}

func TestParse(t *testing.T) {
	key := "VLD0:Yfwkg5XoqsYReVxLY9AWRtRt91B6vMjkz0D-byQA6XY"
	sig := "VLD0:K5sIVx3ZNLqXpWuuq-qYNQTkY5TEEuRb3xwd0xbdNE-Mf2zABkmFXZyDRH3YnCQ-dy447fOR5cxMgtgNGSb7DQ"
	for _, v := range []struct {
		name, text string
		want       string // Text; empty: ErrRecord
	}{
		{"version 0", recordV0, recordV0},
		{"white space around everything", " 0 | 0 | " + key + " | n1.lab | T5150 , U5150 \n", "0|0|" + key + "|n1.lab|T5150,U5150"},
		{"versions sorted without duplicates", "0|1,ENV0,0|" + key + "|h|T1", "0|0,1|" + key + "|h|T1"},
		{"long foreign version", "0|XYZ9|" + key + "|h|T1", "0|XYZ9|" + key + "|h|T1"},
		{"unknown short dial info skipped", "0|0|" + key + "|h|X9,S443/ws,T0,T99999,U7,W8,T", "0|0|" + key + "|h|U7,W8/"},
		{"no short dial info left", "0|0|" + key + "|h|X", "0|0|" + key + "|h|"},
		{"extra fields", "1|0|" + key + "|h|T1|5|a|b,c|" + sig, "1|0|" + key + "|h|T1|5|a|b,c|" + sig},

		{"empty", "", ""},
		{"no version", "x|0|" + key + "|h|T1", ""},
		{"version 2", "2|0|" + key + "|h|T1", ""},
		{"version 256", "256|0|" + key + "|h|T1", ""},
		{"version 0 with 4 fields", "0|0|" + key + "|h", ""},
		{"version 0 with 6 fields", "0|0|" + key + "|h|T1|", ""},
		{"version 1 with 6 fields", "1|0|" + key + "|h|T1|5", ""},
		{"envelope version of 2", "0|00|" + key + "|h|T1", ""},
		{"no envelope version", "0||" + key + "|h|T1", ""},
		{"no key", "0|0||h|T1", ""},
		{"short key", "0|0|VLD0:AAAA|h|T1", ""},
		{"no host", "0|0|" + key + "||T1", ""},
		{"no timestamp", "1|0|" + key + "|h|T1||" + sig, ""},
		{"negative timestamp", "1|0|" + key + "|h|T1|-5|" + sig, ""},
		{"bad signature text", "1|0|" + key + "|h|T1|5|VLD0:AAAA", ""},
	} {
		t.Run(v.name, func(t *testing.T) {
			r, err := Parse(v.text)
			if v.want == "" {
				if !errors.Is(err, ErrRecord) {
					t.Fatalf("got %+v, %v, want ErrRecord", r, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Text(); got != v.want {
				t.Errorf("Text %q, want %q", got, v.want)
			}
		})
	}
}

// What is signed ends at the bar before the signature, whatever the white space
// (spec 02 §13.2).
func TestSignedBytes(t *testing.T) {
	c := newCrypto(t)
	signer := pairOf(t, c, 0)
	keys := []crypto.PublicKey{signer.Public}
	for _, v := range []struct {
		name, text string
		ok         bool
	}{
		{"as it is", recordOfLink, true},
		{"white space around the record", "\t" + recordOfLink + " \r\n", true},
		{"white space before the signature", strings.Replace(recordOfLink, "|VLD0:K5", "| VLD0:K5", 1), false},
		{"white space inside", strings.Replace(recordOfLink, "|boot", "| boot", 1), false},
		{"another port", strings.Replace(recordOfLink, "T5150", "T5151", 1), false},
		{"one more field", strings.Replace(recordOfLink, "|VLD0:K5", "|x|VLD0:K5", 1), false},
	} {
		t.Run(v.name, func(t *testing.T) {
			r, err := Parse(v.text)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Verify(c, keys); (err == nil) != v.ok {
				t.Errorf("Verify: %v, want ok %v", err, v.ok)
			}
		})
	}
}

func TestSignRefusesWhatWouldNotParse(t *testing.T) {
	c := newCrypto(t)
	pair := pairOf(t, c, 0)
	good := func() Record {
		return Record{
			EnvelopeVersions: []wire.EnvelopeVersion{wire.ENV0}, PublicKeys: []crypto.PublicKey{pair.Public},
			Hostname: "h", Dials: []ShortDial{{wire.TCP, 1, ""}},
		}
	}
	for _, v := range []struct {
		name   string
		change func(*Record)
	}{
		{"no key", func(r *Record) { r.PublicKeys = nil }},
		{"no version", func(r *Record) { r.EnvelopeVersions = nil }},
		{"no dial info", func(r *Record) { r.Dials = nil }},
		{"no host", func(r *Record) { r.Hostname = "" }},
		{"bar in the host", func(r *Record) { r.Hostname = "a|b" }},
		{"comma in a path", func(r *Record) { r.Dials = []ShortDial{{wire.WS, 1, "a,b"}} }},
		{"bar in extra", func(r *Record) { r.Extra = []string{"a|b"} }},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := good()
			if _, err := r.Sign(c, pair); err != nil {
				t.Fatalf("the good record: %v", err)
			}
			v.change(&r)
			if text, err := r.Sign(c, pair); !errors.Is(err, ErrRecord) {
				t.Errorf("got %q, %v, want ErrRecord", text, err)
			}
		})
	}
}

func TestCutRecord(t *testing.T) {
	for _, text := range []string{recordV0, recordOfLink} {
		signature := strings.LastIndexByte(text, '|')
		for i := range len(text) {
			r, err := Parse(text[:i])
			// Of version 0 the last list may end early; the signature of version 1 may not.
			if err == nil && (r.Version == 1 || i <= signature) {
				t.Errorf("the first %d bytes of %q parse", i, text)
			}
		}
	}
}

func TestMerge(t *testing.T) {
	c := newCrypto(t)
	a, b := pairOf(t, c, 0).Public, pairOf(t, c, 1).Public
	dial := func(port uint16) []wire.DialInfo {
		return []wire.DialInfo{{Protocol: wire.TCP, Addr: netip.AddrPortFrom(addr("192.0.2.1"), port)}}
	}
	record := func(ts uint64, extra string, keys ...crypto.PublicKey) *Record {
		return &Record{Version: 1, PublicKeys: keys, Timestamp: ts, Extra: []string{extra},
			EnvelopeVersions: []wire.EnvelopeVersion{wire.ENV0}}
	}
	got := merged([]resolved{
		{record(7, "x", a), dial(1)},
		{record(6, "y", b), dial(2)},
		{record(5, "z", a), append(dial(3), dial(1)...)},
	})
	if len(got) != 2 {
		t.Fatalf("%d records, want 2", len(got))
	}
	byKey := map[crypto.PublicKey]resolved{}
	for _, r := range got {
		byKey[r.record.PublicKeys[0]] = r
	}
	r := byKey[a]
	if r.record.Timestamp != 5 || !slices.Equal(r.record.Extra, []string{"x", "z"}) ||
		!slices.Equal(r.dials, append(dial(1), dial(3)...)) || len(r.record.EnvelopeVersions) != 1 {
		t.Errorf("merged %+v %v", r.record, r.dials)
	}
	if r := byKey[b]; r.record.Timestamp != 6 || !slices.Equal(r.dials, dial(2)) {
		t.Errorf("the other %+v", r)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{recordV0, recordOfLink, "1|0|k|h|U1|5|x|s", "|", "a,b.c."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		again, err := Parse(r.Text())
		if err != nil {
			t.Fatalf("%q became %q, which does not parse: %v", text, r.Text(), err)
		}
		if again.Text() != r.Text() {
			t.Fatalf("%q became %q and then %q", text, r.Text(), again.Text())
		}
	})
}
