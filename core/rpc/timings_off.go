//go:build nodebugapi

package rpc

import (
	"time"

	"github.com/voile-net/voile/core/wire"
)

// A build without the debug language measures nothing: nobody would read it.

type messageKind uint8

const kindUnknown messageKind = 0

func kindOf(*wire.Operation) messageKind { return kindUnknown }

type timings struct{}

func (*timings) handled(*message)    {}
func (*timings) ran(*job, time.Time) {}

// Timings is zero in this build.
func (*RPC) Timings() (t Timings) { return t }
