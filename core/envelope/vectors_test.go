package envelope

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/voile-net/voile/core/crypto"
)

// hexBytes is a byte string that is hex in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// content is hex, or "sha256:" and a digest in place of long bytes.
type content string

func (c content) is(b []byte) bool {
	if digest, ok := strings.CutPrefix(string(c), "sha256:"); ok {
		sum := sha256.Sum256(b)
		return digest == hex.EncodeToString(sum[:])
	}
	return string(c) == hex.EncodeToString(b)
}

type vectorKey struct{ PublicKey, SecretKey hexBytes }

func (k vectorKey) pair(t testing.TB) crypto.KeyPair {
	t.Helper()
	public, err := crypto.FromParts[crypto.PublicKey](crypto.KindVLD0, k.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := crypto.FromParts[crypto.SecretKey](crypto.KindVLD0, k.SecretKey)
	if err != nil {
		t.Fatal(err)
	}
	return crypto.KeyPair{Public: public, Secret: secret}
}

type envelopeVector struct {
	Name   string
	Hex    hexBytes
	Keys   struct{ Sender, Recipient vectorKey }
	Expect struct {
		Kind           crypto.Kind
		Timestamp      crypto.Timestamp
		Nonce          hexBytes
		Sender         hexBytes
		Recipient      hexBytes
		Signature      hexBytes
		DHKey          hexBytes
		DeclaredSize   int
		CompressedBody content
		Body           content
		BodyLength     int
	}
}

type receiptVector struct {
	Name   string
	Hex    hexBytes
	Wire   []hexBytes
	Keys   struct{ Maker vectorKey }
	Expect struct {
		Kind      crypto.Kind
		Nonce     hexBytes
		Sender    hexBytes
		ExtraData hexBytes
	}
}

func load[T any](t testing.TB, file string) []T {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Vectors []T }
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Vectors) < 10 {
		t.Fatalf("%s: only %d vectors", file, len(all.Vectors))
	}
	return all.Vectors
}

