package platform

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// What callers decide by. Adapters wrap them with the name of the thing.
var (
	// ErrUnsupported: this operating system has no such ability. Only Open
	// functions return it.
	ErrUnsupported = errors.New("not supported on this platform")

	// ErrInUse: another process, or another Open in this one, holds the store.
	ErrInUse = errors.New("in use")

	// ErrLocked: the keyring is there but its owner has not unlocked it. Nothing
	// is wrong with the store: try again later (spec 01 §8.1).
	ErrLocked = errors.New("locked by the platform")

	// ErrTooLarge: a name, key or value is beyond a limit of the store.
	ErrTooLarge = errors.New("too large")

	// ErrInvalidKey: an empty or malformed key or name.
	ErrInvalidKey = errors.New("invalid key")

	// ErrNoSpace: disk, quota or configured size is used up. What was stored
	// before stays readable; writing works again when there is space.
	ErrNoSpace = errors.New("no space left")

	// ErrWrongPassword: a password is wrong, missing or superfluous; for sealed
	// data that cannot be told from a file whose head was changed.
	ErrWrongPassword = errors.New("wrong password")

	// ErrClosed: use after Close.
	ErrClosed = errors.New("store is closed")

	// ErrNoBucket: the transaction named a bucket that does not exist.
	ErrNoBucket = errors.New("no such bucket")

	// ErrReadOnly: a write inside View.
	ErrReadOnly = errors.New("read-only transaction")

	// ErrWalking: a write while ForEach or Size walks a bucket.
	ErrWalking = errors.New("write during a walk")

	// ErrTxDone: a [Tx] was used after its callback returned.
	ErrTxDone = errors.New("transaction is over")
)

// CorruptError says that stored bytes are not what was written: cut short,
// changed or of something else. The store is never taken for an empty one.
type CorruptError struct {
	Name string // the file or database, as a user would look for it
	Err  error  // what was found, never nil
}

func (e *CorruptError) Error() string { return fmt.Sprintf("%s is corrupt: %v", e.Name, e.Err) }
func (e *CorruptError) Unwrap() error { return e.Err }

// SpaceError turns the operating system's error for a full disk, a used up
// quota or a file beyond its limit into one that is also [ErrNoSpace]. Every
// other error, nil included, comes back as it is.
func SpaceError(err error) error {
	if err == nil || errors.Is(err, ErrNoSpace) {
		return err
	}
	for _, full := range fullDisk {
		// By its text too: bbolt passes some errors on as text only.
		if errors.Is(err, full) || strings.HasSuffix(err.Error(), full.Error()) {
			return fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
	}
	return err
}

// fullDisk lists the numbers that mean "no space" wherever package syscall
// has them; the files by operating system add their own.
var fullDisk = append([]syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG}, fullDiskOS...)
