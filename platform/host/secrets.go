package host

import (
	"errors"
	"io"

	"github.com/voile-net/voile/platform"
)

// SecretsConfig says where secrets may be kept (spec 01 §8.1; the names of its
// settings are those of protected_store there).
type SecretsConfig struct {
	Program   string // names the entries in the keyring
	Namespace string // letters, digits, "_", "-" and "."; empty: none

	// Directory is for the file, and for a note which store is in use. Empty:
	// there is no file, and the keyring is the only choice.
	Directory string
	// AlwaysUseInsecureStorage takes the file without looking for a keyring.
	AlwaysUseInsecureStorage bool
	// AllowInsecureFallback takes the file if there is no keyring.
	AllowInsecureFallback bool
	// Password encrypts the file. Empty: a key file beside it does, which is
	// what is insecure about it. The keyring needs none.
	Password []byte
}

// Kind is a sort of protected store.
type Kind string

const (
	Keyring Kind = "keyring"
	File    Kind = "file"
)

// Secrets is the store that was chosen, and why: for the log and the status of
// the node, so that no choice is silent.
type Secrets struct {
	platform.ProtectedStore
	Kind  Kind
	Where string // path of the file; name of the program in the keyring
	// Reason is why it is not the keyring: its error, or that a file is in use
	// since an earlier start. Nil for the keyring, and when the file was asked for.
	Reason error

	closer io.Closer
}

// Close closes the store. It may be called twice.
func (s *Secrets) Close() error { return s.closer.Close() }

// Reasons and refusals.
var (
	// ErrInsecureStore: the only store there is is a file, and that is not allowed.
	ErrInsecureStore = errors.New("insecure storage is not allowed")
	// ErrFileInUse: the secrets are in the file since an earlier start.
	ErrFileInUse = errors.New("secrets are in a file since an earlier start")
	// ErrKeyringInUse: the secrets are in the keyring since an earlier start.
	ErrKeyringInUse = errors.New("secrets are in the keyring since an earlier start")
)
