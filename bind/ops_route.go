package bind

import (
	"context"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// The operations on private routes and on calls (spec 07 §2.2, §5.5).
func (a *API) addRouteOps() {
	t := a.ops
	t.op("NewPrivateRoute", gives[jsonapi.RouteBlob](), noParams(func(ctx context.Context, _ *Client) (any, error) {
		r, err := a.node.NewPrivateRoute(ctx)
		if err != nil {
			return nil, err
		}
		return blobOf(r), nil
	}))
	t.op("NewCustomPrivateRoute", gives[jsonapi.RouteBlob](), func(p *params) run {
		spec := omit(p, "private_spec", privateSpec(), oldPrivateSpec(p))
		return func(ctx context.Context, _ *Client) (any, error) {
			r, err := a.node.NewCustomPrivateRoute(ctx, spec)
			if err != nil {
				return nil, err
			}
			return blobOf(r), nil
		}
	})
	t.op("ImportRemotePrivateRoute", gives[crypto.RouteID](), func(p *params) run {
		blob := req(p, "blob", payload())
		return func(context.Context, *Client) (any, error) {
			id, err := a.node.ImportPrivateRoute(blob)
			if err != nil {
				return nil, err
			}
			return id, nil
		}
	})
	t.op("ReleasePrivateRoute", gives[null](), func(p *params) run {
		k := req(p, "route_id", key[crypto.RouteID]())
		return func(context.Context, *Client) (any, error) {
			id, err := routeID(k)
			if err != nil {
				return nil, err
			}
			return nil, a.node.ReleasePrivateRoute(id)
		}
	})
	t.op("AppCallReply", gives[null](), func(p *params) run {
		call, message := req(p, "call_id", decimal[jsonapi.OperationID]()), req(p, "message", payload())
		return func(ctx context.Context, _ *Client) (any, error) { return nil, a.node.Reply(ctx, call, message) }
	})
}

func (c *Client) contextTable() *handles[core.Context] { return &c.contexts }

// The operations on routing contexts that send messages (spec 07 §2.2, §5.6).
func (a *API) addContextOps() {
	a.ops.op("NewRoutingContext", gives[uint32](), noParams(func(_ context.Context, c *Client) (any, error) {
		if a.node.IsClosed() {
			return nil, &core.Error{Kind: core.NotInitialized}
		}
		return c.contexts.add(a.node.Context()), nil
	}))
	m := addFamily(a.ops, jsonapi.RoutingContext, (*Client).contextTable)
	a.contexts = m
	m.release(nil)
	m.op("WithDefaultSafety", gives[uint32](), noMethodParams(func(_ context.Context, c *Client, _ core.Context) (any, error) {
		return c.contexts.add(a.node.Context()), nil
	}))
	m.op("WithSafety", gives[uint32](), func(p *params) method[core.Context] {
		s := req(p, "safety_selection", safetySelection())
		return func(_ context.Context, c *Client, rc core.Context) (any, error) {
			rc, err := withSafety(rc, s)
			if err != nil {
				return nil, err
			}
			return c.contexts.add(rc), nil
		}
	})
	m.op("WithSequencing", gives[uint32]().always(), func(p *params) method[core.Context] {
		s := req(p, "sequencing", sequencing())
		return func(_ context.Context, c *Client, rc core.Context) (any, error) {
			return c.contexts.add(rc.WithSequencing(s)), nil
		}
	})
	m.op("Safety", gives[jsonapi.SafetySelection]().always(), noMethodParams(func(_ context.Context, _ *Client, rc core.Context) (any, error) {
		return safetyOf(rc.Safety()), nil
	}))
	m.op("AppCall", gives[jsonapi.Bytes](), func(p *params) method[core.Context] {
		to, message := req(p, "target", messageTarget()), req(p, "message", payload())
		return func(ctx context.Context, _ *Client, rc core.Context) (any, error) {
			id, err := to.id("Only RouteId targets are allowed without the footgun feature")
			if err != nil {
				return nil, err
			}
			reply, err := rc.Call(ctx, id, message)
			return data(reply), err
		}
	})
	m.op("AppMessage", gives[null](), func(p *params) method[core.Context] {
		to, message := req(p, "target", messageTarget()), req(p, "message", payload())
		return func(ctx context.Context, _ *Client, rc core.Context) (any, error) {
			id, err := to.id("Only PrivateRoute targets are allowed without the footgun feature")
			if err != nil {
				return nil, err
			}
			return nil, rc.Message(ctx, id, message)
		}
	})
}

func withSafety(rc core.Context, s safety) (core.Context, error) {
	if s.unsafe {
		return rc, generic("Unsafe routing mode is not allowed without the 'footgun-nodeid-target' feature enabled")
	}
	if s.preferred != nil {
		id, err := routeID(*s.preferred)
		if err != nil {
			return rc, err
		}
		s.spec.Preferred = id
	}
	return rc.WithSafety(s.spec)
}

// id is the route of a target. A node id is refused before it is looked at, with
// the text given.
func (t target) id(refusal string) (crypto.RouteID, error) {
	if t.node {
		return crypto.RouteID{}, &core.Error{Kind: core.InvalidTarget, Message: refusal}
	}
	return routeID(t.route)
}
