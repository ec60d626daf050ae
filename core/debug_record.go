//go:build !nodebugapi

package core

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/route"
)

// Commands that work on one record. What an operation fails with is their text, as in
// the original; only arguments that cannot be understood are errors.

// readSchema reads JSON text, or a number of subkeys.
func readSchema(text string) (Schema, error) {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		s := DFLT(uint16(n))
		return s, recordError(s.Validate())
	}
	var s Schema
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, &Error{Kind: ParseError, Message: err.Error(), Value: text, Err: err}
	}
	return s, recordError(s.Validate())
}

// safetyContext is a context with a safety of the language.
func (n *Node) safetyContext(s route.SafetySelection) (Context, error) {
	spec, safe := s.Spec()
	if !safe {
		return Context{}, errorf(Unimplemented, nil, "records are only used through safety routes")
	}
	return n.Context().WithSafety(spec)
}

func debugRecordCreate(n *Node, ctx context.Context, args []string) (string, error) {
	schema := DFLT(1)
	if text := arg(args, 0); text != "" {
		var err error
		if schema, err = readSchema(text); err != nil {
			return "", err
		}
	}
	kind, err := n.kindArg("debug_record_create", arg(args, 1))
	if err != nil {
		return "", err
	}
	c := n.Context()
	if text := arg(args, 2); text != "" {
		s, ok := n.readSafety(text)
		if !ok {
			return "", invalidArgument("debug_record_create", "safety", text)
		}
		if c, err = n.safetyContext(s); err != nil {
			return "", err
		}
	}
	r, err := c.CreateRecord(ctx, kind, schema, nil)
	if err != nil {
		return fmt.Sprintf("Can't create DHT record: %v", err), nil
	}
	n.debug.open(r.Key)
	owner := crypto.KeyPair{Public: r.Owner, Secret: r.OwnerSecret}
	return fmt.Sprintf("Created: %s %s\n%s", r.Key.Text(), owner.Text(), recordText(&r)), nil
}

func recordText(r *Record) string {
	schema, err := json.Marshal(r.Schema)
	if err != nil {
		schema = []byte(err.Error())
	}
	secret := "None"
	if !r.OwnerSecret.IsZero() {
		secret = "Some(" + r.OwnerSecret.Text() + ")"
	}
	return fmt.Sprintf("DHTRecordDescriptor { key: %s, owner: %v, owner_secret: %s, schema: %s }", r.Key.Text(), r.Owner, secret, schema)
}

func debugRecordOpen(n *Node, ctx context.Context, args []string) (string, error) {
	text, safety, some := strings.Cut(args[0], "+")
	key, err := crypto.Parse[crypto.RecordKey](text)
	if err != nil {
		return "", invalidArgument("debug_record_open", "key", text)
	}
	c := n.Context()
	if some {
		s, ok := n.readSafety(safety)
		if !ok {
			return "", invalidArgument("debug_record_open", "safety", safety)
		}
		if c, err = n.safetyContext(s); err != nil {
			return "", err
		}
	}
	writer, err := writerArg("debug_record_open", arg(args, 1))
	if err != nil {
		return "", err
	}
	r, err := c.OpenRecord(ctx, key, writer, OpenOptions{})
	if err != nil {
		return fmt.Sprintf("Can't open DHT record: %v", err), nil
	}
	n.debug.open(r.Key)
	return fmt.Sprintf("Opened: %s\n%s", r.Key.Text(), recordText(&r)), nil
}

// writerArg is a key pair, nil for no word. The error does not tell it.
func writerArg(command, text string) (*crypto.KeyPair, error) {
	if text == "" {
		return nil, nil
	}
	var pair crypto.KeyPair
	if err := pair.UnmarshalText([]byte(text)); err != nil {
		return nil, invalidArgument(command, "writer", "(not a key pair)")
	}
	return &pair, nil
}

// openRecord takes the key off the words, if it stands first: that of a record that
// is open. Else it is the record that was opened last, by this language if it opened
// any. fits says what else may stand first.
func (n *Node) openRecord(args []string, fits func(word string) bool) (key crypto.RecordKey, rest []string, err error) {
	open := map[crypto.OpaqueRecordKey]crypto.RecordKey{}
	var all []crypto.RecordKey
	for _, r := range n.dht.client.Records() {
		if r.Open != nil {
			open[r.Key] = r.Open.Key
			all = append(all, r.Open.Key)
		}
	}
	if word := arg(args, 0); word != "" {
		key, err := crypto.Parse[crypto.RecordKey](strings.SplitN(word, "+", 2)[0])
		_, looksLike := crypto.DecodeBase64(strings.TrimPrefix(word, n.crypto.Kinds().Best().String()+":"))
		if have, ok := open[key.Opaque]; err == nil && ok {
			return have, args[1:], nil
		}
		if err == nil || looksLike == nil && !fits(word) {
			return key, nil, missingArgument("key is not opened", "key")
		}
	}
	for _, k := range slices.Backward(n.debug.opening()) {
		if have, ok := open[k.Opaque]; ok {
			return have, args, nil
		}
	}
	if len(all) == 1 {
		return all[0], args, nil
	}
	return key, nil, missingArgument("no keys are opened", "key")
}

