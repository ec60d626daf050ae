package core

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/wire"
)

func debugRoute(n *Node, ctx context.Context, args []string) (string, error) {
	f, err := subcommand("route", "command", args, map[string]func(context.Context, []string) (string, error){
		"list":      n.debugRouteList,
		"print":     n.debugRoutePrint,
		"allocate":  n.debugRouteAllocate,
		"release":   n.debugRouteRelease,
		"publish":   n.debugRoutePublish,
		"unpublish": n.debugRouteUnpublish,
		"import":    n.debugRouteImport,
		"test":      n.debugRouteTest,
	})
	if err != nil {
		return "", err
	}
	return f(ctx, args[1:])
}

func (n *Node) debugRouteList(context.Context, []string) (string, error) {
	now := time.Now()
	var b strings.Builder
	own := n.routes.Routes(now)
	fmt.Fprintf(&b, "Allocated Routes: (count = %d):\n", len(own))
	for _, r := range own {
		fmt.Fprintf(&b, "%v: %s\n", r.ID, describe(&r))
	}
	remote := n.routes.Remotes(now)
	fmt.Fprintf(&b, "Remote Routes: (count = %d):\n", len(remote))
	for _, r := range remote {
		fmt.Fprintf(&b, "%v: latency=%v answers=%d lost=%d\n", r.ID, r.Latency, r.Answers, r.Lost)
	}
	return b.String(), nil
}

func describe(r *route.Info) string {
	hops := make([]string, len(r.Hops))
	for i, h := range r.Hops {
		hops[i] = h.String()
	}
	return fmt.Sprintf("count=%d hops=[%s] auto=%v stability=%v orderings=%v published=%v tested=%v latency=%v answers=%d lost=%d",
		len(r.Hops), strings.Join(hops, ","), r.Automatic, r.Stability, r.Ordering, r.Published, !r.LastValid.IsZero(), r.Latency, r.Answers, r.Lost)
}

func (n *Node) routeArg(args []string) (crypto.RouteID, error) {
	text := strings.TrimPrefix(arg(args, 0), "#")
	id, err := crypto.Parse[crypto.RouteID](text)
	if err == nil {
		return id, nil
	}
	for _, r := range n.routes.Routes(time.Now()) {
		if text != "" && strings.HasPrefix(r.ID.Bare(), text) {
			return r.ID, nil
		}
	}
	for _, r := range n.routes.Remotes(time.Now()) {
		if text != "" && strings.HasPrefix(r.ID.Bare(), text) {
			return r.ID, nil
		}
	}
	return id, invalidArgument("debug_route", "route_id", text)
}

func (n *Node) debugRoutePrint(_ context.Context, args []string) (string, error) {
	id, err := n.routeArg(args)
	if err != nil {
		return "", err
	}
	r, ok := n.routes.Info(id, time.Now())
	if !ok {
		return "Route does not exist", nil
	}
	return fmt.Sprintf("%v: %s\n", r.ID, describe(&r)), nil
}

func (n *Node) debugRouteAllocate(_ context.Context, args []string) (string, error) {
	req := route.AllocateRequest{
		HopCount: int(n.cfg.Network.RPC.DefaultRouteHopCount), Directions: route.Both,
		Stability: route.Reliable, Ordering: route.Ordered,
	}
	for _, a := range args {
		switch a {
		case "pru", "PreferUnordered":
			req.Ordering = route.Unordered
		case "pro", "PreferOrdered", "eno", "EnsureOrdered":
			req.Ordering = route.Ordered
		case "rel":
			req.Stability = route.Reliable
		case "low":
			req.Stability = route.LowLatency
		default:
			hops, err := strconv.Atoi(a)
			if err != nil {
				return "", invalidArgument("debug_route", "arg_1", a)
			}
			req.HopCount = hops
		}
	}
	id, err := n.routes.Allocate(req, time.Now())
	if err != nil {
		return "", errorf(TryAgain, err, "%v", err)
	}
	return id.String(), nil
}

func (n *Node) debugRouteRelease(_ context.Context, args []string) (string, error) {
	id, err := n.routeArg(args)
	if err != nil {
		return "", err
	}
	if err := n.routes.Release(id); errors.Is(err, route.ErrUnknownRoute) {
		return "Route does not exist", nil
	}
	return "Released", nil
}

