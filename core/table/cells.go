package table

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"lukechampine.com/blake3"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
)

// keyContext separates the keys of tables from whatever else may be derived from
// a device key.
const keyContext = "github.com/voile-net/voile 2026-11-21 core/table keys of one table"

const (
	sivSize = crypto.NonceSize // of the synthetic nonce that begins a row's name

	// Limits of the store below, less what encryption adds.
	MaxKey   = platform.MaxKey - sivSize // bytes of a key
	MaxValue = platform.MaxValue - 64    // bytes of a value; 64 is more than nonce and tag of any kind
)

var errShort = errors.New("shorter than its nonce")

// cells seals and opens the rows of one table. Every table has three keys of its
// own, derived from the device key and the table's random id:
//
//	mac, names, values = BLAKE3-derive-key(keyContext, kind | device key | id), 32 bytes each
//
// A row of the store below is
//
//	siv  = BLAKE3-keyed(mac, column u32 BE | key), its first 24 bytes
//	name = siv | XChaCha20(names, nonce = siv, key)
//	cell = nonce(24) random | XChaCha20-Poly1305(values, nonce, value, associated data = siv)
//
// The name is deterministic so that a row can be found by its key; it opens only
// if the siv fits, so it is authenticated (the construction is known as SIV). The
// siv stands for table, column and key, so a cell that is moved to another row
// does not open. The cipher is that of the device key's kind.
//
// What a reader of the file learns: how many rows a column has, how long keys and
// values are, which rows changed between two looks. What a writer of the file can
// do unnoticed: remove rows, and put older values of the same row back.
type cells struct {
	sys           crypto.System
	mac           [32]byte
	names, values crypto.SharedSecret
	macs          sync.Pool // of *macState
}

// macState is kept between uses because a hasher has 3 KiB.
type macState struct {
	hasher *blake3.Hasher
	buf    [sivSize]byte // column on the way in, siv on the way out
}

func newCells(sys crypto.System, device *crypto.SharedSecret, id tableID) *cells {
	material := append(device.AppendSecret(nil), id[:]...)
	defer clear(material)
	var keys [3 * 32]byte
	defer clear(keys[:])
	blake3.DeriveKey(keys[:], keyContext, material)
	return &cells{
		sys:    sys,
		mac:    [32]byte(keys[:32]),
		names:  crypto.NewSharedSecret(sys.Kind(), [32]byte(keys[32:64])),
		values: crypto.NewSharedSecret(sys.Kind(), [32]byte(keys[64:])),
	}
}

// zero forgets the keys. Nothing may use c any more.
func (c *cells) zero() {
	clear(c.mac[:])
	c.names.Zero()
	c.values.Zero()
	c.macs = sync.Pool{}
}

// name gives the name of the row of a key; its first sivSize bytes are the siv.
func (c *cells) name(column uint32, key []byte) ([]byte, error) {
	if len(key) > MaxKey {
		return nil, fmt.Errorf("%w: key of %d bytes", platform.ErrTooLarge, len(key))
	}
	name := make([]byte, sivSize+len(key))
	c.siv(name, column, key)
	if err := c.sys.CryptNoAuth(name[sivSize:], key, c.names, crypto.Nonce(name)); err != nil {
		return nil, err
	}
	return name, nil
}

// openName turns a row's name into its key, in place. What comes back is a part
// of name, whose siv stays.
func (c *cells) openName(column uint32, name []byte) (key []byte, err error) {
	if len(name) < sivSize {
		return nil, errShort
	}
	key = name[sivSize:]
	if err := c.sys.CryptNoAuth(key, key, c.names, crypto.Nonce(name)); err != nil {
		return nil, err
	}
	var want [sivSize]byte
	c.siv(want[:], column, key)
	if subtle.ConstantTimeCompare(want[:], name[:sivSize]) != 1 {
		return nil, crypto.ErrAuth
	}
	return key, nil
}

func (c *cells) siv(dst []byte, column uint32, key []byte) {
	m, _ := c.macs.Get().(*macState)
	if m == nil {
		m = &macState{hasher: blake3.New(sivSize, c.mac[:])}
	}
	m.hasher.Reset()
	binary.BigEndian.PutUint32(m.buf[:], column)
	m.hasher.Write(m.buf[:4])
	m.hasher.Write(key)
	m.hasher.Sum(m.buf[:0])
	copy(dst, m.buf[:])
	c.macs.Put(m)
}

// seal encrypts the value of the row of that name.
func (c *cells) seal(name, value []byte) ([]byte, error) {
	if len(value) > MaxValue {
		return nil, fmt.Errorf("%w: value of %d bytes", platform.ErrTooLarge, len(value))
	}
	nonce, err := c.sys.RandomNonce()
	if err != nil {
		return nil, err
	}
	cell := make([]byte, len(nonce), len(nonce)+len(value)+c.sys.Lengths().AEADOverhead)
	copy(cell, nonce[:])
	return c.sys.SealAEAD(cell, c.values, nonce, value, name[:sivSize])
}

// open decrypts a cell, in place: what comes back is a part of cell, never nil.
// Of the name it needs the siv.
func (c *cells) open(name, cell []byte) (value []byte, err error) {
	if len(name) < sivSize || len(cell) < crypto.NonceSize {
		return nil, errShort
	}
	body := cell[crypto.NonceSize:]
	value, err = c.sys.OpenAEAD(body[:0], c.values, crypto.Nonce(cell), body, name[:sivSize])
	if err != nil {
		return nil, err
	}
	return value, nil
}
