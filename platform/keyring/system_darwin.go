//go:build darwin && !ios

package keyring

import (
	"errors"
	"io/fs"
	"os/exec"

	"github.com/voile-net/voile/platform"
)

// Exit statuses of /usr/bin/security: the low byte of Apple's OSStatus.
const (
	exitNotAllowed = 36  // errSecInteractionNotAllowed, -25308: locked and nobody to ask
	exitNoDefault  = 37  // errSecNoDefaultKeychain, -25307
	exitNoKeychain = 50  // errSecNoSuchKeychain, -25294
	exitAuthFailed = 51  // errSecAuthFailed, -25293
	exitCanceled   = 128 // errSecUserCanceled, -128
)

func findKeyring() error { return nil }

// nameSystemError gives the error that callers decide by; nil: none fits.
func nameSystemError(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		switch exit.ExitCode() {
		case exitNotAllowed, exitAuthFailed, exitCanceled:
			return platform.ErrLocked
		case exitNoDefault, exitNoKeychain:
			return ErrNoKeyring
		}
		return nil
	}
	var program *fs.PathError
	if errors.As(err, &program) || errors.Is(err, exec.ErrNotFound) {
		return ErrNoKeyring
	}
	return nil
}
