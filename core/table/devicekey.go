package table

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
)

// DeviceKeyName is the device encryption key's name in the protected store
// (spec 01 §8.1).
const DeviceKeyName = "device_encryption_key"

// DeviceKey loads the device encryption key, or makes it and saves it on the
// first start (spec 01 §8.2). An empty password is none. A new password, nil for
// no change, is applied by sealing the key again; when the stored key already
// opens with it and not with the old one, it was applied before. The caller
// zeroes the key when it is done.
//
// A password that is wrong, missing or superfluous is platform.ErrWrongPassword;
// stored bytes that are no key are a *platform.CorruptError, a key of a
// cryptosystem that is not enabled crypto.ErrUnsupported. Nothing is saved then.
func DeviceKey(ctx context.Context, c *crypto.Crypto, secrets platform.ProtectedStore, password string, newPassword *string) (crypto.SharedSecret, error) {
	key, err := deviceKey(ctx, c, secrets, password, newPassword)
	if err != nil {
		return crypto.SharedSecret{}, fmt.Errorf("device encryption key: %w", err)
	}
	return key, nil
}

func deviceKey(ctx context.Context, c *crypto.Crypto, secrets platform.ProtectedStore, password string, newPassword *string) (crypto.SharedSecret, error) {
	stored, err := secrets.Load(ctx, DeviceKeyName)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := c.Best().RandomSharedSecret()
		if err != nil {
			return crypto.SharedSecret{}, err
		}
		if newPassword != nil {
			password = *newPassword
		}
		return key, saveDeviceKey(ctx, c, secrets, key, password)
	}
	if err != nil {
		return crypto.SharedSecret{}, err
	}
	defer clear(stored)
	key, err := openDeviceKey(c, stored, password)
	switch {
	case newPassword == nil || *newPassword == password:
		return key, err
	case err == nil:
		return key, saveDeviceKey(ctx, c, secrets, key, *newPassword)
	case !errors.Is(err, platform.ErrWrongPassword):
		return crypto.SharedSecret{}, err
	}
	// The last start applied the change, and the configuration still asks for it.
	if key, again := openDeviceKey(c, stored, *newPassword); again == nil {
		return key, nil
	}
	return crypto.SharedSecret{}, err
}

// openDeviceKey gives the errors of the cryptosystem their meaning.
func openDeviceKey(c *crypto.Crypto, stored []byte, password string) (crypto.SharedSecret, error) {
	key, err := c.OpenDeviceKey(stored, password)
	switch {
	case errors.Is(err, crypto.ErrAuth):
		return key, fmt.Errorf("%w: %w", platform.ErrWrongPassword, err)
	case errors.Is(err, crypto.ErrLength) && fitsOther(c, stored, password):
		return key, fmt.Errorf("%w: it is stored with a password and none is configured, or the reverse: %w", platform.ErrWrongPassword, err)
	case errors.Is(err, crypto.ErrLength):
		return key, &platform.CorruptError{Name: DeviceKeyName, Err: err}
	}
	return key, err
}

// fitsOther reports whether stored has the length of a key with a password,
// given none, or of one without, given one.
func fitsOther(c *crypto.Crypto, stored []byte, password string) bool {
	if len(stored) < 4 {
		return false
	}
	sys, err := c.Get(crypto.KindOf([4]byte(stored)))
	if err != nil {
		return false
	}
	l := sys.Lengths()
	open := 4 + l.SharedSecret
	if password == "" {
		return len(stored) == open+l.AEADOverhead+l.Nonce
	}
	return len(stored) == open
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
	defer clear(sealed)
	return secrets.Save(ctx, DeviceKeyName, sealed)
}
