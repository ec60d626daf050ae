package privnet

import (
	"context"
	"testing"
	"time"
	"fmt"
	"os"
	"log/slog"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

func TestExp(t *testing.T) {
	var o Options
	if os.Getenv("PRIVNET_LOG") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	o.Change = func(i int, c *config.Config) {
		if i == 1 || i == 2 {
			c.Capabilities.Disable = []string{"ROUT"}
		}
	}
	w, err := Start(t.Context(), []string{"carol", "alice", "bob", "dave", "erin", "frank"}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	if err := w.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	t.Log("ready", time.Since(began))
	names := map[string]string{}
	for _, n := range w.Nodes {
		names[n.ID().String()] = n.Name
	}
	a, b := w.Nodes[1], w.Nodes[2]
	sub := b.Subscribe(0)
	defer sub.Close()
	go func() {
		for {
			u, err := sub.Next(ctx)
			if err != nil {
				return
			}
			if c, ok := u.(core.AppCall); ok {
				if err := b.Reply(ctx, c.CallID, c.Message); err != nil { t.Log("reply", err) }
			}
		}
	}()
	for i := 0; i < 12; i++ {
		h := 1 + i%4
		began := time.Now()
		r, err := b.NewCustomPrivateRoute(ctx, core.PrivateRouteSpec{HopCount: h, Stability: 1, Sequencing: 1})
		if err != nil {
			t.Error("route", h, err)
			continue
		}
		t.Log("route", h, time.Since(began), len(r.Blob), show(b.Node, names, r))
		id, err := a.ImportPrivateRoute(r.Blob)
		if err != nil {
			t.Error(err)
			continue
		}
		for h := 1; h <= 4; h++ {
			c, _ := a.Context().WithSafety(core.Safety{HopCount: h, Stability: 1, Sequencing: 1})
			began = time.Now()
			_, err = c.Call(ctx, id, []byte("hello"))
			t.Log("call", h, time.Since(began), err)
		}
		b.ReleasePrivateRoute(r.ID)
	}
}

func show(n *core.Node, names map[string]string, r core.PrivateRoute) string {
	s := ""
	if x, ok := any(n).(interface{ Routes() []core.RouteInfo }); ok {
		for _, i := range x.Routes() {
			if i.ID == r.ID {
				for _, h := range i.Hops {
					s += names[h.String()] + " "
				}
			}
		}
	}
	return fmt.Sprint(s)
}
