package platform_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/voile-net/voile/platform"
)

func TestSpaceError(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "/data/file", Err: syscall.ENOSPC}
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"disk full", full, true},
		{"quota", fmt.Errorf("commit: %w", syscall.EDQUOT), true},
		{"file limit", syscall.EFBIG, true},
		{"as text", fmt.Errorf("file resize error: %s", syscall.ENOSPC), true},
		{"already named", fmt.Errorf("save: %w", platform.ErrNoSpace), true},
		{"other", fs.ErrPermission, false},
		{"other with the words inside", errors.New(syscall.ENOSPC.Error() + ", said the clerk"), false},
	} {
		got := platform.SpaceError(c.err)
		if errors.Is(got, platform.ErrNoSpace) != c.want || !errors.Is(got, c.err) {
			t.Errorf("%s: %v, want ErrNoSpace: %t", c.name, got, c.want)
		}
	}
	if err := platform.SpaceError(nil); err != nil {
		t.Errorf("SpaceError(nil) = %v", err)
	}
	if text := platform.SpaceError(full).Error(); !strings.Contains(text, "/data/file") {
		t.Errorf("%q does not name the file", text)
	}
}

func TestCorruptError(t *testing.T) {
	cause := errors.New("cut short")
	var err error = fmt.Errorf("open: %w", &platform.CorruptError{Name: "a.db", Err: cause})
	if got, want := err.Error(), "open: a.db is corrupt: cut short"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
}

func TestByName(t *testing.T) {
	n := platform.Network{Interfaces: []platform.Interface{{Name: "a"}, {Name: "b", Index: 2}}}
	if in, ok := n.ByName("b"); !ok || in.Index != 2 {
		t.Errorf("ByName(b) = %+v, %t", in, ok)
	}
	if in, ok := n.ByName(""); ok || in != nil {
		t.Errorf("ByName of nothing = %+v", in)
	}
}
