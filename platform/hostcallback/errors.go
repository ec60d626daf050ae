package hostcallback

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"github.com/voile-net/voile/platform"
)

// Words that the text of an app's error may begin with, followed by a colon or
// nothing. Any other text is a failure of the device.
const (
	Locked   = "Locked"   // as platform.ErrLocked: try again after the user has unlocked the device
	TooLarge = "TooLarge" // as platform.ErrTooLarge
)

// maxErrorText bounds what is kept of an app's error, in bytes.
const maxErrorText = 1024

// hostError is what an app's error says, with the error that it stands for.
type hostError struct {
	text string
	is   error // nil: none of package platform
}

func (e *hostError) Error() string { return e.text }
func (e *hostError) Unwrap() error { return e.is }

// fault reads an error of the app. Its text may be anything, even no UTF-8, which
// an error that goes back to an app must be.
func fault(what string, err error) error {
	text := err.Error()
	if len(text) > maxErrorText {
		text = text[:maxErrorText]
	}
	e := &hostError{text: strings.ToValidUTF8(text, string(utf8.RuneError))}
	switch word, _, _ := strings.Cut(e.text, ":"); strings.TrimSpace(word) {
	case Locked:
		e.is = platform.ErrLocked
	case TooLarge:
		e.is = platform.ErrTooLarge
	}
	return fmt.Errorf("%s: %w", what, e)
}

// guarded turns a panic of the app's code, or of the bindings to it, into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault("the app's adapter", fmt.Errorf("panic: %v\n%s", r, debug.Stack()))
		}
	}()
	return f()
}

// errNoAnswer: the app has given nothing at all.
var errNoAnswer = errors.New("no answer")
