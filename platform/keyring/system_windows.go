package keyring

import (
	"errors"

	"golang.org/x/sys/windows"
)

func findKeyring() error { return nil }

// nameSystemError gives the error that callers decide by; nil: none fits.
func nameSystemError(err error) error {
	// Services without a profile have no credentials of their own.
	if errors.Is(err, windows.ERROR_NO_SUCH_LOGON_SESSION) {
		return ErrNoKeyring
	}
	return nil
}
