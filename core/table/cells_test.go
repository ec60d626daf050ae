package table

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/crypto/chacha20"
	"golang.org/x/crypto/chacha20poly1305"
	"lukechampine.com/blake3"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
)

var testID = tableID(sequence(0x10, 16))

func testCells(t testing.TB, kind crypto.Kind, id tableID) *cells {
	t.Helper()
	sys, err := newCrypto(t, kind).Get(kind)
	if err != nil {
		t.Fatal(err)
	}
	key := crypto.NewSharedSecret(kind, [32]byte(sequence(0xc0, 32)))
	return newCells(sys, &key, id)
}

// TestForm takes sealed rows apart with the primitives alone, as the comment of
// cells describes them. Stored files depend on it.
func TestForm(t *testing.T) {
	c := testCells(t, crypto.KindVLD0, testID)
	var keys [96]byte
	blake3.DeriveKey(keys[:], "github.com/voile-net/voile 2026-11-21 core/table keys of one table",
		append(append([]byte("VLD0"), sequence(0xc0, 32)...), testID[:]...))
	for _, key := range []string{"", "k", "a key", string(sequence(0, 5000))} {
		name, err := c.name(7, []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		mac := blake3.New(24, keys[:32])
		mac.Write(append(binary.BigEndian.AppendUint32(nil, 7), key...))
		siv := mac.Sum(nil)
		stream, err := chacha20.NewUnauthenticatedCipher(keys[32:64], siv)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]byte, len(key))
		stream.XORKeyStream(want, []byte(key))
		if want = append(bytes.Clone(siv), want...); !bytes.Equal(name, want) {
			t.Errorf("name of %.20q = %.20x…, want %.20x…", key, name, want)
		}
		cell, err := c.seal(name, []byte("the value"))
		if err != nil {
			t.Fatal(err)
		}
		aead, err := chacha20poly1305.NewX(keys[64:])
		if err != nil {
			t.Fatal(err)
		}
		value, err := aead.Open(nil, cell[:24], cell[24:], siv)
		if err != nil || string(value) != "the value" {
			t.Errorf("cell of %.20q opens to %q, %v", key, value, err)
		}
	}
	const golden = "47c57c13"
	if name, _ := c.name(0, []byte("public_key_VLD0")); hex.EncodeToString(name)[:8] != golden {
		t.Errorf("name = %x, want one that begins with %s: the form of stored files has changed", name, golden)
	}
}

func TestCells(t *testing.T) {
	for _, kind := range []crypto.Kind{crypto.KindVLD0, crypto.KindNONE} {
		c := testCells(t, kind, testID)
		for _, size := range []int{0, 1, 23, 64, 1000, 4096, 40000} {
			t.Run(fmt.Sprintf("%v/%d", kind, size), func(t *testing.T) {
				key, value := sequence(1, min(size, MaxKey)), sequence(2, size)
				name, err := c.name(3, key)
				if err != nil {
					t.Fatal(err)
				}
				if again, _ := c.name(3, key); !bytes.Equal(again, name) {
					t.Errorf("two names of one key: %x, %x", name, again)
				}
				cell, err := c.seal(name, value)
				if err != nil {
					t.Fatal(err)
				}
				if again, _ := c.seal(name, value); bytes.Equal(again, cell) {
					t.Error("two cells of one value are the same")
				}
				if got, err := c.open(name, bytes.Clone(cell)); err != nil || got == nil || !bytes.Equal(got, value) {
					t.Errorf("open = %.20x, %v", got, err)
				}
				if got, err := c.openName(3, bytes.Clone(name)); err != nil || !bytes.Equal(got, key) {
					t.Errorf("openName = %.20x, %v", got, err)
				}
			})
		}
	}
}

