package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/voile-net/voile/cmd/voile/internal/chat"
	"github.com/voile-net/voile/cmd/voile/internal/privnet"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

// chatFlags are the flags of "voile chat": those of "voile serve" that say which
// network it is, and its own.
type chatFlags struct {
	serveFlags
	name   string
	listen string
	hops   int
}

func newChatCommand(io streams) *cobra.Command {
	var f chatFlags
	cmd := &cobra.Command{
		Use:   "chat [WORD]",
		Short: "Talk to a friend over private routes",
		Long: `Prints a word that you give to a friend, over any channel: it has a private
route to you in it. The friend starts "voile chat WORD", and you talk. Neither of
you learns where the other is, and no node on the way can read what you say.

On a terminal, what arrives is printed above the line that you type. Otherwise
the conversation is read from stdin and written to stdout, the word first, and
everything else goes to stderr; the chat ends with the input.

With --private, it brings a small private network along, in its own process, and
the word says how to join it: two terminals on one machine, or two machines of a
LAN with --listen, need nothing else. Without, it joins the public network, or the
one of --config and the other flags, which are those of "voile serve".

Nothing is kept unless --data or --config says where.`,
		Example: `  # Two terminals on this machine.
  voile chat --private --name Alice
  voile chat --name Bob voile:IEo4a1Y5ZTd...

  # Two machines of a LAN: the first one, with its own address, and the second.
  voile chat --private --listen 192.168.1.5
  voile chat voile:IEo4a1Y5ZTd...

  # Over the public network.
  voile chat
  voile chat AVZMRDB...`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var i chat.Invitation
			if len(args) > 0 {
				var err error
				if i, err = chat.ParseInvitation(args[0]); err != nil {
					return &misuse{err}
				}
			}
			return f.run(cmd, io, i)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&f.name, "name", "n", "friend", "`name` that your friend sees")
	flags.BoolVar(&f.private, "private", false, "a private network: one of your own, unless other flags say which")
	flags.StringVar(&f.listen, "listen", "", "with --private, `address` of this machine to listen at (default 127.0.0.1)")
	flags.IntVar(&f.hops, "hops", 0, "nodes on each half of the way, 1 to 4 (default 1)")
	flags.StringVarP(&f.config, "config", "c", "", "configuration `file`, JSON or YAML")
	flags.StringVar(&f.data, "data", "", "`directory` for everything that is kept (default: nothing is kept)")
	flags.StringVar(&f.networkKey, "network-key", "", "`password` of a separate network")
	flags.StringSliceVar(&f.bootstrap, "bootstrap", nil, "where to join: direct URLs such as tcp://host:5150, or TXT names")
	flags.StringSliceVar(&f.bootstrapKeys, "bootstrap-keys", nil, "public `keys` that sign bootstrap records; \"\" takes unsigned ones")
	flags.StringArrayVar(&f.bootstrapRecords, "bootstrap-record", nil, "a bootstrap `record` to join by; may be repeated")
	flags.Uint16Var(&f.listenPort, "listen-port", 0, "`port` of UDP, TCP and WebSocket (default: a free one)")
	flags.StringVar(&f.logLevel, "log-level", "off", "off, error, warn, info, debug or trace; for use without a terminal")
	return cmd
}

// relays are the names of the nodes that a private network of one's own has beside
// those who talk.
func relays() []string { return []string{"relay1", "relay2", "relay3", "relay4"} }

func (f *chatFlags) run(cmd *cobra.Command, io streams, friend chat.Invitation) (err error) {
	ctx := cmd.Context()
	if f.hops < 0 || f.hops > config.StockTuning().MaxRouteHopCount {
		return misused("--hops: %d is not 1 to %d", f.hops, config.StockTuning().MaxRouteHopCount)
	}
	log, err := newLogger(io.err, f.logLevel)
	if err != nil {
		return err
	}
	ticket := friend.Ticket
	if ticket == (privnet.Ticket{}) && f.ownNetwork(cmd) {
		net, err := f.startNetwork(ctx, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, net.Close()) }()
		ticket = net.Ticket
	}
	cfg, err := f.chatConfig(cmd, ticket)
	if err != nil {
		return err
	}
	node, err := core.Start(ctx, cfg, core.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	if err := node.Attach(); err != nil {
		return err
	}
	console, err := newConsole(io)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, console.Close()) }()
	return chat.Run(ctx, chat.Options{
		Node: node, Console: console, Name: f.name, Friend: friend.Route, Ticket: ticket, Hops: f.hops,
	})
}

// ownNetwork reports whether a private network is wanted and none is named.
func (f *chatFlags) ownNetwork(cmd *cobra.Command) bool {
	if !f.private {
		return false
	}
	for _, flag := range []string{"config", "network-key", "bootstrap", "bootstrap-record"} {
		if cmd.Flags().Changed(flag) {
			return false
		}
	}
	return true
}

func (f *chatFlags) startNetwork(ctx context.Context, log *slog.Logger) (*privnet.Network, error) {
	o := privnet.Options{Logger: log}
	if f.listen != "" {
		var err error
		if o.Host, err = netip.ParseAddr(f.listen); err != nil || o.Host.IsUnspecified() {
			return nil, misused("--listen: %q is no address of this machine, such as 192.168.1.5", f.listen)
		}
	}
	return privnet.Start(ctx, relays(), o)
}

// chatConfig is the configuration of the node: by the ticket of a private network
// if there is one, else by the flags.
func (f *chatFlags) chatConfig(cmd *cobra.Command, ticket privnet.Ticket) (config.Config, error) {
	if ticket != (privnet.Ticket{}) {
		at, err := listenFor(cmd.Context(), ticket, f.listen)
		return ticket.Config("voile-chat", at), err
	}
	s, _, err := f.settings(cmd)
	if err != nil {
		return config.Config{}, err
	}
	c := &s.core
	if f.config == "" {
		p := &c.Network.Protocol
		if f.listenPort == 0 {
			p.UDP.ListenAddress, p.TCP.ListenAddress, p.WS.ListenAddress = "", "", ""
		}
		if f.data == "" {
			c.ProtectedStore.Directory, c.TableStore.Directory, c.BlockStore.Directory = "", "", ""
		}
	}
	return *c, nil
}

// listenFor is where a node of a private network listens: where it was told to, at
// loopback in a network of this machine, else at all addresses, which is zero.
func listenFor(ctx context.Context, ticket privnet.Ticket, listen string) (netip.AddrPort, error) {
	host := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if listen != "" {
		var err error
		if host, err = netip.ParseAddr(listen); err != nil {
			return netip.AddrPort{}, misused("--listen: %w", err)
		}
	} else if fields := strings.Split(ticket.Bootstrap, "|"); len(fields) != 5 {
		return netip.AddrPort{}, misused("the word's bootstrap record has %d fields, not 5", len(fields))
	} else if a, err := netip.ParseAddr(fields[3]); err != nil || !a.IsLoopback() {
		return netip.AddrPort{}, nil
	}
	at, err := privnet.FreePorts(ctx, host, 1)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return at[0], nil
}

// newConsole is the terminal, if both streams are one, or else the streams.
func newConsole(io streams) (chat.Console, error) {
	in, isIn := terminalOf(io.in)
	out, isOut := terminalOf(io.out)
	if !isIn || !isOut {
		return chat.NewPipes(io.in, io.out, io.err), nil
	}
	c, err := chat.NewScreen(in, out, os.Getenv("NO_COLOR") == "")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return c, nil
}
