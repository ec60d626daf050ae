package api

import (
	"context"
	"encoding/json"
)

// Schema is a DHTSchema (spec 07 §5.6).
type Schema struct {
	Kind       string   `json:"kind"` // DFLT or SMPL
	OwnerCount int      `json:"o_cnt"`
	Members    []Member `json:"members,omitempty"` // SMPL
}

// Member is a writer of an SMPL record.
type Member struct {
	Key   string `json:"m_key"` // without the kind
	Count int    `json:"m_cnt"`
}

// Record is a DHTRecordDescriptor.
type Record struct {
	Key         string  `json:"key"`
	Owner       string  `json:"owner"`
	OwnerSecret *string `json:"owner_secret"`
	Schema      Schema  `json:"schema"`
}

// Value is a ValueData.
type Value struct {
	Seq    uint32 `json:"seq"`
	Data   Bytes  `json:"data"`
	Writer string `json:"writer"`
}

// Report is a DHTRecordReport; a nil number is a subkey that was never written.
type Report struct {
	Subkeys        [][2]uint32 `json:"subkeys"`
	OfflineSubkeys [][2]uint32 `json:"offline_subkeys"`
	LocalSeqs      []*uint32   `json:"local_seqs"`
	NetworkSeqs    []*uint32   `json:"network_seqs"`
}

// ValueChange is an update of a watched record.
type ValueChange struct {
	Key     string      `json:"key"`
	Subkeys [][2]uint32 `json:"subkeys"`
	Count   uint32      `json:"count"`
	Value   *Value      `json:"value"`
}

// ValueChangeOf reads an update of the kind ValueChange.
func ValueChangeOf(u Update) (c ValueChange, ok bool) {
	if u.Kind != "ValueChange" {
		return c, false
	}
	return c, json.Unmarshal(u.Raw, &c) == nil
}

// KeyPair makes the key pair of a writer, as public:secret.
func (c *Client) KeyPair(ctx context.Context) (string, error) {
	id, err := value[uint32](ctx, c, "GetCryptoSystem", map[string]any{"kind": "VLD0"})
	if err != nil {
		return "", err
	}
	return value[string](ctx, c, "CryptoSystem", map[string]any{"cs_id": id, "cs_op": "GenerateKeyPair"})
}

// CreateDHTRecord makes a record with an owner of its own.
func (r *RoutingContext) CreateDHTRecord(ctx context.Context, s Schema) (Record, error) {
	return value[Record](ctx, r.client, "RoutingContext", r.params("CreateDhtRecord", map[string]any{"kind": "VLD0", "schema": s}))
}

// OpenDHTRecord opens a record; writer "": for reading.
func (r *RoutingContext) OpenDHTRecord(ctx context.Context, key, writer string) (Record, error) {
	p := map[string]any{"key": key}
	if writer != "" {
		p["writer"] = writer
	}
	return value[Record](ctx, r.client, "RoutingContext", r.params("OpenDhtRecord", p))
}

// CloseDHTRecord closes a record.
func (r *RoutingContext) CloseDHTRecord(ctx context.Context, key string) error {
	return r.client.plain(ctx, "RoutingContext", r.params("CloseDhtRecord", map[string]any{"key": key}))
}

// GetDHTValue reads a subkey; nil: never written.
func (r *RoutingContext) GetDHTValue(ctx context.Context, key string, subkey uint32, refresh bool) (*Value, error) {
	return value[*Value](ctx, r.client, "RoutingContext", r.params("GetDhtValue", map[string]any{
		"key": key, "subkey": subkey, "force_refresh": refresh,
	}))
}

// SetDHTValue writes a subkey, failing rather than writing later; not nil: the
// network has a newer one.
func (r *RoutingContext) SetDHTValue(ctx context.Context, key string, subkey uint32, data []byte) (*Value, error) {
	return value[*Value](ctx, r.client, "RoutingContext", r.params("SetDhtValue", map[string]any{
		"key": key, "subkey": subkey, "data": Bytes(data),
		"options": map[string]any{"writer": nil, "allow_offline": false},
	}))
}

// WatchDHTValues watches all subkeys without end.
func (r *RoutingContext) WatchDHTValues(ctx context.Context, key string) (bool, error) {
	return value[bool](ctx, r.client, "RoutingContext", r.params("WatchDhtValues", map[string]any{"key": key}))
}

// InspectDHTRecord compares all subkeys.
func (r *RoutingContext) InspectDHTRecord(ctx context.Context, key, scope string) (Report, error) {
	return value[Report](ctx, r.client, "RoutingContext", r.params("InspectDhtRecord", map[string]any{"key": key, "scope": scope}))
}

// Transaction is a transaction over records.
type Transaction struct {
	client *Client
	id     uint32
}

// TransactDHTRecords begins a transaction.
func (c *Client) TransactDHTRecords(ctx context.Context, keys ...string) (*Transaction, error) {
	id, err := value[uint32](ctx, c, "TransactDhtRecords", map[string]any{"record_keys": keys})
	if err != nil {
		return nil, err
	}
	return &Transaction{c, id}, nil
}

func (t *Transaction) params(op string, more map[string]any) map[string]any {
	p := map[string]any{"dhttx_id": t.id, "dhttx_op": op}
	for k, v := range more {
		p[k] = v
	}
	return p
}

// Get reads a subkey as it was at the beginning.
func (t *Transaction) Get(ctx context.Context, key string, subkey uint32) (*Value, error) {
	return value[*Value](ctx, t.client, "DhtTransaction", t.params("Get", map[string]any{"key": key, "subkey": subkey}))
}

// Set writes a subkey with the commit.
func (t *Transaction) Set(ctx context.Context, key string, subkey uint32, data []byte) (*Value, error) {
	return value[*Value](ctx, t.client, "DhtTransaction", t.params("Set", map[string]any{
		"key": key, "subkey": subkey, "data": Bytes(data),
	}))
}

// Commit writes everything.
func (t *Transaction) Commit(ctx context.Context) error {
	return t.client.plain(ctx, "DhtTransaction", t.params("Commit", nil))
}

// Rollback writes nothing.
func (t *Transaction) Rollback(ctx context.Context) error {
	return t.client.plain(ctx, "DhtTransaction", t.params("Rollback", nil))
}
