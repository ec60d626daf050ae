package logs

import (
	"errors"
	"os"
	"sync"
)

// logFile is a file that can be opened anew, for whoever moves logs away.
type logFile struct {
	path string

	mu     sync.Mutex
	file   *os.File
	closed bool
}

func openFile(path string, appending bool) (*logFile, error) {
	if path == "" {
		return nil, errors.New("logging.file.path is empty")
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if !appending {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o640)
	if err != nil {
		return nil, err
	}
	return &logFile{path: path, file: f}, nil
}

func (f *logFile) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Write(b)
}

// reopen keeps the old file if there cannot be a new one.
func (f *logFile) reopen() error {
	next, err := os.OpenFile(f.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return next.Close()
	}
	old := f.file
	f.file = next
	return old.Close()
}

func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return f.file.Close()
}
