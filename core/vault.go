package core

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
)

// Names under which the node keeps what it needs itself (spec 01 §8.4).
const (
	deviceKeyName = "device_encryption_key" // in the protected store
	stateDatabase = "__voile_state"         // in the key-value store
	keyHashName   = "encryption_key_hash"   // stored plain
	keyHashSuffix = "__voile_state_encryption_key_hash__"
)

// Columns of the state database.
const (
	columnNode  = 0 // identity, bootstrap records, routes
	columnTable = 1 // entries of the routing table
)

// vault keeps the node's own state, encrypted under the device key. A value is
// nonce and XChaCha20-Poly1305 of it, bound to its name and column.
type vault struct {
	kv  platform.KeyValueStore
	sys crypto.System
	key crypto.SharedSecret
}

// ErrDeviceKey: what is stored was encrypted with another device key.
var ErrDeviceKey = errors.New("stored state belongs to another device encryption key")

// openVault loads or makes the device key and checks that it fits what is stored.
// With mayWipe, state of another key is deleted, as the protocol's configuration
// says (spec 01 §8.3); wiped tells so.
func openVault(ctx context.Context, c *crypto.Crypto, secrets platform.ProtectedStore, kv platform.KeyValueStore,
	password string, newPassword *string, mayWipe bool) (v *vault, wiped bool, err error) {
	key, err := deviceKey(ctx, c, secrets, password, newPassword)
	if err != nil {
		return nil, false, fmt.Errorf("device encryption key: %w", err)
	}
	sys, err := c.Get(key.Kind)
	if err != nil {
		return nil, false, err
	}
	v = &vault{kv: kv, sys: sys, key: key}
	hash := sys.Hash(append(key.AppendSecret(nil), keyHashSuffix...))
	err = kv.Update(ctx, func(tx platform.Tx) error {
		for column := range uint32(2) {
			if err := tx.CreateBucket(platform.Bucket{Database: stateDatabase, Column: column}); err != nil {
				return err
			}
		}
		name := platform.Bucket{Database: stateDatabase, Column: columnNode}
		have, err := tx.Get(name, []byte(keyHashName))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			size, err := tx.Size(name)
			if err != nil {
				return err
			}
			if size.Rows == 0 {
				return tx.Put(name, []byte(keyHashName), hash.Value[:])
			}
		case err != nil:
			return err
		case subtle.ConstantTimeCompare(have, hash.Value[:]) == 1:
			return nil
		}
		if !mayWipe {
			return ErrDeviceKey
		}
		wiped = true
		if err := wipe(tx); err != nil {
			return err
		}
		for column := range uint32(2) {
			if err := tx.CreateBucket(platform.Bucket{Database: stateDatabase, Column: column}); err != nil {
				return err
			}
		}
		return tx.Put(name, []byte(keyHashName), hash.Value[:])
	})
	return v, wiped, err
}

// wipe deletes everything in a store.
func wipe(tx platform.Tx) error {
	databases, err := tx.Databases()
	if err != nil {
		return err
	}
	for _, d := range databases {
		if err := tx.DeleteDatabase(d); err != nil {
			return err
		}
	}
	return nil
}

// deviceKey is the key that encrypts everything at rest (spec 01 §8.2). A new
// password is applied by sealing the key again.
func deviceKey(ctx context.Context, c *crypto.Crypto, secrets platform.ProtectedStore, password string, newPassword *string) (crypto.SharedSecret, error) {
	stored, err := secrets.Load(ctx, deviceKeyName)
	switch {
	case err == nil:
		key, err := c.OpenDeviceKey(stored, password)
		if err != nil || newPassword == nil {
			return key, err
		}
		return key, saveDeviceKey(ctx, c, secrets, key, *newPassword)
	case !errors.Is(err, fs.ErrNotExist):
		return crypto.SharedSecret{}, err
	}
	key, err := c.Best().RandomSharedSecret()
	if err != nil {
		return crypto.SharedSecret{}, err
	}
	if newPassword != nil {
		password = *newPassword
	}
	return key, saveDeviceKey(ctx, c, secrets, key, password)
}

func saveDeviceKey(ctx context.Context, c *crypto.Crypto, secrets platform.ProtectedStore, key crypto.SharedSecret, password string) error {
	sys, err := c.Get(key.Kind)
	if err != nil {
		return err
	}
	sealed, err := crypto.SealDeviceKey(sys, key, password)
	if err != nil {
		return err
	}
	return secrets.Save(ctx, deviceKeyName, sealed)
}

func bucketOf(column uint32) platform.Bucket {
	return platform.Bucket{Database: stateDatabase, Column: column}
}

func ad(column uint32, name []byte) []byte { return append([]byte{byte(column)}, name...) }

func (v *vault) seal(column uint32, name, value []byte) ([]byte, error) {
	nonce, err := v.sys.RandomNonce()
	if err != nil {
		return nil, err
	}
	return v.sys.SealAEAD(append([]byte(nil), nonce[:]...), v.key, nonce, value, ad(column, name))
}

func (v *vault) open(column uint32, name, stored []byte) ([]byte, error) {
	var nonce crypto.Nonce
	if len(stored) < len(nonce) {
		return nil, &platform.CorruptError{Name: stateDatabase, Err: errors.New("value is cut short")}
	}
	copy(nonce[:], stored)
	plain, err := v.sys.OpenAEAD(nil, v.key, nonce, stored[len(nonce):], ad(column, name))
	if err != nil {
		return nil, &platform.CorruptError{Name: stateDatabase, Err: err}
	}
	return plain, nil
}

// get reads one value; nil: there is none.
func (v *vault) get(ctx context.Context, name string) ([]byte, error) {
	var stored []byte
	err := v.kv.View(ctx, func(tx platform.Tx) (err error) {
		stored, err = tx.Get(bucketOf(columnNode), []byte(name))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return v.open(columnNode, []byte(name), stored)
}

// each reads all values of a column.
func (v *vault) each(ctx context.Context, column uint32, f func(name, value []byte) error) error {
	type row struct{ name, stored []byte }
	var rows []row
	err := v.kv.View(ctx, func(tx platform.Tx) error {
		return tx.ForEach(bucketOf(column), platform.Range{}, func(name, stored []byte) error {
			rows = append(rows, row{append([]byte(nil), name...), append([]byte(nil), stored...)})
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		value, err := v.open(column, r.name, r.stored)
		if err != nil {
			return err
		}
		if err := f(r.name, value); err != nil {
			return err
		}
	}
	return nil
}

// change is a value to write; nil: to delete.
type change struct {
	column uint32
	name   []byte
	value  []byte
}

// put writes several values at once, all or none.
func (v *vault) put(ctx context.Context, changes ...change) error {
	sealed := make([][]byte, len(changes))
	for i, c := range changes {
		if c.value == nil {
			continue
		}
		var err error
		if sealed[i], err = v.seal(c.column, c.name, c.value); err != nil {
			return err
		}
	}
	return v.kv.Update(ctx, func(tx platform.Tx) error {
		for i, c := range changes {
			var err error
			if sealed[i] == nil {
				err = tx.Delete(bucketOf(c.column), c.name)
			} else {
				err = tx.Put(bucketOf(c.column), c.name, sealed[i])
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
