package bind

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/dht"
)

// The parameters and results of operations on records (spec 07 §1, §2.3).

// schemaParam is a DHTSchema in a request. Its form was right; a member's key may
// have a wrong length, which is an error of the operation.
type schemaParam struct {
	schema core.Schema
	length *int // of the first member key that is not of 32 bytes; nil: all are
}

func schema() reader[schemaParam] { return object[jsonapi.DHTSchema](readSchema) }

func readSchema(p *params) (s schemaParam) {
	owners := req(p, "o_cnt", u16())
	switch req(p, "kind", text()) {
	case "DFLT":
		s.schema = core.DFLT(owners)
	case "SMPL":
		members := []core.Member{}
		for _, m := range req(p, "members", list(object[jsonapi.DHTSchemaSMPLMember](readMember))) {
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
	return memberParam{req(p, "m_key", as[jsonapi.Bytes](readBase64)), req(p, "m_cnt", u16())}
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

// transactOptions reads TransactDHTRecordsOptions.
func transactOptions() reader[*keyText[crypto.KeyPair]] {
	return object[jsonapi.TransactDHTRecordsOptions](func(p *params) *keyText[crypto.KeyPair] {
		return opt(p, "default_signing_keypair", pair())
	})
}

// openOptions reads OpenDHTRecordOptions.
func openOptions() reader[core.OpenOptions] {
	return object[jsonapi.OpenDHTRecordOptions](func(p *params) core.OpenOptions {
		rehydrate := opt(p, "rehydrate", boolean())
		return core.OpenOptions{NoRehydrate: rehydrate != nil && !*rehydrate}
	})
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
func setOptions() reader[core.SetOptions] {
	return object[jsonapi.SetDHTValueOptions](func(p *params) core.SetOptions {
		o := readSetOptions(p)
		allow := opt(p, "allow_offline", boolean())
		o.NoOffline = allow != nil && !*allow
		return o
	})
}

// transactionSetOptions reads DHTTransactionSetValueOptions.
func transactionSetOptions() reader[core.SetOptions] {
	return object[jsonapi.DHTTransactionSetValueOptions](readSetOptions)
}

func readSetOptions(p *params) core.SetOptions {
	o := core.SetOptions{MinSeq: opt(p, "min_seqnum", as[jsonapi.ValueSeqNum](readU32))}
	if w := opt(p, "writer", pair()); w != nil {
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
	if ranges := opt(p, "subkeys", subkeyRanges()); ranges != nil {
		return *ranges
	}
	return nil
}

func subkeyRanges() reader[[]core.SubkeyRange] {
	ranges := list(as[jsonapi.SubkeyRange](readSubkeyRange))
	ranges.json = reflect.TypeFor[jsonapi.ValueSubkeyRangeSet]
	return ranges
}

// readSubkeyRange reads [from,to], inclusive at both ends.
func readSubkeyRange(raw []byte) (r core.SubkeyRange, err error) {
	both, err := list(u32()).read(nil, raw)
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
	return omit(p, "scope", as[jsonapi.DHTReportScope](readScope), core.ScopeLocal)
}

func readScope(raw []byte) (core.Scope, error) {
	b, err := plain(raw)
	if err != nil {
		return 0, err
	}
	switch jsonapi.DHTReportScope(b) {
	case jsonapi.ScopeLocal:
		return core.ScopeLocal, nil
	case jsonapi.ScopeSyncGet:
		return core.ScopeSyncGet, nil
	case jsonapi.ScopeSyncSet:
		return core.ScopeSyncSet, nil
	case jsonapi.ScopeUpdateGet:
		return core.ScopeUpdateGet, nil
	case jsonapi.ScopeUpdateSet:
		return core.ScopeUpdateSet, nil
	}
	return 0, unknownName(b)
}

// expiration reads a Timestamp that may be missing; zero, as 0 is: never.
func expiration(p *params) time.Time {
	t := opt(p, "expiration", decimal[jsonapi.Timestamp]())
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

func recordOf(r core.Record) jsonapi.DHTRecordDescriptor {
	d := jsonapi.DHTRecordDescriptor{Key: jsonapi.RecordKey{RecordKey: r.Key}, Owner: r.Owner, Schema: schemaOf(r.Schema)}
	if !r.OwnerSecret.IsZero() {
		d.OwnerSecret = &jsonapi.SecretKey{SecretKey: r.OwnerSecret}
	}
	return d
}

func schemaOf(s core.Schema) jsonapi.DHTSchema {
	if s.Kind == dht.KindDFLT {
		return jsonapi.DHTSchema{Kind: jsonapi.DFLT, OCnt: s.OwnerCount}
	}
	members := make([]jsonapi.DHTSchemaSMPLMember, len(s.Members))
	for i, m := range s.Members {
		members[i] = jsonapi.DHTSchemaSMPLMember{MKey: m.Key[:], MCnt: m.Count}
	}
	return jsonapi.DHTSchema{Kind: jsonapi.SMPL, OCnt: s.OwnerCount, Members: members}
}

func reportOf(r core.Report) jsonapi.DHTRecordReport {
	return jsonapi.DHTRecordReport{
		Subkeys: rangesOf(r.Subkeys), OfflineSubkeys: rangesOf(r.Offline),
		LocalSeqs: seqsOf(r.LocalSeqs), NetworkSeqs: seqsOf(r.NetworkSeqs),
	}
}

func rangesOf(ranges []core.SubkeyRange) jsonapi.ValueSubkeyRangeSet {
	set := make(jsonapi.ValueSubkeyRangeSet, len(ranges))
	for i, r := range ranges {
		set[i] = jsonapi.SubkeyRange{r.Start, r.End}
	}
	return set
}

func seqsOf(seqs []uint32) []jsonapi.ValueSeqNum {
	list := make([]jsonapi.ValueSeqNum, len(seqs))
	for i, s := range seqs {
		list[i] = jsonapi.ValueSeqNum(s)
	}
	return list
}
