package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthFlags are the flags of "voile health".
type healthFlags struct {
	api     string
	ready   bool
	timeout time.Duration
	asJSON  bool
}

// health is what the command prints.
type health struct {
	Attachment string `json:"attachment"`
	Ready      bool   `json:"ready"`
	LivePeers  string `json:"live_peers"`
	Uptime     string `json:"uptime_us"`
}

func newHealthCommand(io streams) *cobra.Command {
	var f healthFlags
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it is well",
		Long: `Asks a server of this machine for its state, over the API. It exits with 0 if the
server answers, and with --ready only if its node is attached and ready for routes
and records too; else with 1. It is what the container image checks itself with.`,
		Example: `  voile health
  voile health --ready --api unix:/run/voile/ipc/0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
			defer cancel()
			h, err := f.ask(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", f.api, err)
			}
			if f.asJSON {
				err = printJSON(io.out, h)
			} else {
				_, err = fmt.Fprintf(io.out, "%s, ready: %v, %s live peers\n", h.Attachment, h.Ready, h.LivePeers)
			}
			if err == nil && f.ready && !h.Ready {
				return fmt.Errorf("%s: the node is not ready", f.api)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&f.api, "api", defaultAPI, "where the server listens: host:port or unix:PATH")
	cmd.Flags().BoolVar(&f.ready, "ready", false, "the node must be ready too")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 5*time.Second, "how long it may take")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON")
	return cmd
}

// maxState is more than a state has.
const maxState = 4 << 20

// ask does one GetState. Updates may come before the answer.
func (f *healthFlags) ask(ctx context.Context) (health, error) {
	network, address := "tcp", f.api
	if path, ok := strings.CutPrefix(f.api, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return health{}, err
	}
	defer conn.Close()
	end, _ := ctx.Deadline()
	if err := conn.SetDeadline(end); err != nil {
		return health{}, err
	}
	if _, err := io.WriteString(conn, `{"id":1,"op":"GetState"}`+"\n"); err != nil {
		return health{}, err
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, maxState)
	for lines.Scan() {
		var v struct {
			Type  string
			ID    uint32
			Value *struct {
				Attachment struct {
					State               string
					PublicInternetReady bool   `json:"public_internet_ready"`
					LivePeerCount       string `json:"live_peer_count"`
					Uptime              string
				}
			}
			Error *struct{ Kind, Message string }
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return health{}, fmt.Errorf("that is no server of this api: %w", err)
		}
		if v.Type != "Response" || v.ID != 1 {
			continue
		}
		if v.Error != nil || v.Value == nil {
			return health{}, fmt.Errorf("the server has no state to tell: %+v", v.Error)
		}
		a := &v.Value.Attachment
		return health{Attachment: a.State, Ready: a.PublicInternetReady, LivePeers: a.LivePeerCount, Uptime: a.Uptime}, nil
	}
	if err := lines.Err(); err != nil {
		return health{}, err
	}
	return health{}, fmt.Errorf("the server has closed the connection")
}
