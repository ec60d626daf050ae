package jsonapi

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/voile-net/voile/core/crypto"
)

// The types of the record operations (spec 07 §1, §2.3, §2.4).

// DHTSchema says how many subkeys a record has and who writes them.
type DHTSchema struct {
	Kind    DHTSchemaKind
	OCnt    uint16                // subkeys of the owner
	Members []DHTSchemaSMPLMember // SMPL only
}

// DHTSchemaDFLT is the form of a schema whose owner writes everything.
type DHTSchemaDFLT struct {
	OCnt uint16 `json:"o_cnt"`
}

// DHTSchemaSMPL is the form of a schema with members.
type DHTSchemaSMPL struct {
	OCnt    uint16                `json:"o_cnt"`
	Members []DHTSchemaSMPLMember `json:"members"`
}

// DHTSchemaSMPLMember is a member of a schema, with its number of subkeys.
type DHTSchemaSMPLMember struct {
	MKey Bytes  `json:"m_key"` // 32 bytes, without a kind
	MCnt uint16 `json:"m_cnt"`
}

// MarshalJSON gives the form of the kind.
func (s DHTSchema) MarshalJSON() ([]byte, error) {
	if s.Kind == SMPL {
		members := s.Members
		if members == nil {
			members = []DHTSchemaSMPLMember{}
		}
		return json.Marshal(struct {
			Kind DHTSchemaKind `json:"kind"`
			DHTSchemaSMPL
		}{s.Kind, DHTSchemaSMPL{s.OCnt, members}})
	}
	return json.Marshal(struct {
		Kind DHTSchemaKind `json:"kind"`
		DHTSchemaDFLT
	}{s.Kind, DHTSchemaDFLT{s.OCnt}})
}

// UnmarshalJSON reads both forms.
func (s *DHTSchema) UnmarshalJSON(text []byte) error {
	var v struct {
		Kind DHTSchemaKind `json:"kind"`
		DHTSchemaSMPL
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	*s = DHTSchema{Kind: v.Kind, OCnt: v.OCnt, Members: v.Members}
	return nil
}

// DHTRecordDescriptor is a record that was created or opened.
type DHTRecordDescriptor struct {
	Key         RecordKey        `json:"key"`
	Owner       crypto.PublicKey `json:"owner"`
	OwnerSecret *SecretKey       `json:"owner_secret"` // nil: not known
	Schema      DHTSchema        `json:"schema"`
}

// ValueSeqNum is the sequence number of a value; [NoSeq] is null in JSON.
type ValueSeqNum uint32

// NoSeq: there is no value.
const NoSeq ValueSeqNum = math.MaxUint32

// MarshalJSON gives the number or null.
func (s ValueSeqNum) MarshalJSON() ([]byte, error) { return s.AppendJSON(nil), nil }

// AppendJSON appends the number or null.
func (s ValueSeqNum) AppendJSON(dst []byte) []byte {
	if s == NoSeq {
		return append(dst, "null"...)
	}
	return strconv.AppendUint(dst, uint64(s), 10)
}

// UnmarshalJSON reads a number or null.
func (s *ValueSeqNum) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*s = NoSeq
		return nil
	}
	return json.Unmarshal(text, (*uint32)(s))
}

// ValueData is a value of a subkey.
type ValueData struct {
	Seq    ValueSeqNum      `json:"seq"`
	Data   Bytes            `json:"data"`
	Writer crypto.PublicKey `json:"writer"`
}

// SubkeyRange is the subkeys from the first number to the second, both included.
type SubkeyRange [2]uint32

// ValueSubkeyRangeSet is a set of subkeys. In answers it is sorted, disjoint and
// merged; nil and empty are both [] there. In a request empty means all.
type ValueSubkeyRangeSet []SubkeyRange

// MarshalJSON gives [] for nil.
func (s ValueSubkeyRangeSet) MarshalJSON() ([]byte, error) { return s.AppendJSON(nil), nil }

// AppendJSON appends the set.
func (s ValueSubkeyRangeSet) AppendJSON(dst []byte) []byte {
	dst = append(dst, '[')
	for i, r := range s {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		dst = strconv.AppendUint(dst, uint64(r[0]), 10)
		dst = append(dst, ',')
		dst = strconv.AppendUint(dst, uint64(r[1]), 10)
		dst = append(dst, ']')
	}
	return append(dst, ']')
}

// Contains reports whether a subkey is in the set.
func (s ValueSubkeyRangeSet) Contains(subkey uint32) bool {
	for _, r := range s {
		if r[0] <= subkey && subkey <= r[1] {
			return true
		}
	}
	return false
}

// DHTRecordReport is what an inspection has found. The sequence numbers run over
// Subkeys in order.
type DHTRecordReport struct {
	Subkeys        ValueSubkeyRangeSet `json:"subkeys"`
	OfflineSubkeys ValueSubkeyRangeSet `json:"offline_subkeys"` // not yet written to the network
	LocalSeqs      []ValueSeqNum       `json:"local_seqs"`
	NetworkSeqs    []ValueSeqNum       `json:"network_seqs"`
}

// SetDHTValueOptions are the options of SetDhtValue; nil fields ask for the default.
type SetDHTValueOptions struct {
	Writer       *KeyPair     `json:"writer"`        // nil: that of the opening
	AllowOffline *bool        `json:"allow_offline"` // nil: true
	MinSeqnum    *ValueSeqNum `json:"min_seqnum"`    // nil: the next one
}

// OpenDHTRecordOptions are the options of OpenDhtRecord.
type OpenDHTRecordOptions struct {
	Rehydrate *bool `json:"rehydrate"` // nil: true
}

// DHTTransactionSetValueOptions are the options of DhtTransaction.Set.
type DHTTransactionSetValueOptions struct {
	Writer    *KeyPair     `json:"writer"`
	MinSeqnum *ValueSeqNum `json:"min_seqnum"`
}

// TransactDHTRecordsOptions are the options of TransactDhtRecords and Extend.
type TransactDHTRecordsOptions struct {
	DefaultSigningKeypair *KeyPair `json:"default_signing_keypair"` // nil: the node's own
}
