package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// value sends a request and decodes its value.
func value[T any](ctx context.Context, c *Client, op string, params map[string]any) (T, error) {
	var v T
	raw, err := c.Do(ctx, op, params)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, fmt.Errorf("%s: value %.100q: %w", op, raw, err)
	}
	return v, nil
}

// GetState asks the node for its state.
func (c *Client) GetState(ctx context.Context) (State, error) {
	return value[State](ctx, c, "GetState", nil)
}

// Attach lets the node join the network. Attached already is no error.
func (c *Client) Attach(ctx context.Context) error {
	return unless(c.plain(ctx, "Attach", nil), "Already attached")
}

// Detach lets the node leave the network. Detached already is no error.
func (c *Client) Detach(ctx context.Context) error {
	return unless(c.plain(ctx, "Detach", nil), "Already detached")
}

func (c *Client) plain(ctx context.Context, op string, params map[string]any) error {
	_, err := c.Do(ctx, op, params)
	return err
}

func unless(err error, message string) error {
	var e *Error
	if errors.As(err, &e) && e.Message == message {
		return nil
	}
	return err
}

// WaitReady returns once the node says that it is ready for the public internet
// domain, which here is the whole network of the laboratory.
func (c *Client) WaitReady(ctx context.Context) error {
	// An update says when to look; asking from time to time covers an update
	// that came before we listened.
	changed := make(chan struct{}, 1)
	stop := c.OnUpdate(func(u Update) {
		if u.Kind == "Attachment" {
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s, err := c.GetState(ctx)
		if err != nil {
			return err
		}
		if s.Attachment.PublicInternetReady {
			return nil
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not ready, %s with %d live peers: %w", s.Attachment.State, s.Attachment.LivePeerCount, context.Cause(ctx))
		}
	}
}

// Version is the version the node says it has, such as 0.5.8.
func (c *Client) Version(ctx context.Context) (string, error) {
	return value[string](ctx, c, "VeilidVersionString", nil)
}

// Debug runs a debug command (spec 07 §9).
func (c *Client) Debug(ctx context.Context, command string) (string, error) {
	return value[string](ctx, c, "Debug", map[string]any{"command": command})
}

// NewPrivateRoute makes a route with the node's defaults.
func (c *Client) NewPrivateRoute(ctx context.Context) (RouteBlob, error) {
	return value[RouteBlob](ctx, c, "NewPrivateRoute", nil)
}

// NewCustomPrivateRoute makes a route as told. A node of 0.5.2 takes its own
// default hop count.
func (c *Client) NewCustomPrivateRoute(ctx context.Context, spec PrivateSpec) (RouteBlob, error) {
	if spec.CryptoKinds == nil {
		spec.CryptoKinds = []string{"VLD0"}
	}
	return value[RouteBlob](ctx, c, "NewCustomPrivateRoute", map[string]any{
		"private_spec": spec,
		// 0.5.2 reads these instead and takes its default hop count; later
		// versions ignore them (spec 07 §5.2).
		"kinds": spec.CryptoKinds, "stability": spec.Stability, "sequencing": spec.Sequencing,
	})
}

// ImportRemotePrivateRoute takes another node's route and returns its id here.
func (c *Client) ImportRemotePrivateRoute(ctx context.Context, blob []byte) (string, error) {
	return value[string](ctx, c, "ImportRemotePrivateRoute", map[string]any{"blob": Bytes(blob)})
}

// ReleasePrivateRoute gives up a route, own or imported.
func (c *Client) ReleasePrivateRoute(ctx context.Context, id string) error {
	return c.plain(ctx, "ReleasePrivateRoute", map[string]any{"route_id": id})
}

// AppCallReply answers an AppCall update.
func (c *Client) AppCallReply(ctx context.Context, callID string, message []byte) error {
	return c.plain(ctx, "AppCallReply", map[string]any{"call_id": callID, "message": Bytes(message)})
}

// Answer answers every call with what f makes of it, until stop. f runs on a
// goroutine of its own for each call. A nil result leaves the call unanswered.
func (c *Client) Answer(f func(Update) []byte) (stop func()) {
	return c.OnUpdate(func(u Update) {
		if u.Kind != "AppCall" {
			return
		}
		c.wg.Go(func() {
			if answer := f(u); answer != nil {
				// Nobody waits for the server's word; a broken connection shows in Done.
				_ = c.send(0, "AppCallReply", map[string]any{"call_id": u.CallID, "message": Bytes(answer)})
			}
		})
	})
}

// RoutingContext says how messages leave. It belongs to its client's connection.
type RoutingContext struct {
	client *Client
	id     uint32
}

// NewRoutingContext makes a context with default safety.
func (c *Client) NewRoutingContext(ctx context.Context) (*RoutingContext, error) {
	id, err := value[uint32](ctx, c, "NewRoutingContext", nil)
	if err != nil {
		return nil, err
	}
	return &RoutingContext{c, id}, nil
}

func (r *RoutingContext) params(op string, more map[string]any) map[string]any {
	p := map[string]any{"rc_id": r.id, "rc_op": op}
	for k, v := range more {
		p[k] = v
	}
	return p
}

func (r *RoutingContext) derive(ctx context.Context, op string, more map[string]any) (*RoutingContext, error) {
	id, err := value[uint32](ctx, r.client, "RoutingContext", r.params(op, more))
	if err != nil {
		return nil, err
	}
	return &RoutingContext{r.client, id}, nil
}

// WithDefaultSafety makes another context with default safety.
func (r *RoutingContext) WithDefaultSafety(ctx context.Context) (*RoutingContext, error) {
	return r.derive(ctx, "WithDefaultSafety", nil)
}

// WithSafety makes another context that sends over safety routes as told.
func (r *RoutingContext) WithSafety(ctx context.Context, s SafetySpec) (*RoutingContext, error) {
	return r.derive(ctx, "WithSafety", map[string]any{"safety_selection": map[string]any{"Safe": s}})
}

// WithoutSafety makes another context that sends without a safety route.
func (r *RoutingContext) WithoutSafety(ctx context.Context, s Sequencing) (*RoutingContext, error) {
	return r.derive(ctx, "WithSafety", map[string]any{"safety_selection": map[string]any{"Unsafe": s}})
}

// WithSequencing makes another context of the same safety and other sequencing.
func (r *RoutingContext) WithSequencing(ctx context.Context, s Sequencing) (*RoutingContext, error) {
	return r.derive(ctx, "WithSequencing", map[string]any{"sequencing": s})
}

// AppCall asks and waits for the answer.
func (r *RoutingContext) AppCall(ctx context.Context, to Target, message []byte) ([]byte, error) {
	return value[Bytes](ctx, r.client, "RoutingContext", r.params("AppCall", map[string]any{"target": to, "message": Bytes(message)}))
}

// AppMessage sends without an answer. It returns when the node has sent it, not
// when it arrived.
func (r *RoutingContext) AppMessage(ctx context.Context, to Target, message []byte) error {
	return r.client.plain(ctx, "RoutingContext", r.params("AppMessage", map[string]any{"target": to, "message": Bytes(message)}))
}

// Release gives up the context.
func (r *RoutingContext) Release(ctx context.Context) error {
	return r.client.plain(ctx, "RoutingContext", r.params("Release", nil))
}