func isSubkey(word string) bool {
	_, err := strconv.ParseUint(word, 10, 32)
	return err == nil
}

func isSubkeys(word string) bool { _, ok := readSubkeys(word); return ok }

func subkeyArg(command string, args []string) (uint32, error) {
	text := arg(args, 0)
	if text == "" {
		return 0, missingArgument(command, "subkey")
	}
	k, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, invalidArgument(command, "subkey", text)
	}
	return uint32(k), nil
}

// subkeysArg is a list of ranges, nil for no word.
func subkeysArg(command, text string) ([]SubkeyRange, error) {
	if text == "" {
		return nil, nil
	}
	ranges, ok := readSubkeys(text)
	if !ok {
		return nil, invalidArgument(command, "subkeys", text)
	}
	return ranges, nil
}

// tooMany is an error for words that are left over.
func tooMany(command string, args []string, most int) error {
	if len(args) <= most {
		return nil
	}
	return invalidArgument(command, fmt.Sprintf("arg_%d", most+1), args[most])
}

func debugRecordClose(n *Node, ctx context.Context, args []string) (string, error) {
	key, rest, err := n.openRecord(args, func(string) bool { return false })
	if err == nil {
		err = tooMany("debug_record_close", rest, 0)
	}
	if err != nil {
		return "", err
	}
	if err := n.Context().CloseRecord(ctx, key); err != nil {
		return fmt.Sprintf("Can't close DHT record: %v", err), nil
	}
	n.debug.close(key.Opaque)
	return "Closed: " + key.Text(), nil
}

func valueText(v *Value) string {
	return fmt.Sprintf("ValueData { seq: %s, data: %q, writer: %v }", seqText(v.Seq), v.Data, v.Writer)
}

func debugRecordGet(n *Node, ctx context.Context, args []string) (string, error) {
	const command = "debug_record_get"
	key, rest, err := n.openRecord(args, isSubkey)
	if err != nil {
		return "", err
	}
	subkey, err := subkeyArg(command, rest)
	if err == nil {
		err = tooMany(command, rest, 2)
	}
	if err != nil {
		return "", err
	}
	if force := arg(rest, 1); force != "" && force != "force" {
		return "Unknown force: " + force, nil
	}
	v, err := n.Context().GetValue(ctx, key, subkey, arg(rest, 1) == "force")
	switch {
	case err != nil:
		return fmt.Sprintf("Can't get DHT value: %v", err), nil
	case v == nil:
		return "No value data returned", nil
	}
	return valueText(v), nil
}

func debugRecordSet(n *Node, ctx context.Context, args []string) (string, error) {
	const command = "debug_record_set"
	key, rest, err := n.openRecord(args, isSubkey)
	if err != nil {
		return "", err
	}
	subkey, err := subkeyArg(command, rest)
	if err != nil {
		return "", err
	}
	if len(rest) < 2 {
		return "", missingArgument(command, "data")
	}
	data, ok := readData(rest[1])
	if !ok {
		return "", invalidArgument(command, "data", rest[1])
	}
	o, err := n.setOptions(key, subkey, rest[2:])
	if err != nil {
		return "", err
	}
	v, err := n.Context().SetValue(ctx, key, subkey, data, o)
	switch {
	case err != nil:
		return fmt.Sprintf("Can't set DHT value: %v", err), nil
	case v != nil:
		return "Newer value found: " + valueText(v), nil
	}
	return "Success", nil
}

// setOptions reads [WRITER] [offline|online] [MINSEQ], each of which may be missing.
func (n *Node) setOptions(key crypto.RecordKey, subkey uint32, args []string) (o SetOptions, err error) {
	const command = "debug_record_set"
	for i, word := range args {
		switch {
		case word == "offline" || word == "true":
			o.NoOffline = false
		case word == "online" || word == "false":
			o.NoOffline = true
		case word == "max" || strings.HasPrefix(word, "max-") || isSubkey(word):
			seq, ok := readMinSeq(word)
			if !ok {
				return o, invalidArgument(command, "min_seqnum", word)
			}
			o.MinSeq = &seq
		case i == 0:
			if o.Writer, err = writerArg(command, word); err != nil {
				return o, err
			}
		default:
			return o, invalidArgument(command, "min_seqnum", word)
		}
	}
	return o, tooMany(command, args, 3)
}

// readMinSeq reads a number, max, or max-N, which leaves room for N writes.
func readMinSeq(text string) (uint32, bool) {
	less, isMax := strings.CutPrefix(text, "max")
	if !isMax {
		seq, err := strconv.ParseUint(text, 10, 32)
		return uint32(seq), err == nil && seq < math.MaxUint32
	}
	if less == "" {
		return NeverWritten - 1, true
	}
	by, err := strconv.ParseUint(strings.TrimPrefix(less, "-"), 10, 32)
	return NeverWritten - 1 - uint32(by), err == nil && by < math.MaxUint32
}

