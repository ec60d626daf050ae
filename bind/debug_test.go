package bind_test

import (
	"slices"
	"testing"

	"github.com/voile-net/voile/core"
)

// A build with the debug language answers its lines and has the feature debug-api; one
// without (build tag nodebugapi) answers "" and has not (spec 07 §9).
func TestDebugFeature(t *testing.T) {
	c := newClient(t)
	text, ok := mustAsk(t, c, `{"op":"Debug","command":"nodeid"}`)["value"].(string)
	if !ok || (text != "") != core.DebugAPI {
		t.Errorf("nodeid: %q", text)
	}
	features, ok := mustAsk(t, c, `{"op":"VeilidFeatures"}`)["value"].([]any)
	if !ok || slices.Contains(features, any("debug-api")) != core.DebugAPI || !slices.Contains(features, any("default")) {
		t.Errorf("features %v", features)
	}
}
