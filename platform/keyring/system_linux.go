//go:build linux && !android

package keyring

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"

	"github.com/voile-net/voile/platform"
)

const (
	secretsName = "org.freedesktop.secrets"
	secretsPath = "/org/freedesktop/secrets"
	readAlias   = "org.freedesktop.Secret.Service.ReadAlias"

	// lockedText is how go-keyring says that Unlock did not open the collection.
	lockedText = "failed to unlock correct collection"
)

// findKeyring looks for a session bus first: without one the bus library
// would start a bus of its own with dbus-launch, on a server of all places.
func findKeyring() error {
	if address := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" && address != "autolaunch:" {
		return nil
	}
	run := filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join(run, name)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: no session bus", ErrNoKeyring)
}

// nameSystemError gives the error that callers decide by; nil: none fits.
func nameSystemError(err error) error {
	var onBus dbus.Error
	var network *net.OpError
	switch {
	case errors.As(err, &onBus):
		switch {
		case onBus.Name == "org.freedesktop.Secret.Error.IsLocked":
			return platform.ErrLocked
		case onBus.Name == "org.freedesktop.Secret.Error.NoSuchObject",
			onBus.Name == "org.freedesktop.DBus.Error.ServiceUnknown",
			onBus.Name == "org.freedesktop.DBus.Error.NameHasNoOwner",
			onBus.Name == "org.freedesktop.DBus.Error.UnknownObject",
			onBus.Name == "org.freedesktop.DBus.Error.UnknownMethod", // older daemons: no object at this path
			strings.HasPrefix(onBus.Name, "org.freedesktop.DBus.Error.Spawn."):
			return ErrNoKeyring
		}
	case errors.As(err, &network):
		return ErrNoKeyring
	case strings.Contains(err.Error(), lockedText):
		// A collection that is not there cannot be unlocked either.
		if missing, aliasErr := noDefaultCollection(); aliasErr == nil && missing {
			return fmt.Errorf("%w: no default collection", ErrNoKeyring)
		}
		return platform.ErrLocked
	}
	return nil
}

func noDefaultCollection() (bool, error) {
	bus, err := dbus.SessionBus()
	if err != nil {
		return false, err
	}
	var path dbus.ObjectPath
	err = bus.Object(secretsName, secretsPath).Call(readAlias, 0, "default").Store(&path)
	return path == "/", err
}
