package lab

import (
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"time"
)

// Identity is a node's key pair. It follows from a text, so that a capture of a
// run can be decrypted and a restarted node is the same node. It is public
// knowledge: never use it outside the laboratory.
type Identity struct {
	key ed25519.PrivateKey
}

// NewIdentity derives the identity that belongs to a name.
func NewIdentity(name string) Identity {
	return identityOf(sha256.Sum256([]byte("voile laboratory identity " + name)))
}

func identityOf(seed [ed25519.SeedSize]byte) Identity {
	return Identity{ed25519.NewKeyFromSeed(seed[:])}
}

// Public is the public key, which is also the node id (spec 01).
func (i Identity) Public() string { return typed(i.key.Public().(ed25519.PublicKey)) }

// Secret is the secret key's text for a configuration.
func (i Identity) Secret() string { return typed(i.key.Seed()) }

func typed(raw []byte) string { return "VLD0:" + base64.RawURLEncoding.EncodeToString(raw) }

// Record0 is an unsigned bootstrap record (spec 04 §12.2) of a node with this
// identity that listens for UDP, TCP and WS on the laboratory's port.
func (i Identity) Record0(host string) string {
	return fmt.Sprintf("0|0|%s|%s|%s", i.Public(), host, shortDialInfos)
}

// Record1 is a bootstrap record signed by signer.
func (i Identity) Record1(host string, signer Identity, at time.Time) (string, error) {
	text := fmt.Sprintf("1|0|%s|%s|%s|%d|", i.Public(), host, shortDialInfos, at.Unix())
	signature, err := signer.sign([]byte(text))
	return text + signature, err
}

// sign makes a VLD0 signature: Ed25519ph over SHA-512 with a context (spec 01).
func (i Identity) sign(data []byte) (string, error) {
	digest := sha512.Sum512(data)
	signature, err := i.key.Sign(nil, digest[:], &ed25519.Options{Hash: crypto.SHA512, Context: "VLD0_SIGN"})
	if err != nil {
		return "", err
	}
	return typed(signature), nil
}

// nodePort is where every node of the laboratory listens.
const nodePort = 5150

// shortDialInfos is how bootstrap records tell it (spec 04 §12.2).
const shortDialInfos = "T5150,U5150,W5150/ws"