// TestForeignCells: what does not belong to this place does not open.
func TestForeignCells(t *testing.T) {
	c := testCells(t, crypto.KindVLD0, testID)
	other := testCells(t, crypto.KindVLD0, tableID{1})
	name, _ := c.name(3, []byte("key"))
	neighbour, _ := c.name(3, []byte("kez"))
	cell, err := c.seal(name, []byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := other.name(3, []byte("key")); bytes.Equal(n, name) {
		t.Error("two tables have the same name for a key")
	}
	if n, _ := c.name(4, []byte("key")); bytes.Equal(n, name) {
		t.Error("two columns have the same name for a key")
	}
	for _, test := range []struct {
		what string
		open func() ([]byte, error)
		want error
	}{
		{"cell of another key", func() ([]byte, error) { return c.open(neighbour, bytes.Clone(cell)) }, crypto.ErrAuth},
		{"cell of another table", func() ([]byte, error) { return other.open(name, bytes.Clone(cell)) }, crypto.ErrAuth},
		{"name of another column", func() ([]byte, error) { return c.openName(4, bytes.Clone(name)) }, crypto.ErrAuth},
		{"name of another table", func() ([]byte, error) { return other.openName(3, bytes.Clone(name)) }, crypto.ErrAuth},
		{"name of two", func() ([]byte, error) {
			return c.openName(3, append(bytes.Clone(name[:sivSize]), neighbour[sivSize:]...))
		}, crypto.ErrAuth},
		{"cell with a byte more", func() ([]byte, error) { return c.open(name, append(bytes.Clone(cell), 0)) }, crypto.ErrAuth},
		{"name with a byte more", func() ([]byte, error) { return c.openName(3, append(bytes.Clone(name), 0)) }, crypto.ErrAuth},
	} {
		if got, err := test.open(); !errors.Is(err, test.want) {
			t.Errorf("%s: %x, %v; want %v", test.what, got, err, test.want)
		}
	}
	for n := range cell {
		want := crypto.ErrAuth
		if n < crypto.NonceSize {
			want = errShort
		}
		if got, err := c.open(name, bytes.Clone(cell[:n])); !errors.Is(err, want) {
			t.Errorf("cell cut to %d bytes: %x, %v; want %v", n, got, err, want)
		}
	}
	for n := range name {
		want := crypto.ErrAuth
		if n < sivSize {
			want = errShort
		}
		if got, err := c.openName(3, bytes.Clone(name[:n])); !errors.Is(err, want) {
			t.Errorf("name cut to %d bytes: %x, %v; want %v", n, got, err, want)
		}
	}
	for i := range cell {
		bad := bytes.Clone(cell)
		bad[i] ^= 0x40
		if got, err := c.open(name, bad); !errors.Is(err, crypto.ErrAuth) {
			t.Errorf("cell with byte %d changed: %x, %v", i, got, err)
		}
	}
	for i := range name {
		bad := bytes.Clone(name)
		bad[i] ^= 0x40
		if got, err := c.openName(3, bad); !errors.Is(err, crypto.ErrAuth) {
			t.Errorf("name with byte %d changed: %x, %v", i, got, err)
		}
	}
}

func TestLimits(t *testing.T) {
	c := testCells(t, crypto.KindVLD0, testID)
	name, err := c.name(0, make([]byte, MaxKey))
	if err != nil || platform.CheckKey(name) != nil {
		t.Errorf("name of the longest key: %v, %v", err, platform.CheckKey(name))
	}
	if _, err := c.name(0, make([]byte, MaxKey+1)); !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("name of a key that is too long: %v", err)
	}
	if _, err := c.seal(name, make([]byte, MaxValue+1)); !errors.Is(err, platform.ErrTooLarge) {
		t.Errorf("cell of a value that is too long: %v", err)
	}
	for _, kind := range []crypto.Kind{crypto.KindVLD0, crypto.KindNONE} {
		sys, _ := newCrypto(t, kind).Get(kind)
		if l := sys.Lengths(); MaxValue+l.Nonce+l.AEADOverhead > platform.MaxValue {
			t.Errorf("the largest value does not fit the store below under kind %v", kind)
		}
	}
}

func FuzzOpenCell(f *testing.F) {
	c := testCells(f, crypto.KindVLD0, testID)
	name, _ := c.name(0, []byte("key"))
	cell, err := c.seal(name, []byte("value"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(name), []byte(cell))
	f.Add([]byte(name[:sivSize]), []byte(cell[:40]))
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, name, cell []byte) {
		nameBefore := bytes.Clone(name)
		if key, err := c.openName(0, bytes.Clone(name)); err == nil {
			if again, err := c.name(0, key); err != nil || !bytes.Equal(again, nameBefore) {
				t.Fatalf("key %x has the name %x, %v; it was opened from %x", key, again, err, nameBefore)
			}
		}
		before := bytes.Clone(cell)
		value, err := c.open(name, cell)
		if err == nil && len(value) != len(before)-crypto.NonceSize-16 {
			t.Fatalf("a cell of %d bytes opens to %d", len(before), len(value))
		}
		if r, err := parseRecord(before); err == nil && !bytes.Equal(r.append(nil), before) {
			t.Fatalf("record %+v does not encode back to %x", r, before)
		}
	})
}

func TestParseRecord(t *testing.T) {
	good := record{testID, 3}.append(nil)
	if r, err := parseRecord(good); err != nil || r != (record{testID, 3}) {
		t.Errorf("parseRecord = %+v, %v", r, err)
	}
	for n := range len(good) {
		if r, err := parseRecord(good[:n]); err == nil {
			t.Errorf("record cut to %d bytes parses: %+v", n, r)
		}
	}
	for name, b := range map[string][]byte{
		"one byte more": append(bytes.Clone(good), 0),
		"no columns":    record{testID, 0}.append(nil),
	} {
		if r, err := parseRecord(b); err == nil || r != (record{}) {
			t.Errorf("%s: %+v, %v; want an error", name, r, err)
		}
	}
}
