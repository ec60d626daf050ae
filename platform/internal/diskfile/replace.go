package diskfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/voile-net/voile/platform"
)

// TempSuffix ends the name of a file that is not finished. One that is found
// at a start is left from a crash and may be removed by the holder of the lock.
const TempSuffix = ".tmp"

// Write replaces the file at path by data and returns when that is durable. The
// caller holds the lock of the store. After an error the file is the old one
// or, if only its name could not be made durable, the new one.
func Write(path string, data []byte) error {
	temp := path + TempSuffix
	if err := writeTemp(temp, data); err != nil {
		return errors.Join(platform.SpaceError(err), removeIfThere(temp))
	}
	return Replace(temp, path)
}

// Replace gives a finished, synced and closed file its name.
func Replace(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(platform.SpaceError(err), removeIfThere(temp))
	}
	return platform.SpaceError(syncDir(filepath.Dir(path)))
}

func writeTemp(temp string, data []byte) error {
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, FileMode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a name durable. Windows keeps names in its journal and has no
// call for it.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