func (n *Node) debugRoutePublish(_ context.Context, args []string) (string, error) {
	id, err := n.routeArg(args)
	if err != nil {
		return "", err
	}
	blob, err := n.routes.ExportBlob(id, arg(args, 1) != "full")
	if err != nil {
		return "", errorf(TryAgain, err, "%v", err)
	}
	if err := n.routes.SetPublished(id, true); err != nil {
		return "", err
	}
	return fmt.Sprintf("Published route %v\n%s", id, crypto.EncodeBase64(blob)), nil
}

func (n *Node) debugRouteUnpublish(_ context.Context, args []string) (string, error) {
	id, err := n.routeArg(args)
	if err != nil {
		return "", err
	}
	if err := n.routes.SetPublished(id, false); err != nil {
		return "Route does not exist", nil
	}
	return "Route unpublished", nil
}

func (n *Node) debugRouteImport(_ context.Context, args []string) (string, error) {
	blob, err := crypto.DecodeBase64(arg(args, 0))
	if err != nil {
		return "", invalidArgument("debug_route", "blob", arg(args, 0))
	}
	id, err := n.ImportPrivateRoute(blob)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Private route imported: %v", id), nil
}

func (n *Node) debugRouteTest(ctx context.Context, args []string) (string, error) {
	id, err := n.routeArg(args)
	if err != nil {
		return "", err
	}
	ok, err := n.attach.TestRoute(ctx, id)
	switch {
	case errors.Is(err, route.ErrUnknownRoute):
		return "Route does not exist", nil
	case err != nil:
		return "UNTESTED", nil
	case ok:
		return "SUCCESS", nil
	}
	return "FAILED", nil
}

// RouteInfo describes a route of ours, without its secrets.
type RouteInfo = route.Info

// Routes lists the routes that this node has made: those of the application, and
// those that its messages leave by.
func (n *Node) Routes() []RouteInfo { return n.routes.Routes(time.Now()) }

// data reads the DATA of a command: a word, or # and hexadecimal digits.
func data(text string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(text, "#"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			return nil, invalidArgument("debug", "data", text)
		}
		return b, nil
	}
	return []byte(text), nil
}

// routeTarget reads "#ROUTE[+SEQ]" and the data of a command.
func (n *Node) routeTarget(args []string) (crypto.RouteID, []byte, error) {
	target := arg(args, 0)
	if !strings.HasPrefix(target, "#") {
		return crypto.RouteID{}, nil, &Error{Kind: InvalidTarget, Message: "only private routes can be messaged"}
	}
	id, err := n.routeArg([]string{target})
	if err != nil {
		return id, nil, err
	}
	message, err := data(strings.Join(args[1:], " "))
	return id, message, err
}

func debugAppCall(n *Node, ctx context.Context, args []string) (string, error) {
	id, message, err := n.routeTarget(args)
	if err != nil {
		return "", err
	}
	answer, err := n.Call(ctx, id, message)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Sent %d bytes, received: %q", len(message), answer), nil
}

func debugAppMessage(n *Node, ctx context.Context, args []string) (string, error) {
	id, message, err := n.routeTarget(args)
	if err != nil {
		return "", err
	}
	if err := n.Context().WithSequencing(wire.PreferOrdered).Message(ctx, id, message); err != nil {
		return "", err
	}
	return fmt.Sprintf("Sent %d bytes", len(message)), nil
}

func debugAppReply(n *Node, ctx context.Context, args []string) (string, error) {
	if len(args) < 2 {
		return "", &Error{Kind: MissingArgument, Context: "debug_appreply", Argument: "data"}
	}
	id, err := strconv.ParseUint(strings.TrimPrefix(args[0], "#"), 16, 64)
	if err != nil {
		return "", invalidArgument("debug_appreply", "id", args[0])
	}
	message, err := data(strings.Join(args[1:], " "))
	if err != nil {
		return "", err
	}
	if err := n.Reply(ctx, id, message); err != nil {
		return "", err
	}
	return fmt.Sprintf("Replied with %d bytes", len(message)), nil
}
