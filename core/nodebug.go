//go:build nodebugapi

package core

import (
	"context"

	"github.com/voile-net/voile/core/attach"
	"github.com/voile-net/voile/core/guard"
	"github.com/voile-net/voile/core/rpc"
)

// DebugAPI tells whether this build has the debug language, the feature debug-api of
// the original. The build tag nodebugapi leaves it out.
const DebugAPI = false

// Debug answers "" to every line, as the original does without the feature debug-api.
func (n *Node) Debug(context.Context, string) (string, error) { return "", n.usable() }

// debugState is empty here; see debug_state.go.
type debugState struct{}

func (debugState) start([16]byte, guard.Handler)    {}
func (debugState) stop()                            {}
func (debugState) between() attach.Between          { return nil }
func (debugState) pushes(r rpc.Records) rpc.Records { return r }
func (debugState) noteCall(uint64)                  {}
func (debugState) noteBackground(bool)              {}
