//go:build !nodebugapi

package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/rpc"
	"github.com/voile-net/voile/core/wire"
)

// Commands that send what applications send.

// dataArg is the data of a command: one word or several, with a space between.
func dataArg(command string, words []string) ([]byte, error) {
	text := strings.Join(words, " ")
	b, ok := readData(text)
	switch {
	case !ok:
		return nil, invalidArgument(command, "data", text)
	case len(b) > MaxMessage:
		return nil, invalidArgument(command, "data", fmt.Sprintf("%d bytes", len(b)))
	}
	return b, nil
}

func debugAppMessage(n *Node, ctx context.Context, args []string) (string, error) {
	d, err := n.destinationArg(ctx, "debug_app_message", args[0], true)
	if err != nil {
		return "", err
	}
	message, err := dataArg("debug_app_message", args[1:])
	if err != nil {
		return "", err
	}
	if _, err := n.rpc.Tell(ctx, d.Destination, &wire.AppMessage{Message: message}); err != nil {
		return "", err
	}
	return fmt.Sprintf("Sent %d bytes", len(message)), nil
}

func debugAppCall(n *Node, ctx context.Context, args []string) (string, error) {
	d, err := n.destinationArg(ctx, "debug_app_call", args[0], true)
	if err != nil {
		return "", err
	}
	message, err := dataArg("debug_app_call", args[1:])
	if err != nil {
		return "", err
	}
	a, err := n.rpc.Ask(ctx, d.Destination, &wire.AppCallQ{Message: message})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Sent %d bytes, received: %q", len(message), a.Detail.(*wire.AppCallA).Message), nil
}

// readCallID reads the number of a call, with or without a # before it. The errors
// are what a reply without a number fails with if no call waits.
func readCallID(args []string) (uint64, error) {
	if len(args) == 0 {
		return 0, errorf(Generic, nil, "no app calls waiting")
	}
	digits := strings.TrimPrefix(args[0], "#")
	id, err := strconv.ParseUint(digits, 16, 64)
	switch {
	case err == nil:
		return id, nil
	case digits == "":
		return 0, &Error{Kind: ParseError, Message: "cannot parse integer from empty string", Err: err}
	case errors.Is(err, strconv.ErrRange):
		return 0, &Error{Kind: ParseError, Message: "number too large to fit in target type", Value: digits, Err: err}
	}
	return 0, &Error{Kind: ParseError, Message: "invalid digit found in string", Value: digits, Err: err}
}

// debugAppReply replies to the call whose number stands first. If none does, all words
// are data, for the newest call.
func debugAppReply(n *Node, ctx context.Context, args []string) (string, error) {
	if err := n.mustBeAttached(); err != nil {
		return "", err
	}
	id, noID := readCallID(args)
	if noID == nil {
		args = args[1:]
	} else if id = n.debug.lastCall.Load(); id == 0 || len(args) > 1 && strings.HasPrefix(args[0], "#") {
		return "", noID
	}
	message, err := dataArg("debug_app_reply", args)
	if err != nil {
		return "", err
	}
	switch err := n.Reply(ctx, id, message); {
	case err == nil:
		return fmt.Sprintf("Replied with %d bytes", len(message)), nil
	case !errors.Is(err, rpc.ErrUnmatched):
		return "", err
	case noID == nil:
		return "", errorf(Internal, err, "Generic: [RPCError: Ignore(Unmatched operation id: %d)]", id)
	}
	return "", noID
}
