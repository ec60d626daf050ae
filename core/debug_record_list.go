//go:build !nodebugapi

package core

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/sorting"
)

// Commands that show or clear the stores of records.

func debugRecordList(n *Node, _ context.Context, args []string) (string, error) {
	switch args[0] {
	case "local":
		return "Local Records:\n" + n.storeText(n.dht.local, false), nil
	case "remote":
		return "Remote Records:\n" + n.storeText(n.dht.remote, true), nil
	case "opened":
		return n.openedText(), nil
	case "offline":
		return n.offlineText(), nil
	case "watched":
		return n.watchedText(time.Now()), nil
	case "transactions":
		return n.transactionsText(time.Now()), nil
	}
	return "Invalid scope\n", nil
}

// storeText lists a store, the record used last first, and what others ask of it.
func (n *Node) storeText(store *dht.Store, serves bool) string {
	now := time.Now()
	var b strings.Builder
	b.WriteString("Records:\n")
	for _, key := range store.Keys() {
		if f, ok := store.Facts(key); ok {
			fmt.Fprintf(&b, "  %v age=%s len=%d subkeys=%s\n", key, ago(f.Touched, now), f.ValueBytes, subkeysText(f.Written))
		}
	}
	s := store.Stats()
	records, values := store.Uncommitted()
	fmt.Fprintf(&b, "Record Count: %d\nSubkey Count: %d\nSubkey Cache Count: %d\nSubkey Cache Total Size: %s (%d bytes)\nTotal Storage Space: %s (%d bytes)\nUncommitted Record Changes: %d\nUncommitted Subkey Changes: %d\nDamaged Rows: %d\n",
		s.Records, s.Subkeys, s.Cached, bytesText(uint64(s.CachedBytes)), s.CachedBytes, bytesText(uint64(s.Bytes)), s.Bytes, records, values, s.Damaged)
	if !serves {
		return b.String()
	}
	watches, transactions := n.dht.server.Inbound()
	fmt.Fprintf(&b, "Records with inbound transactions: %d\n", distinct(transactions, func(t dht.InboundTransaction) crypto.OpaqueRecordKey { return t.Record }))
	for _, t := range transactions {
		fmt.Fprintf(&b, "  %s\n", inboundTransactionText(&t, now))
	}
	fmt.Fprintf(&b, "Records with inbound watches: %d\n", distinct(watches, func(w dht.InboundWatch) crypto.OpaqueRecordKey { return w.Record }))
	for _, w := range watches {
		fmt.Fprintf(&b, "  %s\n", inboundWatchText(&w, now))
	}
	return b.String()
}

func distinct[T any](list []T, key func(T) crypto.OpaqueRecordKey) int {
	seen := map[crypto.OpaqueRecordKey]bool{}
	for _, v := range list {
		seen[key(v)] = true
	}
	return len(seen)
}

func inboundWatchText(w *dht.InboundWatch, now time.Time) string {
	return fmt.Sprintf("%v: watch_id=%d watcher=%v member=%v subkeys=%s changed=%s count=%d expires=%s",
		w.Record, w.ID, w.Watcher, w.Member, subkeysText(w.Subkeys), subkeysText(w.Changed), w.Count, timeText(w.Expires, now))
}

func inboundTransactionText(t *dht.InboundTransaction, now time.Time) string {
	return fmt.Sprintf("%v: id=%d signer=%v member=%v locked=%v staged=%d expires=%s",
		t.Record, t.ID, t.Signer, t.Member, t.Locked, t.Staged, timeText(t.Expires, now))
}

// openedText lists the open records, those of the debug language in their order. The
// writers are shown whole, as record create shows them.
func (n *Node) openedText() string {
	order := n.debug.opening()
	records := n.dht.client.Records()
	sorting.Stable(records, func(a, b dht.ClientRecord) int {
		at := func(k crypto.OpaqueRecordKey) int {
			return slices.IndexFunc(order, func(o crypto.RecordKey) bool { return o.Opaque == k })
		}
		return at(a.Key) - at(b.Key)
	})
	var b strings.Builder
	b.WriteString("Opened Records:\n[\n")
	for _, r := range records {
		if r.Open == nil {
			continue
		}
		writer := ""
		if r.Open.Writer != nil {
			writer = " " + r.Open.Writer.Text()
		}
		fmt.Fprintf(&b, "  %s%s\n", r.Open.Key.Text(), writer)
	}
	return b.String() + "]\n"
}

func (n *Node) offlineText() string {
	var b strings.Builder
	b.WriteString("Offline Records:\n[\n")
	for _, r := range n.dht.client.Records() {
		if r.Offline.Empty() && r.InFlight.Empty() && r.Rehydrate.Empty() {
			continue
		}
		fmt.Fprintf(&b, "  %v: { safety_selection: %s, subkeys: %s, subkeys_in_flight: %s, rehydrate: %s }, %d nodes\n", r.Key,
			safetyText(r.Safety), subkeysText(r.Offline), subkeysText(r.InFlight), subkeysText(r.Rehydrate), len(r.Nodes))
	}
	return b.String() + "]\n"
}

