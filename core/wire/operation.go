package wire

import (
	"net/netip"

	"github.com/voile-net/voile/core/crypto"
)

// Operation is one RPC message (spec 03 §1.2). Body is a *Question, a
// *Statement or an *Answer.
type Operation struct {
	OpID             uint64
	SenderPeerInfo   *PeerInfo        // nil: not sent
	TargetNodeInfoTS crypto.Timestamp // 0: unknown
	Body             Body
}

// Body is what an operation is: a *Question, a *Statement or an *Answer.
type Body interface{ body() }

// Question wants one answer.
type Question struct {
	RespondTo *PrivateRoute // nil: answer straight back to the sender
	Detail    QuestionDetail
}

// Statement wants no answer.
type Statement struct{ Detail StatementDetail }

// Answer carries the operation id of its question.
type Answer struct{ Detail AnswerDetail }

func (*Question) body()  {}
func (*Statement) body() {}
func (*Answer) body()    {}

// QuestionDetail is one of *StatusQ, *FindNodeQ, *AppCallQ, *GetValueQ,
// *SetValueQ, *WatchValueQ, *InspectValueQ, *TransactBeginQ, *TransactCommandQ.
type QuestionDetail interface{ question() }

// AnswerDetail is one of *StatusA, *FindNodeA, *AppCallA, *GetValueA,
// *SetValueA, *WatchValueA, *InspectValueA, *TransactBeginA, *TransactCommandA.
type AnswerDetail interface{ answer() }

// StatementDetail is one of *ValidateDialInfo, *Route, *Signal,
// *ReturnReceipt, *AppMessage, *ValueChanged.
type StatementDetail interface{ statement() }

// MTUProbe asks for an answer that fills a datagram (spec 03 §5.9, §6.1).
type MTUProbe struct {
	Size    uint16 // datagram payload bytes, 576..1500
	Padding []byte // at most 1500 bytes
}

// StatusQ asks whether a node is alive.
type StatusQ struct {
	NodeStatus bool // the (empty) NodeStatus struct is present
	Probe      *MTUProbe
}

// StatusA answers StatusQ.
type StatusA struct {
	NodeStatus bool
	SenderAddr netip.AddrPort // SenderInfo; zero: absent
	Probe      *MTUProbe
}

// DefaultMaxPeers is what an absent FanoutConfig means (spec 03 §5.8).
const DefaultMaxPeers = 20

// FindNodeQ asks for the nodes closest to a point (spec 03 §6.2).
type FindNodeQ struct {
	NodeID       crypto.NodeID
	Capabilities []Capability // all required
	MaxPeers     uint32       // FanoutConfig; always written
}

// FindNodeA answers FindNodeQ.
type FindNodeA struct{ Peers []*PeerInfo }

// AppCallQ is a call of an application.
type AppCallQ struct{ Message []byte }

// AppCallA answers AppCallQ.
type AppCallA struct{ Message []byte }

// AppMessage is a message of an application.
type AppMessage struct{ Message []byte }

// SubkeyRange is inclusive at both ends.
type SubkeyRange struct{ Start, End uint32 }

// SeqNone is the sequence number of a subkey never written.
const SeqNone uint32 = 0xFFFFFFFF

// SubkeyAbsent stands for no subkey in transaction commands (spec 03 §6.10).
const SubkeyAbsent uint32 = 0xFFFFFFFF

// ValueData is a stored value, encrypted when Nonce is set (spec 03 §2.5).
type ValueData struct {
	Seq    uint32
	Data   []byte
	Writer crypto.PublicKey
	Nonce  *crypto.Nonce // nil: not encrypted
}

// SignedValueData is a value with the writer's signature. Blob is the exact
// encoding of Value by the rules of spec 03 §2.5, rebuilt by the decoder.
type SignedValueData struct {
	Value     ValueData
	Blob      []byte
	Signature crypto.Signature
}

// SignedValueDescriptor describes a record: its owner and compiled schema.
type SignedValueDescriptor struct {
	Owner      crypto.PublicKey
	SchemaData []byte
	Signature  crypto.Signature
}

// GetValueQ asks for a subkey of a record (spec 03 §6.4).
type GetValueQ struct {
	Key            crypto.OpaqueRecordKey
	Subkey         uint32
	WantDescriptor bool
	MaxPeers       uint32
}

// GetValueA answers GetValueQ.
type GetValueA struct {
	Accepted   bool
	Value      *SignedValueData
	Peers      []*PeerInfo
	Descriptor *SignedValueDescriptor
}

// SetValueQ offers a value of a subkey (spec 03 §6.5).
type SetValueQ struct {
	Key        crypto.OpaqueRecordKey
	Subkey     uint32
	Value      *SignedValueData
	Descriptor *SignedValueDescriptor
	MaxPeers   uint32
}

// SetValueA answers SetValueQ.
type SetValueA struct {
	Accepted       bool
	NeedDescriptor bool
	Value          *SignedValueData
	Peers          []*PeerInfo
}

// WatchValueQ asks to be told of changes (spec 03 §6.6).
type WatchValueQ struct {
	Key      crypto.OpaqueRecordKey
	Subkeys  []SubkeyRange
	Duration crypto.TimestampDuration // µs, 0: longest
	Count    uint32                   // 0: cancel, 0xFFFFFFFF: unlimited
	WatchID  uint64                   // 0: new
	MaxPeers uint32
}

