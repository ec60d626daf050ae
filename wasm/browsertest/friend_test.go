//go:build !js

package browsertest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// serve is the friend's application, until ctx ends. It answers "route:" and a
// private route by calling back and sending a message there; "record:", a key and
// the owner's key pair by what it reads in subkey 0, after writing subkey 1; and
// anything else by repeating it. What it was told is returned.
func serve(ctx context.Context, n *core.Node, updates *core.Subscription) (said []string) {
	for {
		u, err := updates.Next(ctx)
		if err != nil {
			return said
		}
		switch u := u.(type) {
		case core.AppMessage:
			said = append(said, string(u.Message))
		case core.AppCall:
			answer, told := respond(ctx, n, u.Message)
			if told != "" {
				said = append(said, told)
			}
			_ = n.Reply(ctx, u.CallID, answer) // the other side times out
		}
	}
}

func respond(ctx context.Context, n *core.Node, message []byte) (answer []byte, told string) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	fail := func(err error) ([]byte, string) { return fmt.Append(nil, "error: ", err), "" }
	if blob, ok := bytes.CutPrefix(message, []byte("route:")); ok {
		id, err := n.ImportPrivateRoute(blob)
		if err != nil {
			return fail(err)
		}
		reply, err := n.Call(ctx, id, []byte("are you there?"))
		if err != nil {
			return fail(err)
		}
		if err := n.Message(ctx, id, []byte("a message")); err != nil {
			return fail(err)
		}
		return []byte("called"), string(reply)
	}
	if text, ok := bytes.CutPrefix(message, []byte("record:")); ok {
		keyText, pairText, _ := strings.Cut(string(text), " ")
		var key crypto.RecordKey
		var pair crypto.KeyPair
		if err := key.UnmarshalText([]byte(keyText)); err != nil {
			return fail(err)
		}
		if err := pair.UnmarshalText([]byte(pairText)); err != nil {
			return fail(err)
		}
		c := n.Context()
		if _, err := c.OpenRecord(ctx, key, &pair, core.OpenOptions{}); err != nil {
			return fail(err)
		}
		defer c.CloseRecord(context.WithoutCancel(ctx), key)
		value, err := c.GetValue(ctx, key, 0, true)
		if err != nil {
			return fail(err)
		}
		if _, err := c.SetValue(ctx, key, 1, []byte("written by the friend"), core.SetOptions{}); err != nil {
			return fail(err)
		}
		return value.Data, ""
	}
	return append([]byte("you said "), message...), ""
}