func (n *Node) watchedText(now time.Time) string {
	watches := n.dht.client.Watches()
	var out, nodes, inspect []string
	for _, w := range watches {
		desired := "None"
		if w.Wanted {
			desired = fmt.Sprintf("{ expiration=%s, count=%d, subkeys=%s, watcher=%v }", timeText(w.Expires, now), w.Left, subkeysText(w.Subkeys), w.Watcher)
		}
		active := 0
		for _, g := range w.Nodes {
			if g.Active {
				active++
			}
			spec, _ := g.Safety.Spec()
			nodes = append(nodes, fmt.Sprintf("  %v@%v:\n    { watch_id=%d, watcher=%v, expiration=%s, count=%d, active=%v, route=%v }\n",
				w.Key.Opaque, g.ID, g.WatchID, g.Watcher, timeText(g.Expires, now), g.Count, g.Active, spec.Preferred))
		}
		out = append(out, fmt.Sprintf("  %v:\n    Desired: %s\n    State: nodes=%d active=%d changed=%v retry=%s\n", w.Key.Opaque, desired,
			len(w.Nodes), active, w.Changed, timeText(w.RetryAt, now)))
		if !w.Inspect.Empty() {
			inspect = append(inspect, fmt.Sprintf("  %v: %s\n", w.Key.Opaque, subkeysText(w.Inspect)))
		}
	}
	inbound, _ := n.dht.server.Inbound()
	var in []string
	for _, w := range inbound {
		in = append(in, "  "+inboundWatchText(&w, now)+"\n")
	}
	return "Watched Records:\n" + sectionText("outbound_watches", out) + sectionText("per_node_states", nodes) +
		sectionText("needs_change_inspection", inspect) + sectionText("inbound_watches", in)
}

// sectionText is a list with its name and length.
func sectionText(name string, lines []string) string {
	return fmt.Sprintf("%s(%d): [\n%s]\n", name, len(lines), strings.Join(lines, ""))
}

func (n *Node) transactionsText(now time.Time) string {
	var out, in []string
	for _, t := range n.dht.client.Transactions() {
		text := fmt.Sprintf("  stage=%s background=%v\n", t.Stage, t.Background)
		for _, r := range t.Records {
			text += fmt.Sprintf("    %v: wrote=%s nodes=[%s]\n", r.Key, subkeysText(r.Wrote), joined(r.Nodes, ","))
		}
		out = append(out, text)
	}
	_, inbound := n.dht.server.Inbound()
	for _, t := range inbound {
		in = append(in, "  "+inboundTransactionText(&t, now)+"\n")
	}
	return "Record Transaction:\n" + sectionText("transactions", out) + sectionText("inbound_transactions", in)
}

// debugRecordInfo shows what is known of a record here, or of one of its subkeys. For
// a record that is not here it says so.
func debugRecordInfo(n *Node, ctx context.Context, args []string) (string, error) {
	key, err := crypto.Parse[crypto.RecordKey](args[0])
	if err != nil {
		// A key of another length: no record has it.
		if _, bad := crypto.DecodeBase64(strings.TrimPrefix(args[0], n.crypto.Kinds().Best().String()+":")); bad != nil {
			return "", invalidArgument("debug_record_info", "key", args[0])
		}
		key = crypto.RecordKey{}
	}
	if len(args) == 1 {
		return n.recordInfoText(key.Opaque), nil
	}
	subkey, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return "", invalidArgument("debug_record", "arg_1", "info")
	}
	var b strings.Builder
	for i, s := range []*dht.Store{n.dht.local, n.dht.remote} {
		fmt.Fprintf(&b, "%s Subkey Info:\n", [...]string{"Local", "Remote"}[i])
		v, err := s.Get(ctx, key.Opaque, uint32(subkey))
		if err != nil || v == nil {
			b.WriteString("Subkey not available\n\n")
			continue
		}
		fmt.Fprintf(&b, "seq: %s\ndata: %x\nwriter: %v\nencrypted: %v\nsignature: %v\n\n", seqText(v.Value.Seq), v.Value.Data, v.Value.Writer, v.Value.Nonce != nil, v.Signature)
	}
	return b.String(), nil
}

func (n *Node) recordInfoText(key crypto.OpaqueRecordKey) string {
	now := time.Now()
	var b strings.Builder
	watches, transactions := n.dht.server.Inbound()
	for i, s := range []*dht.Store{n.dht.local, n.dht.remote} {
		fmt.Fprintf(&b, "%s Info:\n", [...]string{"Local", "Remote"}[i])
		f, ok := s.Facts(key)
		if !ok {
			b.WriteString("Not found\n")
		} else {
			all := dht.SubkeysOf(dht.AllSubkeys(), f.Descriptor.Schema.Subkeys())
			seqs, _ := s.Seqs(key, all)
			fmt.Fprintf(&b, "Record {\n    owner: %v,\n    schema: %v, %d subkeys,\n    stored_subkeys: %s,\n    subkey_seqs: %s,\n    row_sizes: %v,\n    last_touched: %s,\n    record_data_size: %d,\n}\n",
				f.Descriptor.Owner(), f.Descriptor.Schema.Kind, f.Descriptor.Schema.Subkeys(), subkeysText(f.Written), seqsText(seqs), f.Sizes, timeText(f.Touched, now), f.ValueBytes)
		}
		if s == n.dht.local {
			b.WriteString(n.clientRecordText(key, now))
			b.WriteByte('\n')
			continue
		}
		found := false
		for _, w := range watches {
			if w.Record == key {
				fmt.Fprintf(&b, "Inbound watch: %s\n", inboundWatchText(&w, now))
				found = true
			}
		}
		for _, t := range transactions {
			if t.Record == key {
				fmt.Fprintf(&b, "Inbound transaction: %s\n", inboundTransactionText(&t, now))
			}
		}
		if !found {
			b.WriteString("No inbound watches\n")
		}
	}
	return b.String()
}

