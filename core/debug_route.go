//go:build !nodebugapi

package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/route"
	"github.com/voile-net/voile/core/routing"
	"github.com/voile-net/voile/core/wire"
)

func debugRouteList(n *Node, _ context.Context, _ []string) (string, error) {
	now := time.Now()
	var b strings.Builder
	own := n.routes.Routes(now)
	fmt.Fprintf(&b, "Allocated Routes: (count = %d):\n", len(own))
	for _, r := range own {
		fmt.Fprintf(&b, "%v: %s\n", r.ID, allocatedText(&r, now))
	}
	remote := n.routes.Remotes(now)
	fmt.Fprintf(&b, "Remote Routes: (count = %d):\n", len(remote))
	for _, r := range remote {
		fmt.Fprintf(&b, "%v: %s\n", r.ID, remoteText(&r, now))
	}
	return b.String(), nil
}

func allocatedText(r *route.Info, now time.Time) string {
	text := fmt.Sprintf("count=%d keys=[%s] hops=[%s] auto=%v dirs=%s stability=%v orderings=%v published=%v %s",
		len(r.Hops), joined(r.Keys, ","), joined(r.Hops, ","), r.Automatic, directionsText(r.Directions), r.Stability, r.Ordering, r.Published, measuredText(&r.Measured, now))
	if r.NeedsTest {
		text += " needs_test"
	}
	if r.Dead {
		text += " dead"
	}
	return text
}

func directionsText(d route.Directions) string {
	var words []string
	if d&route.In != 0 {
		words = append(words, "In")
	}
	if d&route.Out != 0 {
		words = append(words, "Out")
	}
	return strings.Join(words, "|")
}

func measuredText(m *route.Measured, now time.Time) string {
	return fmt.Sprintf("created=%s tested=%s latency=%s avg transfer=%d down %d up answers=%d lost=%d failed_to_send=%d failed_tests=%d",
		ago(m.Created, now), ago(m.LastValid, now), seconds(m.Latency), m.Rcvd, m.Sent, m.Answers, m.Lost, m.FailedToSend, m.FailedTests)
}

func remoteText(r *route.RemoteInfo, now time.Time) string {
	text := fmt.Sprintf("keys=[%s] last_seen_our_ni=%s last_touched=%s %s", joined(r.Keys, ","), stampText(r.SeenOurs, now), ago(r.Touched, now), measuredText(&r.Measured, now))
	if r.Expired {
		text += " expired"
	}
	if r.NeedsTest {
		text += " needs_test"
	}
	return text
}

// routeArg is a route, ours or imported, or an error that names it.
func (n *Node) routeArg(text string) (crypto.RouteID, error) {
	id, ok := n.readRoute(strings.TrimPrefix(text, "#"))
	if !ok {
		return id, invalidArgument("debug_route", "route_id", text)
	}
	return id, nil
}

// ownRouteArg is a route of ours.
func (n *Node) ownRouteArg(text string) (crypto.RouteID, error) {
	id, err := n.routeArg(text)
	if err != nil {
		return id, err
	}
	if _, own := n.routes.Info(id, time.Now()); !own {
		return id, invalidArgument("debug_route", "route_id", text)
	}
	return id, nil
}

func debugRoutePrint(n *Node, _ context.Context, args []string) (string, error) {
	id, ok := n.readRoute(strings.TrimPrefix(args[0], "#"))
	if !ok {
		return "Route key not found", nil
	}
	now := time.Now()
	var b strings.Builder
	if r, own := n.routes.Info(id, now); own {
		fmt.Fprintf(&b, "{id=%v, allocated: %s}\n", id, allocatedText(&r, now))
		for i, h := range r.Hops {
			fmt.Fprintf(&b, "  hop %d: %s\n", i, n.hopText(h, now))
		}
	}
	for _, r := range n.routes.Remotes(now) {
		if r.ID == id {
			fmt.Fprintf(&b, "{id=%v, remote: %s}\n", id, remoteText(&r, now))
		}
	}
	return b.String(), nil
}

func (n *Node) hopText(id crypto.NodeID, now time.Time) string {
	if e := n.table.Lookup(id); e != nil {
		return n.entryLine(e, now)
	}
	return id.String() + " (not in the routing table)"
}

func debugRouteAllocate(n *Node, _ context.Context, args []string) (string, error) {
	req := route.AllocateRequest{
		HopCount: int(n.settings().Network.RPC.DefaultRouteHopCount), Directions: route.Both,
		Stability: route.Reliable, Ordering: route.Ordered,
	}
	for i := 0; i < len(args); i++ {
		a := args[i]
		seq, sequencing := readSequencing(a)
		hops, err := strconv.Atoi(a)
		switch {
		case sequencing:
			req.Ordering = route.PreferredOrdering(seq)
		case a == "rel":
			req.Stability = route.Reliable
		case a == "low":
			req.Stability = route.LowLatency
		case a == "in":
			req.Directions = route.In
		case a == "out":
			req.Directions = route.Out
		case err == nil:
			req.HopCount = hops
		case a == "avoid" && i+1 < len(args):
			for i+1 < len(args) {
				e, ok := n.readNode(args[i+1])
				if !ok {
					break
				}
				req.Avoid = append(req.Avoid, e.NodeIDs()...)
				i++
			}
			if len(req.Avoid) == 0 {
				return "", invalidArgument("debug_route", "avoid", args[i+1])
			}
		default:
			return "Invalid argument specified: " + a, nil
		}
	}
	id, err := n.routes.Allocate(req, time.Now())
	if err != nil {
		return "Route allocation failed: " + allocationError(err).Error(), nil
	}
	return id.String(), nil
}

