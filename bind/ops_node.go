package bind

import (
	"context"
	"reflect"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// The numbers of core.APIVersion.
const apiMajor, apiMinor, apiPatch = 0, 5, 8

// The operations on the node itself (spec 07 §5.5).
func (a *API) addNodeOps() {
	t := a.ops
	t.op("Control", gives[string](), func(p *params) run {
		args := req(p, "args", list(text()))
		return func(ctx context.Context, _ *Client) (any, error) { return a.control(ctx, args) }
	})
	t.op("GetState", gives[jsonapi.VeilidState](), noParams(func(context.Context, *Client) (any, error) {
		s, err := a.node.State()
		if err != nil {
			return nil, err
		}
		return &jsonapi.VeilidState{
			Attachment: *attachmentOf(s.Attachment), Network: *networkOf(s.Network), Config: jsonapi.VeilidStateConfig{Config: s.Config},
		}, nil
	}))
	t.op("IsShutdown", gives[bool]().always(), noParams(func(context.Context, *Client) (any, error) { return a.node.IsClosed(), nil }))
	t.op("Attach", gives[null](), noParams(func(context.Context, *Client) (any, error) { return nil, a.node.Attach() }))
	t.op("Detach", gives[null](), noParams(func(context.Context, *Client) (any, error) { return nil, a.node.Detach() }))
	t.op("ChangeConfig", gives[null](), func(p *params) run {
		c := req(p, "config", as[jsonapi.VeilidConfig](readConfig))
		return func(context.Context, *Client) (any, error) { return nil, a.node.ChangeConfig(c) }
	})
	t.op("ReportAppLifecycleState", gives[null](), func(p *params) run {
		background := req(p, "state", as[jsonapi.VeilidAppLifecycleState](readLifecycle))
		return func(context.Context, *Client) (any, error) {
			if a.node.IsClosed() {
				return nil, &core.Error{Kind: core.NotInitialized}
			}
			a.node.SetBackground(background)
			return nil, nil
		}
	})
	t.op("WaitForAttachmentCondition", gives[jsonapi.VeilidStateAttachment](), func(p *params) run {
		c, timeout := opt(p, "condition", attachmentCondition()), opt(p, "timeout_ms", u64())
		return func(ctx context.Context, _ *Client) (any, error) { return a.waitFor(ctx, c, timeout) }
	})
	t.op("Debug", gives[string](), func(p *params) run {
		command := req(p, "command", text())
		return func(ctx context.Context, _ *Client) (any, error) { return a.node.Debug(ctx, command) }
	})
	t.op("Now", gives[jsonapi.Timestamp]().always(), noParams(func(context.Context, *Client) (any, error) { return a.clock.Now().String(), nil }))
	t.op("NowNonDecreasing", gives[jsonapi.Timestamp]().always(), noParams(func(context.Context, *Client) (any, error) { return a.clock.NonDecreasing().String(), nil }))
	t.op("NowIncreasing", gives[jsonapi.Timestamp]().always(), noParams(func(context.Context, *Client) (any, error) { return a.clock.Increasing().String(), nil }))
	t.op("VeilidVersionString", gives[string]().always(), noParams(func(context.Context, *Client) (any, error) { return core.APIVersion, nil }))
	t.op("VeilidVersion", result{beside: reflect.TypeFor[jsonapi.VeilidVersion]()}, noParams(func(context.Context, *Client) (any, error) {
		return beside{jsonapi.VeilidVersion{Major: apiMajor, Minor: apiMinor, Patch: apiPatch}}, nil
	}))
	t.op("VeilidFeatures", gives[[]string]().always(), noParams(func(context.Context, *Client) (any, error) { return core.Features(), nil }))
	t.op("DefaultVeilidConfig", gives[string]().always(), noParams(func(context.Context, *Client) (any, error) { return defaultConfig() }))
	t.op("ValidCryptoKinds", gives[[]crypto.Kind]().always(), noParams(func(context.Context, *Client) (any, error) { return []crypto.Kind(a.crypto.Kinds()), nil }))
}

// control does what every host has in common (spec 07 §5.7).
func (a *API) control(ctx context.Context, args []string) (any, error) {
	switch {
	case len(args) == 0:
		return nil, generic("no control request specified")
	case args[0] == "EmitSchema" && len(args) != 2:
		return nil, generic("wrong number of arguments")
	case args[0] == "EmitSchema" && a.opts.Schema != nil:
		return a.opts.Schema(args[1])
	case args[0] == "EmitSchema", a.opts.Control == nil:
		return nil, generic("unknown control message")
	}
	return a.opts.Control(ctx, args)
}

// waitFor waits until a condition holds (spec 07 §2.1). A timeout of 0 asks only.
func (a *API) waitFor(ctx context.Context, c *condition, timeoutMS *uint64) (any, error) {
	if c == nil {
		d := defaultCondition()
		c = &d
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	all := ctx
	if timeoutMS != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, milliseconds(timeoutMS))
		defer cancel()
	}
	s, err := a.node.WaitAttachment(ctx, c.holds)
	switch {
	case err != nil && context.Cause(all) == context.Canceled: // the server stops
		return nil, &core.Error{Kind: core.NotInitialized}
	case err != nil:
		return nil, err
	}
	return attachmentOf(s), nil
}

func readConfig(raw []byte) (config.Config, error) {
	c, _, err := config.Parse(raw)
	return c, err
}

// readLifecycle reports whether the application is in the background.
func readLifecycle(raw []byte) (background bool, err error) {
	b, err := plain(raw)
	if err != nil {
		return false, err
	}
	switch jsonapi.VeilidAppLifecycleState(b) {
	case jsonapi.Active:
		return false, nil
	case jsonapi.Background:
		return true, nil
	}
	return false, unknownName(b)
}
