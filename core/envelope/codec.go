package envelope

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	"github.com/voile-net/voile/core/crypto"
)

// Codec seals and opens envelopes for the nodes of one network. Methods may be called
// from any goroutine.
type Codec struct {
	crypto     *crypto.Crypto
	network    NetworkKey
	compressor crypto.Compressor
	scratch    sync.Pool // of *[]byte: decrypted bodies before decompression
}

// NewCodec makes a codec. The zero network is no network key.
func NewCodec(c *crypto.Crypto, network NetworkKey) *Codec {
	return &Codec{crypto: c, network: network}
}

// Identity is a node that seals and opens: its key pair, made ready.
type Identity struct {
	id     crypto.NodeID
	secret crypto.SecretKey
	signer crypto.Signer
}

// NewIdentity checks that the pair belongs together and is of an enabled kind.
func NewIdentity(c *crypto.Crypto, pair crypto.KeyPair) (*Identity, error) {
	sys, err := c.Get(pair.KindOf())
	if err != nil {
		return nil, err
	}
	signer, err := sys.NewSigner(pair)
	if err != nil {
		return nil, err
	}
	return &Identity{id: crypto.NodeIDOf(pair.Public), secret: pair.Secret, signer: signer}, nil
}

// NodeID is the id of the node.
func (i *Identity) NodeID() crypto.NodeID { return i.id }

// PublicKey is the key of the node.
func (i *Identity) PublicKey() crypto.PublicKey { return i.signer.PublicKey() }

// Signer signs for the node.
func (i *Identity) Signer() crypto.Signer { return i.signer }

// Seal appends the envelope of a body from one node to another to dst, with a random
// nonce. Every envelope of a sender needs a new timestamp ([crypto.Clock.Increasing]),
// or receivers drop it. body must not overlap the memory of dst. [ErrTooLong] if the body or the
// envelope is over its limit.
func (c *Codec) Seal(dst []byte, from *Identity, to crypto.NodeID, at crypto.Timestamp, body []byte) ([]byte, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%w: body of %d bytes, limit %d", ErrTooLong, len(body), MaxBody)
	}
	sys, err := c.crypto.Get(from.id.Kind)
	if err != nil {
		return nil, err
	}
	// The nonce is read where the envelope will be, since a local array would escape
	// into the random source and cost an allocation.
	dst = slices.Grow(dst, Overhead+4+len(body)+len(body)/255+16)
	room := dst[len(dst) : len(dst)+crypto.NonceSize]
	if err := sys.RandomBytes(room); err != nil {
		return nil, err
	}
	return c.seal(dst, sys, from, Header{
		Kind: from.id.Kind, Timestamp: at, Nonce: crypto.Nonce(room), Sender: from.id, Recipient: to,
	}, body)
}

func (c *Codec) seal(dst []byte, sys crypto.System, from *Identity, h Header, body []byte) ([]byte, error) {
	if h.Recipient == h.Sender {
		return nil, ErrSelf // nobody would accept it
	}
	key, err := c.key(h.Recipient, from)
	if err != nil {
		return nil, err
	}
	defer key.Zero()

	start := len(dst)
	dst = h.appendHeader(dst, 0)
	dst = c.compressor.Compress(dst, body)
	size := len(dst) - start + crypto.SignatureSize
	if size > MaxSize {
		return nil, fmt.Errorf("%w: envelope of %d bytes, limit %d", ErrTooLong, size, MaxSize)
	}
	msg := dst[start:]
	binary.LittleEndian.PutUint16(msg[offSize:], uint16(size))
	c.network.mask(msg[offNonce:offSender], msg[offSender:offRecipient], msg[offRecipient:offBody])
	if err := sys.CryptNoAuth(msg[offBody:], msg[offBody:], key, h.Nonce); err != nil {
		return nil, err
	}
	sig := from.signer.Sign(msg)
	return append(dst, sig.Value[:]...), nil
}

// Envelope is a message that was read, its body still encrypted.
type Envelope struct {
	Header
	msg []byte // the whole message as received
}

// Size is the number of bytes of the message.
func (e *Envelope) Size() int { return len(e.msg) }

// Bytes is the message as received, for a relay to pass on.
func (e *Envelope) Bytes() []byte { return e.msg }

// ParseHeader reads an envelope without verifying it: steps 1 to 6 of spec 02 §9.3.
// Nothing in it is authentic before [Codec.Verify]. The envelope refers to msg, which
// is not changed and must not change while the envelope is in use.
func (c *Codec) ParseHeader(msg []byte) (Envelope, error) {
	h, _, err := parseHeader(msg, c.crypto.Kinds(), &c.network)
	if err != nil {
		return Envelope{}, err
	}
	return Envelope{Header: h, msg: msg}, nil
}

// Verify checks the signature under the sender's id: step 7 of spec 02 §9.3. It
// fails with [ErrSignature], also for a sender id that is no key.
func (c *Codec) Verify(e *Envelope) error {
	signed := len(e.msg) - crypto.SignatureSize
	return verify(c.crypto, e.Sender, e.msg[:signed], e.msg[signed:])
}

// Parse is ParseHeader and Verify, what a node does with each message it receives.
func (c *Codec) Parse(msg []byte) (Envelope, error) {
	e, err := c.ParseHeader(msg)
	if err != nil {
		return Envelope{}, err
	}
	if err := c.Verify(&e); err != nil {
		return Envelope{}, err
	}
	return e, nil
}

// Open appends the decrypted and decompressed body to dst, at most [MaxSize] bytes.
// to is the recipient, one of this node's identities. A fault of the envelope is
// [ErrBody]. dst must not overlap the message, which stays as it is.
func (c *Codec) Open(dst []byte, e *Envelope, to *Identity) ([]byte, error) {
	sys, err := c.crypto.Get(e.Kind)
	if err != nil {
		return nil, err
	}
	key, err := c.key(e.Sender, to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	defer key.Zero()

	sealed := e.msg[offBody : len(e.msg)-crypto.SignatureSize]
	buffer, _ := c.scratch.Get().(*[]byte)
	if buffer == nil {
		buffer = new([]byte)
	}
	defer c.scratch.Put(buffer)
	*buffer = slices.Grow((*buffer)[:0], len(sealed))
	plain := (*buffer)[:len(sealed)]
	if err := sys.CryptNoAuth(plain, sealed, key, e.Nonce); err != nil {
		return nil, err
	}
	defer clear(plain)
	body, err := crypto.Decompress(dst, plain, MaxSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return body, nil
}

// key is the encryption key between a peer and one of our identities, the same in both
// directions.
func (c *Codec) key(peer crypto.NodeID, own *Identity) (crypto.SharedSecret, error) {
	key, err := c.crypto.CachedDH(crypto.PublicKeyOf(peer), own.secret)
	if err != nil {
		return crypto.SharedSecret{}, err
	}
	c.network.mask(key.SecretBytes())
	return key, nil
}

// verify checks a signature of a node; whatever is wrong is [ErrSignature].
func verify(c *crypto.Crypto, signer crypto.NodeID, signed, signature []byte) error {
	sys, err := c.Get(signer.Kind)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	sig := crypto.Signature{Kind: signer.Kind, Value: [crypto.SignatureSize]byte(signature)}
	ok, err := sys.Verify(crypto.PublicKeyOf(signer), signed, sig)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}
