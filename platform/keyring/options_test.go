package keyring

import (
	"errors"
	"strings"
	"testing"

	"github.com/voile-net/voile/platform"
)

func TestService(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Program: "app"}, "app/voile_protected_store"},
		{Options{Program: "My App", Namespace: "ns"}, "My App/voile_protected_store_ns"},
	} {
		if got, err := c.o.service(); err != nil || got != c.want {
			t.Errorf("service of %+v = %q, %v; want %q", c.o, got, err, c.want)
		}
	}
	for name, o := range map[string]Options{
		"no program": {}, "newline": {Program: "a\nb"}, "NUL": {Program: "a", Namespace: "\x00"},
		"long": {Program: strings.Repeat("a", 101)}, "not UTF-8": {Program: "\xff"},
	} {
		if _, err := o.service(); !errors.Is(err, platform.ErrInvalidKey) {
			t.Errorf("%s: %v, want ErrInvalidKey", name, err)
		}
		if _, err := Open(t.Context(), o); err == nil {
			t.Errorf("%s: Open worked", name)
		}
	}
}
