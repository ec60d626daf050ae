package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Types that applications choose the hiding of messages by.
type (
	// Safety describes the safety route of a message: how many nodes it passes so
	// that the receiver cannot tell where it comes from.
	Safety = route.SafetySpec
	// SafetySelection is a Safety, or none.
	SafetySelection = route.SafetySelection
	// Sequencing is the ordering of messages that a sender wants.
	Sequencing = wire.Sequencing
	// Stability is what own routes are picked for.
	Stability = route.Stability
)

// MaxMessage is the largest message, call or reply: 32768 bytes (spec 03 §6.3).
const MaxMessage = rpc.MaxAppMessage

// Context says how messages of an application are hidden. It is a value: the With
// methods return a changed copy. Make one with [Node.Context].
type Context struct {
	node   *Node
	safety Safety
}

// Context is the default: a safety route of the configured number of hops (one),
// reliable, ordered if possible (spec 07 §2.2).
func (n *Node) Context() Context {
	return Context{node: n, safety: Safety{
		HopCount:  int(n.settings().Network.RPC.DefaultRouteHopCount),
		Stability: route.Reliable, Sequencing: wire.PreferOrdered,
	}}
}

// WithSafety hides messages as s says; a HopCount of 0 is the configured one.
// Errors: Generic for more hops than four, InvalidArgument for a preferred route
// of a kind that is not supported. Hiding cannot be switched off.
func (c Context) WithSafety(s Safety) (Context, error) {
	if s.HopCount == 0 {
		s.HopCount = int(c.node.settings().Network.RPC.DefaultRouteHopCount)
	}
	if s.HopCount < 0 || s.HopCount > c.node.opts.Tuning.MaxRouteHopCount {
		return Context{}, errorf(Generic, nil, "hop count must be less than or equal to configured max route hop count")
	}
	if !s.Preferred.IsZero() {
		if err := c.node.checkRouteID(s.Preferred); err != nil {
			return Context{}, err
		}
	}
	c.safety = s
	return c, nil
}

// WithSequencing changes the wanted ordering alone.
func (c Context) WithSequencing(s Sequencing) Context {
	c.safety.Sequencing = s
	return c
}

// Safety is how messages are hidden.
func (c Context) Safety() Safety { return c.safety }

// Call sends a message to the application behind a private route and waits for its
// reply, up to five seconds (seven with four hops). The message is at most
// [MaxMessage] bytes; it is not kept. The reply is the caller's.
//
// Errors: Timeout, NoConnection for a route that is unknown, expired or cannot be
// reached, TryAgain while the node is not attached or no safety route can be made,
// Internal for a message that is too long.
func (c Context) Call(ctx context.Context, to crypto.RouteID, message []byte) ([]byte, error) {
	if len(message) > MaxMessage {
		return nil, errorf(Internal, nil, "AppCallQ message too long to set")
	}
	d, err := c.destination(to)
	if err != nil {
		return nil, err
	}
	a, err := c.node.rpc.Ask(ctx, d, &wire.AppCallQ{Message: message})
	if err != nil {
		return nil, apiError(err)
	}
	return append([]byte{}, a.Detail.(*wire.AppCallA).Message...), nil
}

// Message sends a message to the application behind a private route. It waits while
// more is sent than the network takes, at most ten seconds, and then fails with
// TryAgain. Success says that it was sent, not that it arrived. Other errors are as
// of [Context.Call].
func (c Context) Message(ctx context.Context, to crypto.RouteID, message []byte) error {
	if len(message) > MaxMessage {
		return errorf(Internal, nil, "AppMessage message too long to set")
	}
	d, err := c.destination(to)
	if err != nil {
		return err
	}
	return apiError(c.node.rpc.Message(ctx, d, message))
}

// destination finds an imported route.
func (c Context) destination(to crypto.RouteID) (rpc.Destination, error) {
	if err := c.node.usable(); err != nil {
		return rpc.Destination{}, err
	}
	if err := c.node.checkRouteID(to); err != nil {
		return rpc.Destination{}, err
	}
	pr, err := c.node.routes.RemoteRoute(to, time.Now())
	if err != nil {
		return rpc.Destination{}, errorf(NoConnection, err, "could not get remote private route")
	}
	if !c.node.attach.Started() {
		return rpc.Destination{}, errorf(TryAgain, nil, "not started up: Not started")
	}
	return rpc.PrivateRoute(pr, route.Safe(c.safety)), nil
}

func (n *Node) checkRouteID(id crypto.RouteID) error {
	if !n.crypto.Kinds().Contains(id.Kind) {
		return invalidArgument("unsupported crypto kind", "route_id", id)
	}
	return nil
}

// Call is [Context.Call] with the default context.
func (n *Node) Call(ctx context.Context, to crypto.RouteID, message []byte) ([]byte, error) {
	return n.Context().Call(ctx, to, message)
}

// Message is [Context.Message] with the default context.
func (n *Node) Message(ctx context.Context, to crypto.RouteID, message []byte) error {
	return n.Context().Message(ctx, to, message)
}

