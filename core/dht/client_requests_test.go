package dht

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/voile-net/voile/core/crypto"
	"github.com/voile-net/voile/core/wire"
)

// request is the union of what requests of the transcripts have.
type request struct {
	Op            string
	RCOp          string `json:"rc_op"`
	TxID          int    `json:"dhttx_id"`
	TxOp          string `json:"dhttx_op"`
	Kind          string
	Key           string
	RecordKeys    []string `json:"record_keys"`
	Schema        json.RawMessage
	Owner, Writer *string
	Subkey        uint32
	Subkeys       [][2]uint32
	Data          string
	Refresh       bool `json:"force_refresh"`
	Scope         string
	Count         *uint32
	Expiration    *string
	TimeoutMS     *int64 `json:"timeout_ms"`
	Options       *struct {
		Writer       *string
		AllowOffline *bool   `json:"allow_offline"`
		MinSeq       *uint32 `json:"min_seqnum"`
		Rehydrate    *bool
		Signer       *string `json:"default_signing_keypair"`
	}
}

// errUntyped is a request that does not become typed arguments: the binding refuses
// it before a client sees it.
var errUntyped = errors.New("not a matter of the client")

func parsed[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](text *string) (*T, error) {
	if text == nil {
		return nil, nil
	}
	var v T
	if P(&v).UnmarshalText([]byte(*text)) != nil {
		return nil, errUntyped
	}
	return &v, nil
}

func ranges(list [][2]uint32) []wire.SubkeyRange {
	var out []wire.SubkeyRange
	for _, r := range list {
		out = append(out, wire.SubkeyRange{Start: r[0], End: r[1]})
	}
	return out
}

func valueJSON(v *Value) any {
	if v == nil {
		return nil
	}
	return map[string]any{"seq": v.Seq, "data": crypto.EncodeBase64(v.Data), "writer": v.Writer.String()}
}

func seqsJSON(seqs []uint32) any {
	list := make([]any, len(seqs))
	for i, s := range seqs {
		if s != wire.SeqNone {
			list[i] = s
		}
	}
	return list
}

func reportJSON(r Report) any {
	return map[string]any{
		"subkeys": rangesText(r.Subkeys), "offline_subkeys": rangesText(r.Offline),
		"local_seqs": seqsJSON(r.LocalSeqs), "network_seqs": seqsJSON(r.NetworkSeqs),
	}
}

func descriptorJSON(r RecordDescriptor) any {
	d := map[string]any{"key": r.Key.Text(), "owner": r.Owner.String(), "owner_secret": nil, "schema": r.Schema}
	if !r.OwnerSecret.IsZero() {
		d["owner_secret"] = r.OwnerSecret.Text()
	}
	return d
}

func errorJSON(err error) any {
	var e *ClientError
	if !errors.As(err, &e) {
		return map[string]any{"kind": "untyped", "message": err.Error()}
	}
	m := map[string]any{"kind": string(e.Kind)}
	switch e.Kind {
	case InvalidArgument:
		m["context"], m["argument"], m["value"] = e.Context, e.Argument, e.Value
	case MissingArgument:
		m["context"], m["argument"] = e.Context, e.Argument
	case KeyNotFound:
		m["key"] = e.Key
	case ParseError:
		m["message"], m["value"] = e.Message, e.Value
	default:
		m["message"] = e.Message
	}
	return m
}

func normal(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

func scopeOf(name string) Scope {
	for s := ScopeLocal; s <= ScopeUpdateSet; s++ {
		if s.String() == name {
			return s
		}
	}
	return ScopeLocal
}

func (p *player) key(text string) (crypto.RecordKey, error) {
	key, err := parsed[crypto.RecordKey](&text)
	if err != nil {
		return crypto.RecordKey{}, err
	}
	return *key, nil
}

func (p *player) keys(texts []string) ([]crypto.RecordKey, error) {
	var keys []crypto.RecordKey
	for _, text := range texts {
		key, err := p.key(text)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func expand(text string) string {
	if strings.HasPrefix(text, "<A*") {
		var n int
		if _, err := fmt.Sscanf(text, "<A*%d>", &n); err == nil {
			return strings.Repeat("A", n)
		}
	}
	return text
}

func (p *player) setOptions(q *request) (o SetOptions, err error) {
	if q.Options == nil {
		return o, nil
	}
	o.Writer, err = parsed[crypto.KeyPair](q.Options.Writer)
	o.NoOffline = q.Options.AllowOffline != nil && !*q.Options.AllowOffline
	o.MinSeq = q.Options.MinSeq
	return o, err
}
