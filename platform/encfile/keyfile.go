package encfile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/internal/diskfile"
)

// A key file: "VOILEKEY", version 1, 32 random bytes, the first 4 bytes of the
// SHA-256 of all before them (so that damage shows as damage of this file).
const (
	keyMagic    = "VOILEKEY"
	keySize     = 32
	keyBodySize = len(keyMagic) + 1 + keySize
	keyFileSize = keyBodySize + 4
)

// parseKeyFile gives a copy of the key.
func parseKeyFile(file []byte) ([]byte, error) {
	switch {
	case len(file) != keyFileSize:
		return nil, fmt.Errorf("%d bytes, want %d", len(file), keyFileSize)
	case string(file[:len(keyMagic)]) != keyMagic:
		return nil, errors.New("not a key file")
	case file[len(keyMagic)] != version:
		return nil, fmt.Errorf("%w %d", errVersion, file[len(keyMagic)])
	}
	if sum := sha256.Sum256(file[:keyBodySize]); !bytes.Equal(sum[:4], file[keyBodySize:]) {
		return nil, errors.New("checksum does not match")
	}
	return bytes.Clone(file[keyBodySize-keySize : keyBodySize]), nil
}

func appendKeyFile(b, key []byte) []byte {
	b = append(b, keyMagic...)
	b = append(b, version)
	b = append(b, key...)
	sum := sha256.Sum256(b)
	return append(b, sum[:4]...)
}

// loadKey reads the key file, or makes one if make is true and there is none.
func loadKey(path string, create bool, random io.Reader) ([]byte, error) {
	file, err := readLimited(path, keyFileSize)
	defer clear(file)
	switch {
	case err == nil:
		key, err := parseKeyFile(file)
		if err != nil {
			return nil, &platform.CorruptError{Name: path, Err: err}
		}
		return key, nil
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case !create:
		// Not wrapped: for a caller that looks for fs.ErrNotExist the store is there.
		return nil, &platform.CorruptError{Name: path, Err: errors.New("missing, while the file it opens is there")}
	}
	key := make([]byte, keySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return nil, fmt.Errorf("random key: %w", err)
	}
	made := appendKeyFile(make([]byte, 0, keyFileSize), key)
	defer clear(made)
	if err := diskfile.Write(path, made); err != nil {
		return nil, err
	}
	return key, nil
}

// readLimited reads a file that should have at most limit bytes; of a longer
// one it gives one byte more than that. The file is made private to its owner.
func readLimited(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &platform.CorruptError{Name: path, Err: errors.New("not a regular file")}
	}
	if info.Mode().Perm()&^diskfile.FileMode != 0 {
		if err := os.Chmod(path, diskfile.FileMode); err != nil {
			return nil, err
		}
	}
	data := make([]byte, 0, min(int(info.Size()), limit)+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case errors.Is(err, io.EOF) || err == nil && len(data) == cap(data):
			return data, nil
		case err != nil:
			return data, err
		}
	}
}
