package crypto

import "fmt"

// SealDeviceKey is the stored form of the device encryption key (spec 01 §8.2): kind
// and secret, or under a password kind, AEAD of the secret, nonce. An empty
// password is none.
func SealDeviceKey(sys System, key SharedSecret, password string) ([]byte, error) {
	if err := key.check(sys.Kind()); err != nil {
		return nil, err
	}
	if password == "" {
		return key.AppendSecret(nil), nil
	}
	nonce, err := sys.RandomNonce()
	if err != nil {
		return nil, err
	}
	return sealDeviceKey(sys, key, password, nonce)
}

func sealDeviceKey(sys System, key SharedSecret, password string, nonce Nonce) ([]byte, error) {
	under, err := sys.DeriveSharedSecret([]byte(password), nonce[:])
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	defer under.Zero()
	kind := key.Kind.Bytes()
	sealed, err := sys.SealAEAD(kind[:], under, nonce, key.value[:], nil)
	if err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	return append(sealed, nonce[:]...), nil
}

// OpenDeviceKey reads what [SealDeviceKey] wrote. A length that does not fit the
// password, set or not, is [ErrLength]; a wrong password is [ErrAuth].
func (c *Crypto) OpenDeviceKey(stored []byte, password string) (SharedSecret, error) {
	if len(stored) < 4 {
		return SharedSecret{}, &LengthError{What: "device key", Got: len(stored), Want: 4 + ValueSize}
	}
	sys, err := c.Get(KindOf([4]byte(stored)))
	if err != nil {
		return SharedSecret{}, fmt.Errorf("device key: %w", err)
	}
	want := 4 + ValueSize
	if password != "" {
		want += sys.Lengths().AEADOverhead + NonceSize
	}
	if len(stored) != want {
		return SharedSecret{}, &LengthError{What: "device key", Got: len(stored), Want: want}
	}
	if password == "" {
		return FromParts[SharedSecret](sys.Kind(), stored[4:])
	}
	nonce := Nonce(stored[want-NonceSize:])
	under, err := sys.DeriveSharedSecret([]byte(password), nonce[:])
	if err != nil {
		return SharedSecret{}, fmt.Errorf("device key: %w", err)
	}
	defer under.Zero()
	secret, err := sys.OpenAEAD(nil, under, nonce, stored[4:want-NonceSize], nil)
	if err != nil {
		return SharedSecret{}, fmt.Errorf("device key: %w", err)
	}
	defer clear(secret)
	return FromParts[SharedSecret](sys.Kind(), secret)
}
