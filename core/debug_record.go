package core

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/wire"
)

func debugRecord(n *Node, ctx context.Context, args []string) (string, error) {
	f, err := subcommand("record", "command", args, map[string]func(context.Context, []string) (string, error){
		"list":  n.debugRecordList,
		"info":  n.debugRecordInfo,
		"purge": n.debugRecordPurge,
	})
	if err != nil {
		return "", err
	}
	return f(ctx, args[1:])
}

// recordStore is the store that an argument names.
func (n *Node) recordStore(context string, args []string) (*dht.Store, error) {
	switch arg(args, 0) {
	case "local":
		return n.dht.local, nil
	case "remote":
		return n.dht.remote, nil
	}
	return nil, invalidArgument(context, "arg_1", arg(args, 0))
}

func (n *Node) debugRecordList(_ context.Context, args []string) (string, error) {
	store, err := n.recordStore("debug_record_list", args)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	s := store.Stats()
	fmt.Fprintf(&b, "Records: %d, subkeys %d, %d bytes, cached %d (%d bytes), unwritten %d bytes\n",
		s.Records, s.Subkeys, s.Bytes, s.Cached, s.CachedBytes, s.PendingBytes)
	if store == n.dht.local {
		fmt.Fprintf(&b, "Client: %+v\n", n.dht.client.Stats())
	} else {
		fmt.Fprintf(&b, "Server: %+v\n", n.dht.server.Stats())
	}
	for _, key := range store.Keys() {
		fmt.Fprintf(&b, "%v\n", key)
	}
	return b.String(), nil
}

// debugRecordInfo shows what is known of a record here: schema and sequence numbers.
func (n *Node) debugRecordInfo(_ context.Context, args []string) (string, error) {
	key, err := crypto.Parse[crypto.RecordKey](arg(args, 0))
	if err != nil {
		return "", invalidArgument("debug_record_info", "key", arg(args, 0))
	}
	var b strings.Builder
	for _, s := range []struct {
		name  string
		store *dht.Store
	}{{"Local", n.dht.local}, {"Remote", n.dht.remote}} {
		d := s.store.Descriptor(key.Opaque)
		if d == nil {
			fmt.Fprintf(&b, "%s: none\n", s.name)
			continue
		}
		seqs, _ := s.store.Seqs(key.Opaque, dht.SubkeysOf(dht.AllSubkeys(), d.Schema.Subkeys()))
		fmt.Fprintf(&b, "%s: owner %v, %v of %d subkeys, numbers", s.name, d.Owner(), d.Schema.Kind, d.Schema.Subkeys())
		for k, seq := range seqs {
			if seq != wire.SeqNone {
				fmt.Fprintf(&b, " %d:%d", k, seq)
			}
		}
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// debugRecordPurge forgets records, open ones too, until at most some bytes are left;
// without a number, all.
func (n *Node) debugRecordPurge(ctx context.Context, args []string) (string, error) {
	store, err := n.recordStore("debug_record_purge", args)
	if err != nil {
		return "", err
	}
	if store == n.dht.local {
		for _, key := range store.Keys() {
			if err := n.dht.client.CloseRecord(ctx, crypto.RecordKey{Opaque: key}); err != nil && dht.KindOf(err) != dht.KeyNotFound {
				return "", recordError(err)
			}
		}
		removed, ok, err := n.dht.client.Purge(ctx)
		if err != nil || !ok {
			return "", errorf(TryAgain, recordError(err), "records are in use")
		}
		return fmt.Sprintf("Local records purged: %d", removed), nil
	}
	var most uint64
	if text := arg(args, 1); text != "" {
		if most, err = strconv.ParseUint(text, 10, 62); err != nil {
			return "", invalidArgument("debug_record_purge", "bytes", text)
		}
	}
	removed, err := n.dht.server.Purge(ctx, int64(most))
	return fmt.Sprintf("Remote records purged: %d", removed), recordError(err)
}