// Reply answers an [AppCall], once, within five seconds of its arrival. Success
// says that the reply was sent. Errors: Generic for a call that is unknown, late or
// answered, Internal for a message above [MaxMessage] bytes: the call then still
// waits.
func (n *Node) Reply(ctx context.Context, callID uint64, message []byte) error {
	if err := n.usable(); err != nil {
		return err
	}
	err := n.rpc.Reply(ctx, callID, message)
	switch {
	case errors.Is(err, rpc.ErrUnmatched):
		return errorf(Generic, err, "[RPCError: Ignore(Unmatched operation id: %d)]", callID)
	case errors.Is(err, rpc.ErrTooLong):
		return errorf(Internal, err, "AppCallA message too long to set")
	}
	return apiError(err)
}

// PrivateRoute is a way to reach this node that does not say where it is. Give
// Blob to whoever may send messages.
type PrivateRoute struct {
	ID   crypto.RouteID
	Blob []byte
}

// PrivateRouteSpec says what private route to make. The zero value is the default.
type PrivateRouteSpec struct {
	Kinds      crypto.Kinds // nil: all
	HopCount   int          // 0: the configured default, one; at most 4
	Stability  Stability
	Sequencing Sequencing
}

// NewPrivateRoute makes a private route with the defaults; see
// [Node.NewCustomPrivateRoute].
func (n *Node) NewPrivateRoute(ctx context.Context) (PrivateRoute, error) {
	return n.NewCustomPrivateRoute(ctx, PrivateRouteSpec{Stability: route.Reliable, Sequencing: wire.PreferOrdered})
}

// NewCustomPrivateRoute allocates a route and tests it over the network, which
// takes a round trip through it, at most five seconds. The route lives until it is
// released or a [RouteChange] says that it has died; it does not survive a restart
// for those who have its blob.
//
// Errors: TryAgain while the node is not ready or no route works, InvalidArgument
// for too many hops, Generic for a crypto kind that is not supported.
func (n *Node) NewCustomPrivateRoute(ctx context.Context, spec PrivateRouteSpec) (PrivateRoute, error) {
	if err := n.usable(); err != nil {
		return PrivateRoute{}, err
	}
	for _, k := range spec.Kinds {
		if !n.crypto.Kinds().Contains(k) {
			return PrivateRoute{}, errorf(Generic, nil, "invalid crypto kind")
		}
	}
	if spec.HopCount == 0 {
		spec.HopCount = int(n.settings().Network.RPC.DefaultRouteHopCount)
	}
	id, blob, err := n.attach.NewPrivateRoute(ctx, route.AllocateRequest{
		Kinds: spec.Kinds, HopCount: spec.HopCount, Directions: route.Both, Stability: spec.Stability,
		Ordering: route.PreferredOrdering(spec.Sequencing),
	})
	switch {
	case err == nil:
		return PrivateRoute{ID: id, Blob: blob}, nil
	case errors.Is(err, route.ErrTooManyHops), errors.Is(err, route.ErrHopCount):
		return PrivateRoute{}, invalidArgument("Not allocating route longer than max route hop count", "hop_count", spec.HopCount)
	case errors.Is(err, route.ErrTryAgain) && n.table.Own(wire.PublicInternet).Published() == nil:
		return PrivateRoute{}, errorf(TryAgain, err, "unable to allocate route until we have a valid PublicInternet network class")
	case errors.Is(err, route.ErrKinds), errors.Is(err, route.ErrTryAgain):
		return PrivateRoute{}, errorf(TryAgain, err, "not enough nodes to construct route at this time")
	}
	return PrivateRoute{}, apiError(err)
}

// ImportPrivateRoute takes the blob of somebody's private route and returns its id,
// which is the owner's own. The blob is not kept. An imported route that is not
// used expires after five minutes. Errors: InvalidArgument for an empty blob and
// for too many kinds, Internal for no supported kind, ParseError for one that is
// cut off or malformed, Generic for one without a usable entry.
func (n *Node) ImportPrivateRoute(blob []byte) (crypto.RouteID, error) {
	if err := n.usable(); err != nil {
		return crypto.RouteID{}, err
	}
	id, err := n.routes.ImportBlob(blob, time.Now())
	switch {
	case err == nil:
		return id, nil
	case errors.Is(err, route.ErrBlobEmpty):
		return id, invalidArgument("not deserializing empty private route blob", "blob", "")
	case errors.Is(err, route.ErrBlobCount):
		return id, invalidArgument("too many crypto kinds to decode blob", "blob[0]", blob[0])
	case errors.Is(err, route.ErrBlobKinds):
		return id, errorf(Internal, err, "no compatible crypto kinds in route")
	case errors.Is(err, route.ErrBlobDecode):
		return id, &Error{Kind: ParseError, Message: "failed to decode private route: " + err.Error(), Value: fmt.Sprintf("%x", blob), Err: err}
	}
	return id, errorf(Generic, err, "%v", err)
}

// ReleasePrivateRoute forgets a route: one of ours cannot be reached any more, an
// imported one not be used. Errors: InvalidArgument for a route that is unknown.
func (n *Node) ReleasePrivateRoute(id crypto.RouteID) error {
	if err := n.usable(); err != nil {
		return err
	}
	if err := n.checkRouteID(id); err != nil {
		return err
	}
	if err := n.routes.Release(id); err != nil {
		return invalidArgument("release_private_route", "key", id)
	}
	return nil
}

// RouteInfo describes a route of ours, without its secrets.
type RouteInfo = route.Info

// Routes lists the routes that this node has made: those of the application, and
// those that its messages leave by.
func (n *Node) Routes() []RouteInfo { return n.routes.Routes(time.Now()) }