// WatchValueA answers WatchValueQ.
type WatchValueA struct {
	Accepted bool
	Duration crypto.TimestampDuration
	Peers    []*PeerInfo
	WatchID  uint64
}

// InspectValueQ asks for the sequence numbers of subkeys (spec 03 §6.7).
type InspectValueQ struct {
	Key            crypto.OpaqueRecordKey
	Subkeys        []SubkeyRange // empty: all
	WantDescriptor bool
	MaxPeers       uint32
}

// InspectValueA answers InspectValueQ.
type InspectValueA struct {
	Accepted   bool
	Seqs       []uint32
	Peers      []*PeerInfo
	Descriptor *SignedValueDescriptor
}

// ValueChanged tells a watcher of changes (spec 03 §6.8).
type ValueChanged struct {
	Key     crypto.OpaqueRecordKey
	Subkeys []SubkeyRange // empty: the watch ended
	Count   uint32
	WatchID uint64
	Value   *SignedValueData
}

// TransactBeginQ begins a transaction (spec 03 §6.9).
type TransactBeginQ struct {
	Key            crypto.OpaqueRecordKey
	Descriptor     *SignedValueDescriptor
	WantDescriptor bool
	MaxPeers       uint32
}

// TransactBeginA answers TransactBeginQ.
type TransactBeginA struct {
	Accepted       bool
	NeedDescriptor bool
	Descriptor     *SignedValueDescriptor
	TransactionID  uint64
	Duration       crypto.TimestampDuration
	Seqs           []uint32
	Peers          []*PeerInfo
}

// TransactCommand is a step of a transaction.
type TransactCommand uint16

const (
	TransactEnd TransactCommand = iota
	TransactCommit
	TransactRollback
	TransactGet
	TransactSet
)

// TransactCommandQ is a step of a transaction (spec 03 §6.10).
type TransactCommandQ struct {
	Key           crypto.OpaqueRecordKey
	TransactionID uint64
	Command       TransactCommand
	Subkey        uint32 // SubkeyAbsent: none
	Value         *SignedValueData
}

// TransactCommandA answers TransactCommandQ.
type TransactCommandA struct {
	Valid    bool
	Duration crypto.TimestampDuration
	Seqs     []uint32 // nil in 0.5.8
	Subkey   uint32   // SubkeyAbsent: none
	Value    *SignedValueData
}

// ValidateDialInfo asks to be dialled (spec 03 §6.14).
type ValidateDialInfo struct {
	DialInfo DialInfo
	Receipt  []byte
	Redirect bool
}

// ReturnReceipt brings a receipt back.
type ReturnReceipt struct{ Receipt []byte }

// SignalKind is the kind of a signal.
type SignalKind uint8

const (
	SignalHolePunch SignalKind = iota
	SignalReverseConnect
)

// Signal asks a node to reach out (spec 03 §6.13).
type Signal struct {
	Kind     SignalKind
	Receipt  []byte
	PeerInfo *PeerInfo
	DialInfo *DialInfo // hole punch only; nil: not said
}

// RouteHopData is an encrypted layer of a route.
type RouteHopData struct {
	Nonce crypto.Nonce
	Blob  []byte
}

// RouteHop names a node by id or by peer info, and what it forwards.
type RouteHop struct {
	NodeID   crypto.NodeID // used when PeerInfo is nil
	PeerInfo *PeerInfo
	Next     *RouteHopData // nil: last hop of a private route
}

// PrivateRoute is a route to its owner. Exactly one of FirstHop and Data is
// set, or neither: the route has arrived (empty).
type PrivateRoute struct {
	PublicKey crypto.PublicKey
	FirstHop  *RouteHop
	Data      *RouteHopData
}

// SafetyRoute is the sender's part of a path. Exactly one of Data and Private
// is set.
type SafetyRoute struct {
	PublicKey crypto.PublicKey
	Data      *RouteHopData
	Private   *PrivateRoute
}

// RoutedOperation is the payload at the end of a route.
type RoutedOperation struct {
	Sequencing Sequencing
	Signatures []crypto.Signature // one per private-route hop that is not the last
	Nonce      crypto.Nonce
	Data       []byte // AEAD of a packed SignedOperation
}

// Route forwards a routed operation (spec 03 §6.11).
type Route struct {
	SafetyRoute SafetyRoute
	Operation   RoutedOperation
}

func (*StatusQ) question()          {}
func (*FindNodeQ) question()        {}
func (*AppCallQ) question()         {}
func (*GetValueQ) question()        {}
func (*SetValueQ) question()        {}
func (*WatchValueQ) question()      {}
func (*InspectValueQ) question()    {}
func (*TransactBeginQ) question()   {}
func (*TransactCommandQ) question() {}

func (*StatusA) answer()          {}
func (*FindNodeA) answer()        {}
func (*AppCallA) answer()         {}
func (*GetValueA) answer()        {}
func (*SetValueA) answer()        {}
func (*WatchValueA) answer()      {}
func (*InspectValueA) answer()    {}
func (*TransactBeginA) answer()   {}
func (*TransactCommandA) answer() {}

func (*ValidateDialInfo) statement() {}
func (*Route) statement()            {}
func (*Signal) statement()           {}
func (*ReturnReceipt) statement()    {}
func (*AppMessage) statement()       {}
func (*ValueChanged) statement()     {}
