//go:build nodebugapi

package core_test

import "testing"

// A build without the debug language answers "" to every line, also to those that
// would be wrong.
func TestDebugLeftOut(t *testing.T) {
	n := start(t, local(t, "silent"))
	for _, line := range []string{"", "help", "nodeinfo", "nonsense", `a "quote`} {
		if text, err := n.Debug(t.Context(), line); text != "" || err != nil {
			t.Errorf("%q: %q, %v", line, text, err)
		}
	}
}
