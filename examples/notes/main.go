// Command notes is a notebook that a few people share, with no server: whoever has its
// key reads it, the owner and the writers named write, also offline. "me" prints the key
// by which you write, "new" that of the notebook it makes. All is kept in -dir.
//
//	notes me | new WRITER... | add KEY TEXT | show KEY | watch KEY
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

const notesEach = 64 // subkeys of each writer: a note is one

func main() {
	dir := flag.String("dir", "notes", "directory of everything, encrypted")
	flag.Parse()
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt) // as long as the program
	if err := run(ctx, config.Default(), *dir, flag.Args(), os.Stdout); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "notes:", err)
		os.Exit(1)
	}
}

// run does what the command line says.
func run(ctx context.Context, cfg config.Config, dir string, args []string, out io.Writer) error {
	cfg.ProtectedStore.Directory, cfg.TableStore.Directory = filepath.Join(dir, "keys"), filepath.Join(dir, "data")
	node, err := core.Start(ctx, cfg, core.Options{})
	if err != nil {
		return err
	}
	defer node.Close()
	me, err := identity(ctx, node)
	b := &notebook{Context: node.Context(), node: node, me: me, out: out}
	if err == nil && len(args) > 1 && args[0] != "new" {
		err = b.open(ctx, args[1])
	}
	switch updates := node.Subscribe(0); {
	case err != nil:
	case len(args) == 1 && args[0] == "me":
		_, err = fmt.Fprintln(out, me.Public)
	case len(args) > 0 && args[0] == "new":
		err = b.create(ctx, args[1:])
	case len(args) == 3 && args[0] == "add":
		err = b.add(ctx, args[2])
	case len(args) == 2 && (args[0] == "show" || args[0] == "watch"):
		for err = b.show(ctx); err == nil && args[0] == "watch"; {
			var u core.Update
			u, err = updates.Next(ctx)
			if _, changed := u.(core.ValueChange); changed {
				err = b.show(ctx)
			}
		}
	default:
		err = errors.New("want me, new WRITER..., add KEY TEXT, show KEY or watch KEY")
	}
	return err
}

// identity is our key pair, made the first time and kept as a secret.
func identity(ctx context.Context, node *core.Node) (pair crypto.KeyPair, err error) {
	text, found, err := node.LoadUserSecret(ctx, "writer")
	if err != nil || found {
		return pair, errors.Join(err, pair.UnmarshalText(text))
	}
	if pair, err = node.NewKeyPair(); err == nil {
		_, err = node.SaveUserSecret(ctx, "writer", []byte(pair.Text()))
	}
	return pair, err
}

// notebook is a record in which each writer has subkeys that nobody else writes.
type notebook struct {
	core.Context
	core.Record
	node *core.Node
	me   crypto.KeyPair
	out  io.Writer
}

func (b *notebook) create(ctx context.Context, writers []string) error {
	members := make([]core.Member, len(writers))
	for i, text := range writers {
		key, err := crypto.Parse[crypto.PublicKey](text)
		if members[i] = core.MemberOf(key, notesEach); err != nil {
			return fmt.Errorf("writer %q: %w", text, err)
		}
	}
	record, err := b.CreateRecord(ctx, crypto.BestKind, core.SMPL(notesEach, members...), &b.me)
	if err == nil {
		_, err = fmt.Fprintln(b.out, record.Key.Text())
	}
	return err
}

func (b *notebook) open(ctx context.Context, text string) error {
	key, err := crypto.Parse[crypto.RecordKey](text)
	if err = errors.Join(err, b.node.Attach()); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_ = b.node.WaitReady(wait) // offline, what is on this device has to do
	if b.Record, err = b.OpenRecord(ctx, key, &b.me, core.OpenOptions{}); err == nil {
		_, err = b.WatchValues(ctx, key, nil, time.Time{}, core.AnyNumber)
	}
	return err
}

func (b *notebook) add(ctx context.Context, text string) error {
	notes, err := b.InspectRecord(ctx, b.Key, nil, core.ScopeLocal)
	for k, seq := range notes.LocalSeqs {
		if seq == core.NeverWritten && b.Schema.MayWrite(b.Owner, b.me.Public, uint32(k)) == nil {
			if _, err = b.SetValue(ctx, b.Key, uint32(k), []byte(text), core.SetOptions{}); err == nil {
				_, err = b.FlushRecord(ctx, b.Key, 15*time.Second)
			}
			return err
		}
	}
	return errors.Join(err, errors.New("no room for your notes, or you are no writer"))
}

func (b *notebook) show(ctx context.Context) error {
	notes, err := b.InspectRecord(ctx, b.Key, nil, core.ScopeSyncGet)
	if err != nil { // offline
		notes, err = b.InspectRecord(ctx, b.Key, nil, core.ScopeLocal)
	}
	for k, seq := range notes.LocalSeqs {
		newer := notes.NetworkSeqs[k] != core.NeverWritten && notes.NetworkSeqs[k] != seq
		if newer || seq != core.NeverWritten {
			note, err := b.GetValue(ctx, b.Key, uint32(k), newer)
			if err != nil {
				return err
			}
			fmt.Fprintf(b.out, "%s  %s\n", note.Writer, note.Data)
		}
	}
	return err
}
