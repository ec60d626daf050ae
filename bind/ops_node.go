package bind

import (
	"context"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// Version of the protocol's API that is spoken here, which clients compare with
// their own. The version of Voile is another matter.
const (
	apiMajor, apiMinor, apiPatch = 0, 5, 8
	apiVersion                   = "0.5.8"
)

// features are those build features of the original that hold here.
func features() []string { return []string{"debug-api", "default", "enable-crypto-vld0"} }

// The operations on the node itself (spec 07 §5.5).
func (a *API) addNodeOps() {
	t := a.ops
	t.op("Control", func(p *params) run {
		args := req(p, "args", list(text))
		return func(ctx context.Context, _ *Client) (any, error) { return a.control(ctx, args) }
	})
	t.op("GetState", noParams(func(context.Context, *Client) (any, error) {
		s, err := a.node.State()
		if err != nil {
			return nil, err
		}
		return veilidState{attachmentOf(s.Attachment), networkOf(s.Network), stateConfig{s.Config}}, nil
	}))
	t.op("IsShutdown", noParams(func(context.Context, *Client) (any, error) { return a.node.IsClosed(), nil }))
	t.op("Attach", noParams(func(context.Context, *Client) (any, error) { return nil, a.node.Attach() }))
	t.op("Detach", noParams(func(context.Context, *Client) (any, error) { return nil, a.node.Detach() }))
	t.op("ChangeConfig", func(p *params) run {
		req(p, "config", func(raw []byte) (config.Config, error) {
			c, _, err := config.Parse(raw)
			return c, err
		})
		return unimplemented("change_config is not available here; start the node with the other configuration")
	})
	t.op("ReportAppLifecycleState", func(p *params) run {
		req(p, "state", enum(map[string]bool{"Active": true, "Background": false}))
		return unimplemented("report_app_lifecycle_state needs the app-lifecycle feature")
	})
	t.op("WaitForAttachmentCondition", func(p *params) run {
		c, timeout := opt(p, "condition", object(readCondition)), opt(p, "timeout_ms", u64)
		return func(ctx context.Context, _ *Client) (any, error) { return a.waitFor(ctx, c, timeout) }
	})
	t.op("Debug", func(p *params) run {
		command := req(p, "command", text)
		return func(ctx context.Context, _ *Client) (any, error) { return a.node.Debug(ctx, command) }
	})
	t.op("Now", noParams(func(context.Context, *Client) (any, error) { return a.clock.Now().String(), nil }))
	t.op("NowNonDecreasing", noParams(func(context.Context, *Client) (any, error) { return a.clock.NonDecreasing().String(), nil }))
	t.op("NowIncreasing", noParams(func(context.Context, *Client) (any, error) { return a.clock.Increasing().String(), nil }))
	t.op("VeilidVersionString", noParams(func(context.Context, *Client) (any, error) { return apiVersion, nil }))
	t.op("VeilidVersion", noParams(func(context.Context, *Client) (any, error) {
		return beside{versionJSON{apiMajor, apiMinor, apiPatch}}, nil
	}))
	t.op("VeilidFeatures", noParams(func(context.Context, *Client) (any, error) { return features(), nil }))
	t.op("DefaultVeilidConfig", noParams(func(context.Context, *Client) (any, error) { return defaultConfig() }))
	t.op("ValidCryptoKinds", noParams(func(context.Context, *Client) (any, error) { return []crypto.Kind(a.crypto.Kinds()), nil }))
}

// control checks what every host has in common (spec 07 §5.7).
func (a *API) control(ctx context.Context, args []string) (any, error) {
	switch {
	case len(args) == 0:
		return nil, generic("no control request specified")
	case a.opts.Control == nil:
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
	case err != nil && all.Err() != nil: // the server stops
		return nil, &core.Error{Kind: core.NotInitialized}
	case err != nil:
		return nil, err
	}
	return attachmentOf(s), nil
}

// unimplemented is an operation whose parameters are checked and that always
// fails.
func unimplemented(message string) run {
	return func(context.Context, *Client) (any, error) {
		return nil, &core.Error{Kind: core.Unimplemented, Message: message}
	}
}
