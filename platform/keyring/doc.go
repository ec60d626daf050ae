// Package keyring is a [platform.ProtectedStore] in the keyring of the desktop,
// through github.com/zalando/go-keyring: Secret Service on Linux, Keychain on
// macOS, Credential Manager on Windows (spec 01 §8.1). On other systems Open
// gives platform.ErrUnsupported; phones have their own stores, reached through
// the app.
//
// A keyring is for keys, not for data: Windows ends at 2560 bytes, macOS passes
// the secret on a command line of 4096. So a secret is at most
// [platform.MinMaxSecret] bytes everywhere, which holds the device encryption
// key (spec 01 §8.2) with room; who has more keeps it in a table, which is
// encrypted under that key. Values are text: b64u(secret) and "!", the form of
// spec 01 §8.1.
//
// It imports platform and go-keyring. That package keeps one connection to the
// session bus per process, with its goroutines, until the process ends.
package keyring

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/voile-net/voile/platform"
)

// ErrNoKeyring: this machine, or this login session, has no keyring, so it is
// time for another store. (A keyring that is there but closed is
// platform.ErrLocked: there it is time to try again.)
var ErrNoKeyring = errors.New("no keyring")

// Options of Open.
type Options struct {
	Program   string // 1 to 100 bytes of printable UTF-8; users see it
	Namespace string // at most 100 bytes likewise; empty: none
}

const (
	serviceName = "voile_protected_store" // spec 01 §8.1, with our name
	maxName     = 100
)

// service is the name in the keyring that stands for one store.
func (o Options) service() (string, error) {
	if o.Program == "" || !printable(o.Program) || !printable(o.Namespace) {
		return "", fmt.Errorf("%w: program %.20q, namespace %.20q: want at most %d bytes of printable UTF-8", platform.ErrInvalidKey, o.Program, o.Namespace, maxName)
	}
	service := o.Program + "/" + serviceName
	if o.Namespace != "" {
		service += "_" + o.Namespace
	}
	return service, nil
}

func printable(name string) bool {
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return len(name) <= maxName && utf8.ValidString(name)
}