func debugRecordDelete(n *Node, ctx context.Context, args []string) (string, error) {
	key, err := crypto.Parse[crypto.RecordKey](args[0])
	if err != nil {
		return "", invalidArgument("debug_record_delete", "key", args[0])
	}
	if err := n.Context().DeleteRecord(ctx, key); err != nil {
		return fmt.Sprintf("Can't delete DHT record: %v", err), nil
	}
	n.debug.close(key.Opaque)
	return "DHT record deleted", nil
}

func debugRecordWatch(n *Node, ctx context.Context, args []string) (string, error) {
	const command = "debug_record_watch"
	key, rest, err := n.openRecord(args, isSubkeys)
	if err == nil {
		err = tooMany(command, rest, 3)
	}
	if err != nil {
		return "", err
	}
	ranges, err := subkeysArg(command, arg(rest, 0))
	if err != nil {
		return "", err
	}
	var expires time.Time
	if text := arg(rest, 1); text != "" {
		var ok bool
		if expires, ok = readMoment(text, time.Now()); !ok {
			return "", invalidArgument(command, "expiration", text)
		}
	}
	count := uint64(AnyNumber)
	if text := arg(rest, 2); text != "" {
		if count, err = strconv.ParseUint(text, 10, 32); err != nil {
			return "", invalidArgument(command, "count", text)
		}
	}
	on, err := n.Context().WatchValues(ctx, key, ranges, expires, uint32(count))
	switch {
	case err != nil:
		return fmt.Sprintf("Can't watch DHT value: %v", err), nil
	case !on:
		return "Failed to watch value", nil
	}
	return "Success", nil
}

func debugRecordCancel(n *Node, ctx context.Context, args []string) (string, error) {
	const command = "debug_record_cancel"
	key, rest, err := n.openRecord(args, isSubkeys)
	if err == nil {
		err = tooMany(command, rest, 1)
	}
	if err != nil {
		return "", err
	}
	ranges, err := subkeysArg(command, arg(rest, 0))
	if err != nil {
		return "", err
	}
	on, err := n.Context().CancelWatch(ctx, key, ranges)
	switch {
	case err != nil:
		return fmt.Sprintf("Can't cancel watch: %v", err), nil
	case on:
		return "Watch partially cancelled", nil
	}
	return "Watch cancelled", nil
}

// readScope reads what an inspection compares.
func readScope(text string) (Scope, bool) {
	for s := ScopeLocal; s <= ScopeUpdateSet; s++ {
		if strings.ToLower(s.String()) == text {
			return s, true
		}
	}
	return 0, false
}

func debugRecordInspect(n *Node, ctx context.Context, args []string) (string, error) {
	const command = "debug_record_inspect"
	key, rest, err := n.openRecord(args, func(word string) bool { _, ok := readScope(word); return ok || isSubkeys(word) })
	if err == nil {
		err = tooMany(command, rest, 2)
	}
	if err != nil {
		return "", err
	}
	scope := ScopeLocal
	if text := arg(rest, 0); text != "" {
		s, ok := readScope(text)
		switch {
		case ok:
			scope, rest = s, rest[1:]
		case !isSubkeys(text):
			return "", invalidArgument(command, "scope", text)
		}
	}
	ranges, err := subkeysArg(command, arg(rest, 0))
	if err != nil {
		return "", err
	}
	r, err := n.Context().InspectRecord(ctx, key, ranges, scope)
	if err != nil {
		return fmt.Sprintf("Can't inspect DHT record: %v", err), nil
	}
	return fmt.Sprintf("Success: report=DHTRecordReport {\n  subkeys: %s\n  offline_subkeys: %s\n  local_seqs: %s\n  remote_seqs: %s\n}\n",
		rangesText(r.Subkeys), rangesText(r.Offline), seqsText(r.LocalSeqs), seqsText(r.NetworkSeqs)), nil
}

func debugRecordRehydrate(n *Node, _ context.Context, args []string) (string, error) {
	const command = "debug_record_rehydrate"
	key, err := crypto.Parse[crypto.RecordKey](args[0])
	if err != nil {
		return "", invalidArgument(command, "key", args[0])
	}
	ranges, err := subkeysArg(command, arg(args, 1))
	if err != nil {
		return "", err
	}
	agree := uint64(dht.StockClientLimits().SetCount)
	if text := arg(args, 2); text != "" {
		if agree, err = strconv.ParseUint(text, 10, 8); err != nil || agree == 0 {
			return "", invalidArgument(command, "consensus_count", text)
		}
	}
	if !n.dht.client.RequestRehydrate(key.Opaque, ranges, int(agree)) {
		return fmt.Sprintf("Can't rehydrate DHT record: %v", &Error{Kind: KeyNotFound, Key: key.Opaque.String()}), nil
	}
	return "Request added", nil
}