// clientRecordText is what the client keeps beside a record.
func (n *Node) clientRecordText(key crypto.OpaqueRecordKey, now time.Time) string {
	r, ok := n.dht.client.Record(key)
	if !ok {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "safety_selection: %s\noffline_subkeys: %s\nsubkeys_in_flight: %s\nrehydrate: %s\nset: [%s]\nnodes:\n", safetyText(r.Safety),
		subkeysText(r.Offline), subkeysText(r.InFlight), subkeysText(r.Rehydrate), joined(r.Set, ","))
	for _, x := range r.Nodes {
		fmt.Fprintf(&b, "    %v: last_set: %s, last_seen: %s, subkeys: %s\n", x.ID, timeText(x.Set, now), timeText(x.Seen, now), subkeysText(x.Subkeys))
	}
	if r.Open != nil {
		writer := "None"
		if r.Open.Writer != nil {
			writer = r.Open.Writer.Public.String()
		}
		fmt.Fprintf(&b, "Opened Record: { writer: %s, encrypted: %v }\n", writer, r.Open.Key.Encrypted())
	}
	return b.String()
}

// debugRecordPurge forgets records: all, those used longest ago until few enough
// bytes are left, or those named. Open ones are closed first, all of them.
func debugRecordPurge(n *Node, ctx context.Context, args []string) (string, error) {
	if args[0] != "local" && args[0] != "remote" {
		return "Invalid scope\n", nil
	}
	most, keys, err := purgeArgs(args[1:])
	if err != nil {
		return "", err
	}
	store, title := n.dht.local, "Local"
	if args[0] == "remote" {
		store, title = n.dht.remote, "Remote"
	}
	before := store.Stats()
	if args[0] == "local" {
		err = n.purgeLocal(ctx, most, keys)
	} else if keys != nil {
		_, err = n.dht.server.PurgeRecords(ctx, keys)
	} else {
		_, err = n.dht.server.Purge(ctx, most)
	}
	if err != nil {
		return "", recordError(err)
	}
	after := store.Stats()
	return fmt.Sprintf("%s records purged: %d records, purged %d bytes, now %d bytes total", title,
		max(0, before.Records-after.Records), max(0, before.Bytes-after.Bytes), after.Bytes), nil
}

// purgeArgs reads [BYTES | --keys K,K...]. keys nil: by bytes.
func purgeArgs(args []string) (most int64, keys []crypto.OpaqueRecordKey, err error) {
	const command = "debug_record_purge"
	list, isKeys := strings.CutPrefix(arg(args, 0), "--keys")
	switch {
	case len(args) == 0:
		return 0, nil, nil
	case isKeys:
		args = args[1:]
		if list, isKeys = strings.CutPrefix(list, "="); !isKeys {
			list = arg(args, 0)
			args = args[min(1, len(args)):]
		}
		if list == "" {
			return 0, nil, missingArgument(command, "keys")
		}
		keys = []crypto.OpaqueRecordKey{}
		for text := range strings.SplitSeq(list, ",") {
			key, err := crypto.Parse[crypto.RecordKey](text)
			if err != nil {
				return 0, nil, invalidArgument(command, "keys", text)
			}
			keys = append(keys, key.Opaque)
		}
		return 0, keys, tooMany(command, args, 0)
	}
	n, err := strconv.ParseUint(args[0], 10, 62)
	if err != nil {
		return 0, nil, invalidArgument(command, "bytes", args[0])
	}
	return int64(n), nil, tooMany(command, args, 1)
}

func (n *Node) purgeLocal(ctx context.Context, most int64, keys []crypto.OpaqueRecordKey) error {
	for _, r := range n.dht.client.Records() {
		if r.Open == nil {
			continue
		}
		if err := n.dht.client.CloseRecord(ctx, r.Open.Key); err != nil && dht.KindOf(err) != dht.KeyNotFound {
			return err
		}
		n.debug.close(r.Key)
	}
	if keys == nil {
		keys = n.dht.local.Keys()
		slices.Reverse(keys) // the one used longest ago first
	} else {
		most = -1
	}
	for _, key := range keys {
		if n.dht.local.Stats().Bytes <= most {
			break
		}
		if err := n.dht.client.Delete(ctx, crypto.RecordKey{Opaque: key}); err != nil && dht.KindOf(err) != dht.KeyNotFound {
			return err
		}
	}
	return n.dht.local.Flush(ctx)
}
