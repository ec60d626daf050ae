package client

import (
	"context"
	"slices"

	"github.com/voile-net/voile/bind/jsonapi"
)

// RoutingContext says how messages and record operations of an application are
// hidden. It does not change: the With methods make another. It survives a lost
// connection. Release it when it is no longer needed.
type RoutingContext struct {
	*handle
	steps []contextStep // what makes it of a new one
}

// contextStep is a With operation.
type contextStep struct {
	sub    string
	params any
}

// NewRoutingContext makes a context with the default safety.
func (c *Client) NewRoutingContext(ctx context.Context) (*RoutingContext, error) {
	conn, err := c.current("NewRoutingContext")
	if err != nil {
		return nil, err
	}
	return makeContext(ctx, c, conn, nil)
}

// makeContext makes a context by its steps.
func makeContext(ctx context.Context, client *Client, c *conn, steps []contextStep) (*RoutingContext, error) {
	id, err := remakeContext(ctx, c, steps)
	if err != nil {
		return nil, err
	}
	return contextOf(client, c, id, steps), nil
}

func contextOf(client *Client, c *conn, id uint32, steps []contextStep) *RoutingContext {
	return &RoutingContext{
		handle: newHandle(client, routingContexts, c, id, func(ctx context.Context, c *conn) (uint32, error) {
			return remakeContext(ctx, c, steps)
		}),
		steps: steps,
	}
}

func remakeContext(ctx context.Context, c *conn, steps []contextStep) (uint32, error) {
	const op = "NewRoutingContext"
	id, err := routingContexts.create(ctx, c, op, opHead(op), nil)
	for _, step := range steps {
		if err != nil {
			return 0, err
		}
		before := id
		id, err = routingContexts.create(ctx, c, "RoutingContext."+step.sub, routingContexts.head(before, step.sub), step.params)
		c.send(routingContexts.head(before, "Release"), nil)
	}
	return id, err
}

// with makes another context by one more step.
func (r *RoutingContext) with(ctx context.Context, step contextStep, steps []contextStep) (*RoutingContext, error) {
	op := "RoutingContext." + step.sub
	c, id, err := r.get(ctx, op)
	if err != nil {
		return nil, err
	}
	if id, err = routingContexts.create(ctx, c, op, routingContexts.head(id, step.sub), step.params); err != nil {
		return nil, err
	}
	return contextOf(r.client, c, id, steps), nil
}

// WithDefaultSafety makes a context with the default safety.
func (r *RoutingContext) WithDefaultSafety(ctx context.Context) (*RoutingContext, error) {
	return r.with(ctx, contextStep{"WithDefaultSafety", nil}, nil)
}

// WithSafety makes a context that hides its node as told: see [Safe].
func (r *RoutingContext) WithSafety(ctx context.Context, s SafetySelection) (*RoutingContext, error) {
	step := contextStep{"WithSafety", struct {
		Selection SafetySelection `json:"safety_selection"`
	}{s}}
	return r.with(ctx, step, []contextStep{step})
}

// WithSequencing makes a context of the same safety with another sequencing.
func (r *RoutingContext) WithSequencing(ctx context.Context, s Sequencing) (*RoutingContext, error) {
	step := contextStep{"WithSequencing", struct {
		Sequencing Sequencing `json:"sequencing"`
	}{s}}
	kept := r.steps
	if n := len(kept); n > 0 && kept[n-1].sub == step.sub {
		kept = kept[:n-1]
	}
	return r.with(ctx, step, append(slices.Clone(kept), step))
}

// Safety is how the context hides its node.
func (r *RoutingContext) Safety(ctx context.Context) (SafetySelection, error) {
	return on[SafetySelection](ctx, r.handle, "Safety", nil)
}

type messageParams struct {
	Target  Target        `json:"target"`
	Message jsonapi.Bytes `json:"message"`
}

// AppCall sends a message of at most 32768 bytes and waits for its answer.
func (r *RoutingContext) AppCall(ctx context.Context, to Target, message []byte) ([]byte, error) {
	return on[jsonapi.Bytes](ctx, r.handle, "AppCall", messageParams{to, message})
}

// AppMessage sends a message of at most 32768 bytes. That it was sent does not say
// that it arrives.
func (r *RoutingContext) AppMessage(ctx context.Context, to Target, message []byte) error {
	_, err := on[nothing](ctx, r.handle, "AppMessage", messageParams{to, message})
	return err
}

// Release gives the context back to the server. It may be called twice.
func (r *RoutingContext) Release(ctx context.Context) error { return r.release(ctx) }
