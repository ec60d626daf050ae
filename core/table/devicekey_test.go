package table

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/memory"
)

// The vectors of spec 01 §8.2 and spec 08 §6.3: the secret is c0..df or 40..5f.
var (
	openC0   = "564c4430c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf"
	sealedC0 = "564c44301ef288cb855729639f02e9328284140ea7b644e5462b3e10b9a48143335710506044cb8d724783aff4bb7b50662dfc27101112131415161718191a1b1c1d1e1f2021222324252627"
	sealed40 = "564c44309dc7ae5cfe335e40ad4b900bb60441fe2e63c4038695ec7d036b349c35989abf5dcdeac3a67c54ce661da0969e997a59000102030405060708090a0b0c0d0e0f1011121314151617"
)

func text(s string) *string { return &s }

func TestDeviceKey(t *testing.T) {
	var corrupt *platform.CorruptError
	for _, test := range []struct {
		name        string
		stored      string // hex
		password    string
		newPassword *string
		want        byte // first byte of the secret
		wantErr     error
		corrupt     bool
		opensWith   string // the password that the stored key has afterwards
	}{
		{name: "open", stored: openC0, want: 0xc0},
		{name: "sealed", stored: sealedC0, password: "password", want: 0xc0, opensWith: "password"},
		{name: "sealed, other vector", stored: sealed40, password: "abc123", want: 0x40, opensWith: "abc123"},
		{name: "password is set", stored: openC0, newPassword: text("new"), want: 0xc0, opensWith: "new"},
		{name: "password is changed", stored: sealedC0, password: "password", newPassword: text("new"), want: 0xc0, opensWith: "new"},
		{name: "password is removed", stored: sealedC0, password: "password", newPassword: text(""), want: 0xc0},
		{name: "password stays", stored: sealedC0, password: "password", newPassword: text("password"), want: 0xc0, opensWith: "password"},
		{name: "change was applied before", stored: sealedC0, password: "old", newPassword: text("password"), want: 0xc0, opensWith: "password"},
		{name: "removal was applied before", stored: openC0, password: "old", newPassword: text(""), want: 0xc0},
		{name: "wrong password", stored: sealedC0, password: "Password", wantErr: platform.ErrWrongPassword},
		{name: "wrong password and a new one", stored: sealedC0, password: "Password", newPassword: text("new"), wantErr: platform.ErrWrongPassword},
		{name: "wrong password and the same new one", stored: sealedC0, password: "Password", newPassword: text("Password"), wantErr: platform.ErrWrongPassword},
		{name: "password missing", stored: sealedC0, wantErr: platform.ErrWrongPassword},
		{name: "password superfluous", stored: openC0, password: "x", wantErr: platform.ErrWrongPassword},
		{name: "other kind", stored: "564c4431" + openC0[8:], wantErr: crypto.ErrUnsupported},
		{name: "empty", corrupt: true},
		{name: "cut in the kind", stored: openC0[:6], corrupt: true},
		{name: "open, one byte less", stored: openC0[:70], corrupt: true},
		{name: "open, one byte more", stored: openC0 + "00", corrupt: true},
		{name: "sealed, one byte less", stored: sealedC0[:150], password: "password", corrupt: true},
		{name: "sealed, one byte more", stored: sealedC0 + "00", password: "password", newPassword: text("x"), corrupt: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, secrets := newCrypto(t), memory.NewProtectedStore()
			stored, err := hex.DecodeString(test.stored)
			if err != nil {
				t.Fatal(err)
			}
			if err := secrets.Save(t.Context(), DeviceKeyName, stored); err != nil {
				t.Fatal(err)
			}
			key, err := DeviceKey(t.Context(), c, secrets, test.password, test.newPassword)
			after, loadErr := secrets.Load(t.Context(), DeviceKeyName)
			if loadErr != nil {
				t.Fatal(loadErr)
			}
			switch {
			case test.corrupt:
				if !errors.As(err, &corrupt) || corrupt.Name != DeviceKeyName {
					t.Errorf("DeviceKey: %v, want a *CorruptError of %s", err, DeviceKeyName)
				}
			case test.wantErr != nil:
				if !errors.Is(err, test.wantErr) {
					t.Errorf("DeviceKey: %v, want %v", err, test.wantErr)
				}
			case err != nil || !key.Equal(testKey(test.want)):
				t.Errorf("DeviceKey = %x, %v; want the secret from %x on", key.SecretBytes(), err, test.want)
			default:
				again, err := c.OpenDeviceKey(after, test.opensWith)
				if err != nil || !again.Equal(key) {
					t.Errorf("the stored key does not open with %q: %v", test.opensWith, err)
				}
				return
			}
			if !key.IsZero() || !bytes.Equal(after, stored) {
				t.Errorf("after an error the key is %x, the stored one changed: %v", key.SecretBytes(), !bytes.Equal(after, stored))
			}
		})
	}
}

func TestDeviceKeyIsMadeOnce(t *testing.T) {
	for _, test := range []struct {
		name            string
		password        string
		newPassword     *string
		secondPassword  string
		wantStoredBytes int
	}{
		{"open", "", nil, "", 36},
		{"with a password", "p", nil, "p", 76},
		{"with a new password", "p", text("q"), "q", 76},
		{"with a password to remove", "p", text(""), "", 36},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, secrets := newCrypto(t), memory.NewProtectedStore()
			first, err := DeviceKey(t.Context(), c, secrets, test.password, test.newPassword)
			if err != nil || first.IsZero() {
				t.Fatalf("DeviceKey = %x, %v", first.SecretBytes(), err)
			}
			stored, err := secrets.Load(t.Context(), DeviceKeyName)
			if err != nil || len(stored) != test.wantStoredBytes {
				t.Errorf("stored are %d bytes, %v; want %d", len(stored), err, test.wantStoredBytes)
			}
			second, err := DeviceKey(t.Context(), c, secrets, test.secondPassword, nil)
			if err != nil || !second.Equal(first) {
				t.Errorf("second DeviceKey = %x, %v; want the first", second.SecretBytes(), err)
			}
		})
	}
}

// lockedSecrets is a keyring that the user has not unlocked.
type lockedSecrets struct{ *memory.ProtectedStore }

func (lockedSecrets) Load(context.Context, string) ([]byte, error) { return nil, platform.ErrLocked }

func TestDeviceKeyIsNotMadeBehindALock(t *testing.T) {
	secrets := memory.NewProtectedStore()
	if _, err := DeviceKey(t.Context(), newCrypto(t), lockedSecrets{secrets}, "", nil); !errors.Is(err, platform.ErrLocked) {
		t.Errorf("DeviceKey of a locked keyring: %v, want ErrLocked", err)
	}
	if _, err := secrets.Load(t.Context(), DeviceKeyName); !isNotExist(err) {
		t.Errorf("a key was made: %v", err)
	}
}
