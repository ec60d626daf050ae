//go:build !js

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/encfile"
	"github.com/voile-net/voile/platform/internal/diskfile"
	"github.com/voile-net/voile/platform/keyring"
)

const (
	secretsName = "protected_store"
	noteSuffix  = ".in_keyring"
	noteText    = "The secrets of this node are in the keyring of this device. While this file is here, no file takes their place.\n"
)

// OpenProtectedStore opens the keyring, or the file where that is allowed.
//
// Once a store is in use it stays: a node that starts once without its keyring
// (over ssh, before login) would else make a new device key, and its tables
// would be worthless. So a keyring in use is not replaced by a file
// (ErrKeyringInUse), a file in use not by a keyring, and a locked keyring is
// platform.ErrLocked, which means: try again later. Only
// AlwaysUseInsecureStorage overrides this.
func OpenProtectedStore(ctx context.Context, c SecretsConfig) (*Secrets, error) {
	return openProtectedStore(ctx, c, func(ctx context.Context) (closingStore, error) {
		return keyring.Open(ctx, keyring.Options{Program: c.Program, Namespace: c.Namespace})
	})
}

type closingStore interface {
	platform.ProtectedStore
	io.Closer
}

func openProtectedStore(ctx context.Context, c SecretsConfig, openKeyring func(context.Context) (closingStore, error)) (*Secrets, error) {
	if strings.Trim(c.Namespace, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != "" {
		return nil, fmt.Errorf("protected store: %w: namespace %.20q", platform.ErrInvalidKey, c.Namespace)
	}
	path := ""
	if c.Directory != "" {
		name := secretsName
		if c.Namespace != "" {
			name += "_" + c.Namespace
		}
		path = filepath.Join(c.Directory, name)
	}
	if c.AlwaysUseInsecureStorage {
		return openFile(ctx, c, path, nil)
	}
	fileInUse, keyringInUse, err := inUse(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("protected store: %w", err)
	case fileInUse && c.AllowInsecureFallback:
		return openFile(ctx, c, path, ErrFileInUse)
	case fileInUse:
		return nil, fmt.Errorf("protected store: %w, %s: %w", ErrFileInUse, path, ErrInsecureStore)
	}
	ring, err := openKeyring(ctx)
	switch {
	case err == nil:
		if err := takeNote(path, keyringInUse); err != nil {
			return nil, fmt.Errorf("protected store: %w", errors.Join(err, ring.Close()))
		}
		return &Secrets{ProtectedStore: ring, Kind: Keyring, Where: c.Program, closer: ring}, nil
	case errors.Is(err, platform.ErrLocked), ctx.Err() != nil:
		return nil, fmt.Errorf("protected store: %w", err)
	case keyringInUse:
		return nil, fmt.Errorf("protected store: %w, but: %w (if they are lost, remove %s)", ErrKeyringInUse, err, path+noteSuffix)
	case !c.AllowInsecureFallback:
		return nil, fmt.Errorf("protected store: %w, and there is no other: %w", ErrInsecureStore, err)
	}
	return openFile(ctx, c, path, err)
}

func openFile(ctx context.Context, c SecretsConfig, path string, reason error) (*Secrets, error) {
	if path == "" {
		return nil, fmt.Errorf("protected store: no directory for a file: %w", errors.Join(fs.ErrInvalid, reason))
	}
	s, err := encfile.Open(ctx, path, encfile.Options{Password: c.Password})
	if err != nil {
		return nil, fmt.Errorf("protected store: %w", errors.Join(err, reason))
	}
	return &Secrets{ProtectedStore: s, Kind: File, Where: path, Reason: reason, closer: s}, nil
}

func inUse(path string) (file, keyring bool, err error) {
	if path == "" {
		return false, false, nil
	}
	if file, err = exists(path); err == nil {
		keyring, err = exists(path + noteSuffix)
	}
	return file, keyring, err
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

func takeNote(path string, taken bool) error {
	if path == "" || taken {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), diskfile.DirMode); err != nil {
		return err
	}
	return diskfile.Write(path+noteSuffix, []byte(noteText))
}
