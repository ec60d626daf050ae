package encfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/voile-net/voile/platform"
)

func FuzzParseHead(f *testing.F) {
	for _, h := range []head{{source: fromFile}, {source: fromPasswd, cost: defaultArgon2}} {
		f.Add(append(h.append(nil), make([]byte, overhead)...))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		before := bytes.Clone(file)
		h, err := parseHead(file)
		if !bytes.Equal(file, before) {
			t.Fatal("parseHead changed its input")
		}
		if err == nil && !bytes.Equal(h.append(nil), file[:nonceAt]) {
			t.Fatalf("%+v does not encode back to\n%x", h, file[:nonceAt])
		}
		if err == nil && h.source == fromPasswd && h.cost.check() != nil {
			t.Fatalf("accepted costs %+v", h.cost)
		}
	})
}

func FuzzParseSecrets(f *testing.F) {
	for _, secrets := range samples {
		plain, err := appendSecrets(nil, secrets)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plain)
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		before := bytes.Clone(plain)
		secrets, err := parseSecrets(plain)
		if !bytes.Equal(plain, before) {
			t.Fatal("parseSecrets changed its input")
		}
		if err != nil {
			return
		}
		again, err := appendSecrets(nil, secrets)
		if err != nil || !bytes.Equal(again, plain) {
			t.Fatalf("%d secrets encode to\n%x (%v), not to\n%x", len(secrets), again, err, plain)
		}
	})
}

func FuzzParseKeyFile(f *testing.F) {
	f.Add(appendKeyFile(nil, make([]byte, keySize)))
	f.Fuzz(func(t *testing.T, file []byte) {
		key, err := parseKeyFile(file)
		if err == nil && !bytes.Equal(appendKeyFile(nil, key), file) {
			t.Fatalf("%x does not encode back", file)
		}
	})
}

var samples = []map[string][]byte{
	{},
	{"a": {}},
	{"device_encryption_key": bytes.Repeat([]byte{7}, 36), "b": []byte("x")},
}

func TestSecretsCut(t *testing.T) {
	for _, secrets := range samples {
		plain, err := appendSecrets(nil, secrets)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseSecrets(plain); err != nil || len(got) != len(secrets) {
			t.Errorf("parseSecrets = %d secrets, %v; want %d", len(got), err, len(secrets))
		}
		for n := range plain {
			if _, err := parseSecrets(plain[:n]); !errors.Is(err, errPlain) {
				t.Errorf("cut to %d of %d bytes: %v, want errPlain", n, len(plain), err)
			}
		}
		if _, err := parseSecrets(append(plain, 0)); !errors.Is(err, errPlain) {
			t.Errorf("one byte more: %v, want errPlain", err)
		}
	}
}

func TestSecretsMalformed(t *testing.T) {
	for name, plain := range map[string]string{
		"count beyond the bytes": "\xff\xff\xff\xff\x01a\x00\x00\x00\x00",
		"empty key":              "\x00\x00\x00\x01\x00\x00\x00\x00\x01v\x00",
		"keys not ascending":     "\x00\x00\x00\x02\x01b\x00\x00\x00\x00\x01a\x00\x00\x00\x00",
		"key twice":              "\x00\x00\x00\x02\x01a\x00\x00\x00\x00\x01a\x00\x00\x00\x00",
		"value too long":         "\x00\x00\x00\x01\x01a\x7f\xff\xff\xff",
		"key not printable":      "\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00",
	} {
		if _, err := parseSecrets([]byte(plain)); !errors.Is(err, errPlain) {
			t.Errorf("%s: %v, want errPlain", name, err)
		}
	}
}

func TestHead(t *testing.T) {
	good := head{source: fromPasswd, cost: defaultArgon2}
	file := append(good.append(nil), make([]byte, overhead-nonceAt)...)
	if _, err := parseHead(file); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		at   int
		to   byte
		want error
	}{
		{"magic", 0, 'X', errMagic},
		{"version", 8, 2, errVersion},
		{"key source", 9, 2, errHead},
		{"costs without a password", 9, 0, errHead},
		{"passes", 10, 1, errHead},
		{"memory", 14, 1, errHead},
		{"threads", 18, 200, errHead},
	} {
		changed := bytes.Clone(file)
		changed[c.at] = c.to
		if _, err := parseHead(changed); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := parseHead(make([]byte, maxFile+1)); !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("over the limit: %v, want ErrTooLarge", err)
	}
}

// The keys of a store must not depend on more than they say, and every writing
// must have another nonce.
func TestSealing(t *testing.T) {
	h := head{source: fromFile}
	k := derive(&h, make([]byte, keySize))
	h.check = k.expectedCheck(&h)
	if !k.fits(&h) {
		t.Fatal("keys do not fit their own head")
	}
	if k.seal == k.check {
		t.Error("one key for two purposes")
	}
	other := derive(&head{source: fromFile, salt: [16]byte{1}}, make([]byte, keySize))
	if other.fits(&h) || other.seal == k.seal {
		t.Error("the salt has no influence on the keys")
	}
	first, err := k.sealFile(&h, samples[2], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.sealFile(&h, samples[2], rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first[nonceAt:sealedAt], second[nonceAt:sealedAt]) {
		t.Error("two writings with one nonce")
	}
	got, err := k.openFile(first)
	if err != nil || !bytes.Equal(got["device_encryption_key"], samples[2]["device_encryption_key"]) {
		t.Errorf("openFile = %q, %v", got, err)
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	h := head{source: fromFile}
	k := derive(&h, make([]byte, keySize))
	b.ReportAllocs()
	for b.Loop() {
		file, err := k.sealFile(&h, samples[2], rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := k.openFile(file); err != nil {
			b.Fatal(err)
		}
	}
}
