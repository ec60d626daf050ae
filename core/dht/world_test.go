package dht

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func seeded(n byte) io.Reader { return rand.NewChaCha8([32]byte{n}) }

func newCrypto(t testing.TB) *crypto.Crypto {
	t.Helper()
	c, err := crypto.New(crypto.Config{Rand: seeded(7)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func idOf[T ~struct {
	Kind  crypto.Kind
	Value [32]byte
}](t testing.TB, text string) T {
	t.Helper()
	return T{crypto.KindVLD0, [32]byte(unhex(t, text))}
}

// pairOf makes a key pair of a seed.
func pairOf(t testing.TB, sys crypto.System, public, seed []byte) crypto.KeyPair {
	t.Helper()
	pair := crypto.KeyPair{
		Public: crypto.PublicKey{Kind: crypto.KindVLD0, Value: [32]byte(public)},
		Secret: crypto.NewSecretKey(crypto.KindVLD0, [32]byte(seed)),
	}
	if ok, err := sys.ValidateKeyPair(pair); err != nil || !ok {
		t.Fatalf("key pair %x: %v, %v", public, ok, err)
	}
	return pair
}

func newPair(t testing.TB, sys crypto.System) crypto.KeyPair {
	t.Helper()
	pair, err := sys.GenerateKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func load(t testing.TB, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// captured is testdata/dht.json.
type captured struct {
	Records []struct {
		Name, Opaque, Text, EncryptionKey, Owner, OwnerSecret string
		Schema                                                json.RawMessage
	}
	Descriptors []struct {
		Name, RecordKey, OwnerSecret string
		Descriptor                   struct {
			Owner      struct{ Value string }
			SchemaData string
			Signature  struct{ Value string }
		}
		Expect struct{ Schema json.RawMessage }
	}
	Values                      []capturedValue
	Transaction, Watch, Inspect []struct{ Op, OpID, End, Signer, OperationData string }
}

type capturedValue struct {
	Name, RecordKey, Owner, ValueData, Signature, EncryptionKey, Plaintext, SignedBytes, Writer string
	Subkey, Seq                                                                                 uint32
}

func (c *capturedValue) decode(t testing.TB) *wire.SignedValueData {
	t.Helper()
	v, err := testDecoder.DecodeValueData(unhex(t, c.ValueData))
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	v.Signature = crypto.Signature{Kind: crypto.KindVLD0, Value: [64]byte(unhex(t, c.Signature))}
	return v
}

var testDecoder = wire.Decoder{Kinds: crypto.DefaultKinds()}

// memoryTables are tables in memory, which can fail and be copied as a crash leaves
// them.
type memoryTables struct {
	mu     sync.Mutex
	rows   [Columns]map[string][]byte
	fail   error
	writes int
	loads  int
	loaded func() // called in Load after the row is read; nil: nothing
}

func newMemoryTables() *memoryTables {
	m := new(memoryTables)
	for i := range m.rows {
		m.rows[i] = make(map[string][]byte)
	}
	return m
}

func (m *memoryTables) Load(_ context.Context, column uint32, key []byte) ([]byte, error) {
	m.mu.Lock()
	m.loads++
	fail, v, loaded := m.fail, m.rows[column][string(key)], m.loaded
	m.mu.Unlock()
	if loaded != nil {
		loaded()
	}
	switch {
	case fail != nil:
		return nil, fail
	case v == nil:
		return nil, fs.ErrNotExist
	}
	return bytes.Clone(v), nil
}

func (m *memoryTables) Each(_ context.Context, column uint32, fn func(key, value []byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, v := range m.rows[column] {
		if err := fn([]byte(k), v); err != nil {
			return err
		}
	}
	return m.fail
}

func (m *memoryTables) Write(_ context.Context, rows []Row) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.writes++
	for _, r := range rows {
		if len(r.Key) != recordRowKey && len(r.Key) != valueRowKey || len(r.Value) > 40<<10 {
			return errors.New("row beyond the contract of Tables")
		}
		if r.Value == nil {
			delete(m.rows[r.Column], string(r.Key))
		} else {
			m.rows[r.Column][string(r.Key)] = bytes.Clone(r.Value)
		}
	}
	return nil
}

func (m *memoryTables) setFail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// crash is what a new start would find.
func (m *memoryTables) crash() *memoryTables {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := newMemoryTables()
	for i := range m.rows {
		c.rows[i] = maps.Clone(m.rows[i])
	}
	return c
}

// author owns a record and writes its values.
type author struct {
	t     testing.TB
	sys   crypto.System
	owner crypto.KeyPair
	d     *Descriptor
}

func newAuthor(t testing.TB, sys crypto.System, s Schema) *author {
	t.Helper()
	owner := newPair(t, sys)
	d, err := NewDescriptor(sys, owner, s)
	if err != nil {
		t.Fatal(err)
	}
	return &author{t, sys, owner, d}
}

func (a *author) value(subkey, seq uint32, text string) *wire.SignedValueData {
	return a.valueBy(a.owner, subkey, seq, text)
}

func (a *author) valueBy(writer crypto.KeyPair, subkey, seq uint32, text string) *wire.SignedValueData {
	a.t.Helper()
	v, err := EncryptValue(a.sys, crypto.SharedSecret{}, writer.Public, seq, []byte(text))
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := SignValue(a.sys, writer, a.owner.Public, subkey, v)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed
}

func text(v *wire.SignedValueData) string {
	if v == nil {
		return "none"
	}
	return string(v.Value.Data)
}

func long(n int) string { return strings.Repeat("x", n) }