// allocationError is why there is no route, by its kind.
func allocationError(err error) *Error {
	switch {
	case errors.Is(err, route.ErrTooManyHops), errors.Is(err, route.ErrHopCount):
		return invalidArgument("Not allocating route longer than max route hop count", "hop_count", err)
	case errors.Is(err, route.ErrTryAgain), errors.Is(err, route.ErrKinds):
		return errorf(TryAgain, err, "%v", err)
	}
	return errorf(Internal, err, "%v", err)
}

func debugRouteRelease(n *Node, _ context.Context, args []string) (string, error) {
	id, err := n.routeArg(args[0])
	if err != nil {
		return "", err
	}
	if err := n.routes.Release(id); errors.Is(err, route.ErrUnknownRoute) {
		return "Route does not exist", nil
	} else if err != nil {
		return "", err
	}
	return "Released", nil
}

func debugRoutePublish(n *Node, _ context.Context, args []string) (string, error) {
	if full := arg(args, 1); full != "" && full != "full" {
		return "", invalidArgument("debug_route", "full", full)
	}
	id, err := n.ownRouteArg(args[0])
	if err != nil {
		return "", err
	}
	blob, err := n.routes.ExportBlob(id, arg(args, 1) != "full")
	if err != nil {
		return fmt.Sprintf("Couldn't assemble private route: %v", err), nil
	}
	if err := n.routes.SetPublished(id, true); err != nil {
		return fmt.Sprintf("Couldn't mark route published: %v", err), nil
	}
	return fmt.Sprintf("Published route %v as %d bytes:\n%s", id, len(blob), crypto.EncodeBase64(blob)), nil
}

func debugRouteUnpublish(n *Node, _ context.Context, args []string) (string, error) {
	id, err := n.ownRouteArg(args[0])
	if err != nil {
		return "", err
	}
	if err := n.routes.SetPublished(id, false); err != nil {
		return fmt.Sprintf("Couldn't mark route unpublished: %v", err), nil
	}
	return "Route unpublished", nil
}

func debugRouteImport(n *Node, _ context.Context, args []string) (string, error) {
	blob, err := crypto.DecodeBase64(args[0])
	if err != nil {
		return "", &Error{Kind: ParseError, Message: err.Error(), Value: args[0], Err: err}
	}
	id, err := n.ImportPrivateRoute(blob)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Private route #%d imported: %v", n.debug.number(id), id), nil
}

func debugRouteTest(n *Node, ctx context.Context, args []string) (string, error) {
	id, err := n.routeArg(args[0])
	if err != nil {
		return "", err
	}
	if !n.attach.Started() {
		return "UNTESTED", nil
	}
	ok, err := n.attach.TestRoute(ctx, id)
	switch {
	case errors.Is(err, route.ErrUnknownRoute):
		return "", invalidArgument("debug_route", "route_id", args[0])
	case err != nil:
		return "UNTESTED", nil
	case ok:
		return "SUCCESS", nil
	}
	return "FAILED", nil
}

// debugRouteReallocate releases the routes that the node has made for itself, and has
// others made at once.
func debugRouteReallocate(n *Node, _ context.Context, _ []string) (string, error) {
	var wanted []route.AllocateRequest
	for _, r := range n.routes.Routes(time.Now()) {
		if r.Automatic {
			wanted = append(wanted, route.AllocateRequest{
				HopCount: len(r.Hops), Directions: r.Directions, Stability: r.Stability, Ordering: r.Ordering, Automatic: true,
			})
		}
	}
	released, allocated := n.routes.ReleaseAutomatic(), 0
	for _, req := range wanted {
		if _, err := n.routes.Allocate(req, time.Now()); err == nil {
			allocated++
		}
	}
	return fmt.Sprintf("released %d, allocated %d", released, allocated), nil
}

// debugRouteDiag shows the hops of a route with their dial info, and how each reaches
// the next, by sequencing. The first is this node.
func debugRouteDiag(n *Node, _ context.Context, args []string) (string, error) {
	id, err := n.ownRouteArg(args[0])
	if err != nil {
		return "", err
	}
	now := time.Now()
	r, _ := n.routes.Info(id, now)
	var b strings.Builder
	fmt.Fprintf(&b, "Route %v: %s\n", id, allocatedText(&r, now))
	before := n.table.Own(wire.PublicInternet).Current(now)
	for i, hop := range r.Hops {
		fmt.Fprintf(&b, "hop %d: %s\n", i, n.hopText(hop, now))
		e := n.table.Lookup(hop)
		if e == nil {
			before = nil
			continue
		}
		p := e.PeerInfo(wire.PublicInternet)
		if p != nil {
			b.WriteString(indent(dialInfoLines(p.Info.DialInfo), 4))
		}
		if i == 0 && p != nil {
			for _, seq := range []wire.Sequencing{wire.PreferUnordered, wire.PreferOrdered, wire.EnsureOrdered} {
				fmt.Fprintf(&b, "    from us, %v:\n", seq)
				methods := n.table.ContactMethodsFor(p, routing.AnyDialInfo(), seq, now)
				for _, m := range methods {
					fmt.Fprintf(&b, "        %s\n", methodText(m))
				}
				if len(methods) == 0 {
					b.WriteString("        none\n")
				}
			}
		} else if before != nil && p != nil {
			for _, way := range []struct {
				name     string
				from, to *wire.PeerInfo
			}{{"from the hop before", before, p}, {"to the hop before", p, before}} {
				fmt.Fprintf(&b, "    %s: unordered %v, ordered %v\n", way.name,
					n.table.ContactPossible(way.from, way.to, routing.Unordered), n.table.ContactPossible(way.from, way.to, routing.Ordered))
			}
		}
		before = p
	}
	return b.String(), nil
}
