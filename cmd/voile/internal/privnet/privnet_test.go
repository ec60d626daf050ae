package privnet

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNetworkGetsReady(t *testing.T) {
	for _, names := range [][]string{{"one", "two", "three"}, {"one", "two", "three", "four", "five", "six"}} {
		var o Options
		if os.Getenv("PRIVNET_LOG") != "" {
			o.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
		began := time.Now()
		w, err := Start(t.Context(), names, o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if err := w.WaitReady(ctx); err != nil {
			t.Errorf("%d nodes: %v", len(names), err)
		}
		cancel()
		t.Logf("%d nodes ready after %v", len(names), time.Since(began))
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
}
