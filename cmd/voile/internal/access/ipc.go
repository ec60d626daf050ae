package access

// InUseError: another program serves this socket.
type InUseError struct{ Path string }

func (e *InUseError) Error() string { return "another program serves " + e.Path }

// PathError: the path cannot be that of a socket or pipe.
type PathError struct{ Path, Msg string }

func (e *PathError) Error() string { return e.Path + ": " + e.Msg }
