package bind

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
	"github.com/voile-net/voile/core/wire"
)

// The parameters and results of operations on records (spec 07 §1, §2.3).

// schemaParam is a DHTSchema in a request. Its form was right; a member's key may
// have a wrong length, which is an error of the operation.
type schemaParam struct {
	schema core.Schema
	length *int // of the first member key that is not of 32 bytes; nil: all are
}

func readSchema(p *params) (s schemaParam) {
	owners := req(p, "o_cnt", u16)
	switch req(p, "kind", text) {
	case "DFLT":
		s.schema = core.DFLT(owners)
	case "SMPL":
		members := []core.Member{}
		for _, m := range req(p, "members", list(object(readMember))) {
			if len(m.key) != crypto.ValueSize {
				if s.length == nil {
					n := len(m.key)
					s.length = &n
				}
				continue
			}
			member := core.Member{Count: m.count}
			copy(member.Key[:], m.key)
			members = append(members, member)
		}
		s.schema = core.SMPL(owners, members...)
	default:
		p.fail("kind", errors.New("neither DFLT nor SMPL"))
	}
	return s
}

type memberParam struct {
	key   []byte
	count uint16
}

func readMember(p *params) memberParam {
	return memberParam{req(p, "m_key", payload), req(p, "m_cnt", u16)}
}

// get is the schema, or what rule it breaks.
func (s schemaParam) get() (core.Schema, error) {
	if s.length != nil {
		return core.Schema{}, invalidArgument("member hash digest is wrong size", "m_key.len()", strconv.Itoa(*s.length))
	}
	var broken *dht.SchemaError
	if errors.As(s.schema.Validate(), &broken) {
		return core.Schema{}, invalidArgument(broken.Context, broken.Argument, broken.Value)
	}
	return s.schema, nil
}

// readSigner reads TransactDHTRecordsOptions.
func readSigner(p *params) *keyText[crypto.KeyPair] {
	return opt(p, "default_signing_keypair", pair[crypto.KeyPair])
}

// some is the value of a key that may be missing; nil: it is.
func some[T any](k *keyText[T]) (*T, error) {
	if k == nil {
		return nil, nil
	}
	v, err := k.get()
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// signerOf is the key pair of options, nil: none.
func signerOf(options **keyText[crypto.KeyPair]) (*crypto.KeyPair, error) {
	if options == nil {
		return nil, nil
	}
	return some(*options)
}

// setOptions reads SetDHTValueOptions.
func setOptions(p *params) core.SetOptions {
	o := setOptionsInTransaction(p)
	allow := opt(p, "allow_offline", boolean)
	o.NoOffline = allow != nil && !*allow
	return o
}

// setOptionsInTransaction reads DHTTransactionSetValueOptions.
func setOptionsInTransaction(p *params) core.SetOptions {
	o := core.SetOptions{MinSeq: opt(p, "min_seqnum", u32)}
	if w := opt(p, "writer", pair[crypto.KeyPair]); w != nil {
		o.Writer = &w.value
		if w.length != nil { // nobody, whom no schema lets write: the error is that one
			o.Writer = new(crypto.KeyPair)
		}
	}
	return o
}

// subkeys reads a ValueSubkeyRangeSet that may be missing. Its ranges may overlap,
// and those that end before they begin are empty.
func subkeys(p *params) []core.SubkeyRange {
	if ranges := opt(p, "subkeys", list(subkeyRange)); ranges != nil {
		return *ranges
	}
	return nil
}

// subkeyRange reads [from,to], inclusive at both ends.
func subkeyRange(raw []byte) (r core.SubkeyRange, err error) {
	both, err := list(u32)(raw)
	switch {
	case err != nil:
		return r, err
	case len(both) != 2:
		return r, errRange
	}
	return core.SubkeyRange{Start: both[0], End: both[1]}, nil
}

// scope reads a DHTReportScope. A missing one is Local, as in the published schema
// (spec 07 §5.6).
func scope(p *params) core.Scope {
	return omit(p, "scope", enum(map[string]core.Scope{
		"Local": core.ScopeLocal, "SyncGet": core.ScopeSyncGet, "SyncSet": core.ScopeSyncSet,
		"UpdateGet": core.ScopeUpdateGet, "UpdateSet": core.ScopeUpdateSet,
	}), core.ScopeLocal)
}

// expiration reads a Timestamp that may be missing; zero, as 0 is: never.
func expiration(p *params) time.Time {
	t := opt(p, "expiration", decimal)
	if t == nil || *t == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(min(*t, math.MaxInt64)))
}

