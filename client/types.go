package client

import (
	"encoding"
	"errors"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core/crypto"
)

// The types of the API, under the names that programs use; package jsonapi
// describes their fields.
type (
	// Error is a failure that the node reported. Its kinds compare with errors.Is,
	// its fields are found with errors.As: see "Errors".
	Error = jsonapi.VeilidAPIError
	// ErrorKind is what went wrong.
	ErrorKind = jsonapi.ErrorKind

	// Update is something that was told without being asked: a pointer to one of
	// the types below, Connected or Disconnected.
	Update          = jsonapi.Update
	Log             = jsonapi.VeilidLog             // a line of the node's log
	AppMessage      = jsonapi.VeilidAppMessage      // a message of another application
	AppCall         = jsonapi.VeilidAppCall         // a question; answer it with Client.AppCallReply
	AttachmentState = jsonapi.VeilidStateAttachment // how well the node is attached
	NetworkState    = jsonapi.VeilidStateNetwork    // peers and bandwidth, every second
	ConfigState     = jsonapi.VeilidStateConfig     // the configuration has changed
	RouteChange     = jsonapi.VeilidRouteChange     // private routes have died
	ValueChange     = jsonapi.VeilidValueChange     // a watched record has changed
	ShutdownUpdate  = jsonapi.ShutdownUpdate        // the node stops

	// State is everything about a node at once.
	State = jsonapi.VeilidState
	// Peer is one peer of a NetworkState.
	Peer = jsonapi.PeerTableData
	// Config is the configuration of a node.
	Config = jsonapi.VeilidConfig
	// Condition is what Client.WaitForAttachmentCondition waits for.
	Condition = jsonapi.VeilidStateAttachmentCondition
	// Version is the version of the API.
	Version = jsonapi.VeilidVersion

	Stability       = jsonapi.Stability       // what routes are chosen for
	Sequencing      = jsonapi.Sequencing      // whether messages keep their order
	SafetySelection = jsonapi.SafetySelection // how a context hides its node
	SafetySpec      = jsonapi.SafetySpec      // the hidden sort of it
	PrivateSpec     = jsonapi.PrivateSpec     // what a private route shall be
	RouteBlob       = jsonapi.RouteBlob       // a private route to hand to others
	Target          = jsonapi.Target          // receiver of a message; see ToRoute

	Schema           = jsonapi.DHTSchema           // subkeys and writers of a record; see DFLT
	Record           = jsonapi.DHTRecordDescriptor // a record that was created or opened
	Value            = jsonapi.ValueData           // value of a subkey
	SeqNum           = jsonapi.ValueSeqNum         // version of a value
	Subkeys          = jsonapi.ValueSubkeyRangeSet // set of subkeys; see Range
	Report           = jsonapi.DHTRecordReport     // what an inspection found
	Scope            = jsonapi.DHTReportScope      // what an inspection looks at
	SetOptions       = jsonapi.SetDHTValueOptions
	OpenOptions      = jsonapi.OpenDHTRecordOptions
	TxSetOptions     = jsonapi.DHTTransactionSetValueOptions
	TransactOptions  = jsonapi.TransactDHTRecordsOptions
	KeyPair          = jsonapi.KeyPair
	SecretKey        = jsonapi.SecretKey
	SharedSecret     = jsonapi.SharedSecret
	DecapsulationKey = jsonapi.DecapsulationKey
	KEMKeyPair       = jsonapi.KEMKeyPair
	RecordKey        = jsonapi.RecordKey
	CallID           = jsonapi.OperationID
)

// Connected: requests can be made. After the first one the objects of an earlier
// connection are gone: see "Reconnecting".
type Connected struct{ Address Address }

// Disconnected: the connection was lost, or an attempt to make one has failed.
type Disconnected struct {
	Err     error
	RetryIn time.Duration // until the next attempt; 0: there is none
}

// Kinds of updates about the connection, beside those of the API.
const (
	UpdateConnected    jsonapi.UpdateKind = "Connected"
	UpdateDisconnected jsonapi.UpdateKind = "Disconnected"
)

// UpdateKind is UpdateConnected.
func (*Connected) UpdateKind() jsonapi.UpdateKind { return UpdateConnected }

// UpdateKind is UpdateDisconnected.
func (*Disconnected) UpdateKind() jsonapi.UpdateKind { return UpdateDisconnected }

// parseUpdate reads an update; nil: one of a kind that a newer server has.
func parseUpdate(line []byte) (Update, error) {
	u, err := jsonapi.ParseUpdate(line)
	var unknown *jsonapi.ErrUnknownUpdate
	if errors.As(err, &unknown) {
		return nil, nil
	}
	return u, err
}

// DFLT is the schema of a record whose owner writes all subkeys.
func DFLT(subkeys uint16) Schema { return Schema{Kind: jsonapi.DFLT, OCnt: subkeys} }

// Member is a writer of a record with some subkeys of its own.
type Member struct {
	ID      crypto.MemberID
	Subkeys uint16
}

// SMPL is the schema of a record with members; their subkeys follow the owner's in
// the order given.
func SMPL(owner uint16, members ...Member) Schema {
	s := Schema{Kind: jsonapi.SMPL, OCnt: owner}
	for _, m := range members {
		s.Members = append(s.Members, jsonapi.DHTSchemaSMPLMember{MKey: m.ID.Value[:], MCnt: m.Subkeys})
	}
	return s
}

// Range is the set of the subkeys from first to last, both included.
func Range(first, last uint32) Subkeys { return Subkeys{{first, last}} }

// ToRoute is an imported private route as the receiver of a message.
func ToRoute(id crypto.RouteID) Target { return jsonapi.ToRoute(id) }

// Safe is the selection of a safety route; zero fields are the node's defaults.
func Safe(spec SafetySpec) SafetySelection { return SafetySelection{Safe: &spec} }

// Parse reads the text of a key, an id or a secret, such as a RecordKey.
func Parse[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](text string) (T, error) {
	var v T
	err := P(&v).UnmarshalText([]byte(text))
	return v, err
}