func newCrypto(t testing.TB, kinds ...crypto.Kind) *crypto.Crypto {
	t.Helper()
	c, err := crypto.New(crypto.Config{Kinds: kinds})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func identity(t testing.TB, c *crypto.Crypto, pair crypto.KeyPair) *Identity {
	t.Helper()
	id, err := NewIdentity(c, pair)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestCapturedEnvelopes(t *testing.T) {
	c := newCrypto(t)
	codec := NewCodec(c, NetworkKey{})
	for _, v := range load[envelopeVector](t, "envelopes.json") {
		t.Run(v.Name, func(t *testing.T) {
			before := bytes.Clone(v.Hex)
			e, err := codec.Parse(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			want := v.Expect
			if e.Kind != want.Kind || e.Timestamp != want.Timestamp || !bytes.Equal(e.Nonce[:], want.Nonce) ||
				!bytes.Equal(e.Sender.Value[:], want.Sender) || !bytes.Equal(e.Recipient.Value[:], want.Recipient) {
				t.Errorf("header %+v, want %+v", e.Header, want)
			}
			from, to := identity(t, c, v.Keys.Sender.pair(t)), identity(t, c, v.Keys.Recipient.pair(t))
			dh, err := c.CachedDH(to.PublicKey(), v.Keys.Sender.pair(t).Secret)
			if err != nil || !bytes.Equal(dh.SecretBytes(), want.DHKey) {
				t.Errorf("key agreement: %v", err)
			}
			body, err := codec.Open(nil, &e, to)
			if err != nil || len(body) != want.BodyLength || len(body) != want.DeclaredSize {
				t.Fatalf("Open = %d bytes, %v, want %d", len(body), err, want.BodyLength)
			}
			if !want.Body.is(body) {
				t.Errorf("body %x, want %s", body, want.Body)
			}
			sealed := v.Hex[offBody : len(v.Hex)-crypto.SignatureSize]
			plain := make([]byte, len(sealed))
			if err := c.Best().CryptNoAuth(plain, sealed, dh, e.Nonce); err != nil || !want.CompressedBody.is(plain) {
				t.Errorf("compressed body %x, %v, want %s", plain, err, want.CompressedBody)
			}
			if !bytes.Equal(v.Hex, before) {
				t.Error("the message was changed")
			}

			// The bytes as the peer made them: its own compression, then our every step.
			again := reseal(t, c, from, e.Header, sealed, NetworkKey{})
			if !bytes.Equal(again, v.Hex) {
				t.Errorf("encoded as %x\nwant %x", again, v.Hex)
			}
			// With our compression the body is the same, the rest as it must be.
			resealed, err := codec.seal(nil, c.Best(), from, e.Header, body)
			if err != nil {
				t.Fatal(err)
			}
			mine, err := codec.Parse(resealed)
			if err != nil || mine.Header != e.Header {
				t.Errorf("own envelope: %+v, %v", mine.Header, err)
			}
			if got, err := codec.Open(nil, &mine, to); err != nil || !bytes.Equal(got, body) {
				t.Errorf("own envelope opens to %d bytes, %v", len(got), err)
			}
		})
	}
}

// reseal writes an envelope around an encrypted body.
func reseal(t *testing.T, c *crypto.Crypto, from *Identity, h Header, sealed []byte, network NetworkKey) []byte {
	t.Helper()
	msg := append(h.appendHeader(nil, Overhead+len(sealed)), sealed...)
	network.mask(msg[offNonce:offSender], msg[offSender:offRecipient], msg[offRecipient:offBody])
	sig := from.signer.Sign(msg)
	return append(msg, sig.Value[:]...)
}

func TestCapturedReceipts(t *testing.T) {
	c := newCrypto(t)
	for _, v := range load[receiptVector](t, "receipts.json") {
		t.Run(v.Name, func(t *testing.T) {
			r, err := ParseReceipt(c, v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			want := v.Expect
			if r.Kind != want.Kind || !bytes.Equal(r.Nonce[:], want.Nonce) || !bytes.Equal(r.Sender.Value[:], want.Sender) ||
				!bytes.Equal(r.Extra, want.ExtraData) {
				t.Errorf("receipt %+v, want %+v", r, want)
			}
			maker := identity(t, c, v.Keys.Maker.pair(t))
			again, err := AppendReceipt(nil, maker.Signer(), r.Nonce, r.Extra)
			if err != nil || !bytes.Equal(again, v.Hex) {
				t.Errorf("encoded as %x, %v\nwant %x", again, err, v.Hex)
			}
		})
	}
}

// The vectors of spec 02 §9.5 and §11.1.
const (
	plainVector = "454e5630564c4430c9000089674523310600808182838485868788898a8b8c8d8e8f909192939495969703a107bff3ce" +
		"10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b829acbae141bccaf0b22e1a94d34d0bc7361e526d0bfe" +
		"12c89794bc9322966dd73475f0ae5a551e2f24061948c56504bfb63e1c129934fbcba70b17f9e9737c4eb64da5d6b1ab" +
		"d58ce0f9b497fc5da9cab45b8a77c678e0903a85cfb3996d47825b6f49f13bbf0fe60591060fc655cf3843521567c77d" +
		"b2457db7f7350d990c"
	maskedVector = "454e5630564c4430c9000089674523310600876f33de7aa203fb6d60bb89c571a607fdb11e251207e6b8044fb6e20de9" +
		"95c2f899ec1aaeb7e8110ac45a861d377d70584c0c186fc252602e420bbcbf9b4f8c57c72b969ab1234f5b3ededb8d6c" +
		"62e7d20436ef5f010e0f9b17aa5b856fb202e1fdbea09e769c44615513eb41632e4044b91c265b293d1658ad5874db53" +
		"bee3dcf3e7c37c16571cd5ce46e71facf83ee21544ee50f638cc9c70d4b6d24da2fc652115cf83b05db38a9680f07cfa" +
		"a6888c7cda3189e70f"
	receiptVectorHex = "52435030564c44308700808182838485868788898a8b8c8d8e8f909192939495969703a107bff3ce10be1d70dd18e74b" +
		"c09967e4d6309ba50d5f1ddc8664125531b8657874726153c34d0722b73b86465f738db3ecdd20e587e602b7aaeb7873" +
		"6ca08f7ea2f2c37199e26b7de80e04146359b01e97070b82342acdecb340a658995c1bde220804"
	vectorBody = "This is an arbitrary body"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sequence(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

// testPair is key A (first byte 0) or B (0x20) of spec 01 §4.1.
func testPair(t testing.TB, first byte) crypto.KeyPair {
	t.Helper()
	c, err := crypto.New(crypto.Config{Rand: bytes.NewReader(sequence(first, 32))})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.Best().GenerateKeyPair()
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// world is what most tests need: a codec and two identities on it.
type world struct {
	c     *crypto.Crypto
	codec *Codec
	a, b  *Identity
}

func newWorld(t testing.TB, network NetworkKey) world {
	c := newCrypto(t)
	return world{c, NewCodec(c, network), identity(t, c, testPair(t, 0)), identity(t, c, testPair(t, 0x20))}
}

func testNetwork(t testing.TB) NetworkKey {
	t.Helper()
	network, err := DeriveNetworkKey(newCrypto(t).Best(), "test network")
	if err != nil {
		t.Fatal(err)
	}
	return network
}

func TestSpecVectors(t *testing.T) {
	network := testNetwork(t)
	if want := unhex(t, "07eeb15dfe27857ce5e9310249fc28886d208cb68692702f45908a7c7d9763d8"); !bytes.Equal(network.key[:], want) {
		t.Errorf("network key %x, want %x", network.key, want)
	}
	for _, test := range []struct {
		name    string
		network NetworkKey
		want    string
	}{
		{"without network key", NetworkKey{}, plainVector},
		{"with network key", network, maskedVector},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, test.network)
			want := unhex(t, test.want)
			h := Header{
				Kind: crypto.KindVLD0, Timestamp: 0x0006312345678900, Nonce: crypto.Nonce(sequence(0x80, 24)),
				Sender: w.a.NodeID(), Recipient: w.b.NodeID(),
			}
			got, err := w.codec.seal([]byte("before"), w.c.Best(), w.a, h, []byte(vectorBody))
			if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
				t.Errorf("sealed as %x, %v\nwant %x", got, err, want)
			}
			e, err := w.codec.Parse(want)
			if err != nil || e.Header != h || e.Size() != len(want) || !bytes.Equal(e.Bytes(), want) {
				t.Fatalf("Parse = %+v, %v, want %+v", e.Header, err, h)
			}
			body, err := w.codec.Open([]byte("x"), &e, w.b)
			if err != nil || string(body) != "x"+vectorBody {
				t.Errorf("Open = %q, %v", body, err)
			}
		})
	}

	w := newWorld(t, NetworkKey{})
	want := unhex(t, receiptVectorHex)
	nonce := crypto.Nonce(sequence(0x80, 24))
	got, err := AppendReceipt([]byte("before"), w.a.Signer(), nonce, []byte("extra"))
	if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Errorf("receipt %x, %v\nwant %x", got, err, want)
	}
	r, err := ParseReceipt(w.c, want)
	if err != nil || r.Nonce != nonce || r.Sender != w.a.NodeID() || string(r.Extra) != "extra" || r.Kind != crypto.KindVLD0 {
		t.Errorf("ParseReceipt = %+v, %v", r, err)
	}
}