// milliseconds is a time limit; negative: none.
func milliseconds(ms *uint64) time.Duration {
	if ms == nil {
		return -1
	}
	return time.Duration(min(*ms, uint64(math.MaxInt64/time.Millisecond))) * time.Millisecond
}

type recordJSON struct {
	Key         string           `json:"key"`
	Owner       crypto.PublicKey `json:"owner"`
	OwnerSecret *string          `json:"owner_secret"`
	Schema      core.Schema      `json:"schema"`
}

func recordOf(r core.Record) recordJSON {
	j := recordJSON{Key: r.Key.Text(), Owner: r.Owner, Schema: r.Schema}
	if !r.OwnerSecret.IsZero() {
		secret := r.OwnerSecret.Text()
		j.OwnerSecret = &secret
	}
	return j
}

type reportJSON struct {
	Subkeys     []rangeJSON `json:"subkeys"`
	Offline     []rangeJSON `json:"offline_subkeys"`
	LocalSeqs   []seqJSON   `json:"local_seqs"`
	NetworkSeqs []seqJSON   `json:"network_seqs"`
}

type rangeJSON [2]uint32

// seqJSON is a sequence number; none is null.
type seqJSON uint32

// MarshalJSON gives the number or null.
func (s seqJSON) MarshalJSON() ([]byte, error) {
	if uint32(s) == wire.SeqNone {
		return []byte("null"), nil
	}
	return strconv.AppendUint(nil, uint64(s), 10), nil
}

func reportOf(r core.Report) reportJSON {
	return reportJSON{rangesOf(r.Subkeys), rangesOf(r.Offline), seqsOf(r.LocalSeqs), seqsOf(r.NetworkSeqs)}
}

func rangesOf(ranges []core.SubkeyRange) []rangeJSON {
	list := make([]rangeJSON, len(ranges))
	for i, r := range ranges {
		list[i] = rangeJSON{r.Start, r.End}
	}
	return list
}

func seqsOf(seqs []uint32) []seqJSON {
	list := make([]seqJSON, len(seqs))
	for i, s := range seqs {
		list[i] = seqJSON(s)
	}
	return list
}

// appendRecordValue writes a ValueData; nil: null.
func appendRecordValue(dst []byte, v *core.Value) ([]byte, error) {
	if v == nil {
		return append(dst, "null"...), nil
	}
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, uint64(v.Seq), 10)
	dst = append(dst, `,"data":`...)
	dst = appendData(dst, v.Data)
	dst = append(dst, `,"writer":"`...)
	dst, err := v.Writer.AppendText(dst)
	return append(dst, `"}`...), err
}

// recordValue is a ValueData or null in a struct.
type recordValue struct{ value *core.Value }

// MarshalJSON gives the value or null.
func (v recordValue) MarshalJSON() ([]byte, error) { return appendRecordValue(nil, v.value) }

type valueChangeUpdate struct {
	updateHead
	Key     string      `json:"key"`
	Subkeys []rangeJSON `json:"subkeys"`
	Count   uint32      `json:"count"`
	Value   recordValue `json:"value"`
}

func valueChangeOf(c core.ValueChange) valueChangeUpdate {
	return valueChangeUpdate{head("ValueChange"), c.Key.Text(), rangesOf(c.Subkeys), c.Count, recordValue{c.Value}}
}
