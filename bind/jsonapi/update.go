package jsonapi

import (
	"encoding/json"
	"fmt"

	"github.com/voile-net/voile/core/crypto"
)

// UpdateKind is the sort of an update (spec 07 §4).
type UpdateKind string

// Kinds of updates.
const (
	UpdateLog         UpdateKind = "Log"
	UpdateAppMessage  UpdateKind = "AppMessage"
	UpdateAppCall     UpdateKind = "AppCall"
	UpdateAttachment  UpdateKind = "Attachment"
	UpdateNetwork     UpdateKind = "Network"
	UpdateConfig      UpdateKind = "Config"
	UpdateRouteChange UpdateKind = "RouteChange"
	UpdateValueChange UpdateKind = "ValueChange"
	UpdateShutdown    UpdateKind = "Shutdown"
)

// Values are all kinds.
func (UpdateKind) Values() []UpdateKind {
	return []UpdateKind{
		UpdateLog, UpdateAppMessage, UpdateAppCall, UpdateAttachment, UpdateNetwork, UpdateConfig, UpdateRouteChange,
		UpdateValueChange, UpdateShutdown,
	}
}

// New is an empty update of the kind to unmarshal into, a pointer; nil: the kind
// is not known.
func (k UpdateKind) New() Update {
	switch k {
	case UpdateLog:
		return new(VeilidLog)
	case UpdateAppMessage:
		return new(VeilidAppMessage)
	case UpdateAppCall:
		return new(VeilidAppCall)
	case UpdateAttachment:
		return new(VeilidStateAttachment)
	case UpdateNetwork:
		return new(VeilidStateNetwork)
	case UpdateConfig:
		return new(VeilidStateConfig)
	case UpdateRouteChange:
		return new(VeilidRouteChange)
	case UpdateValueChange:
		return new(VeilidValueChange)
	case UpdateShutdown:
		return new(ShutdownUpdate)
	}
	return nil
}

// Update is something that the node tells without being asked: a pointer to one of
// VeilidLog, VeilidAppMessage, VeilidAppCall, VeilidStateAttachment,
// VeilidStateNetwork, VeilidStateConfig, VeilidRouteChange, VeilidValueChange and
// ShutdownUpdate.
type Update interface{ UpdateKind() UpdateKind }

// VeilidLog is a line of the node's log.
type VeilidLog struct {
	LogLevel  VeilidLogLevel `json:"log_level"`
	Message   string         `json:"message"`
	Backtrace *string        `json:"backtrace"` // nil: none
}

// VeilidAppMessage is a message of another application.
type VeilidAppMessage struct {
	Sender  *crypto.NodeID  `json:"sender"`   // nil: hidden by a private route
	RouteID *crypto.RouteID `json:"route_id"` // our private route that it came in by; nil: none
	Message Bytes           `json:"message"`
}

// VeilidAppCall is a question of another application; answer it with AppCallReply.
type VeilidAppCall struct {
	Sender  *crypto.NodeID  `json:"sender"`
	RouteID *crypto.RouteID `json:"route_id"`
	Message Bytes           `json:"message"`
	CallID  OperationID     `json:"call_id"`
}

// VeilidRouteChange names private routes that have died or were released.
type VeilidRouteChange struct {
	DeadRoutes       []crypto.RouteID `json:"dead_routes"`        // ours
	DeadRemoteRoutes []crypto.RouteID `json:"dead_remote_routes"` // imported
}

// VeilidValueChange is a change of a watched record. Without subkeys and with a
// count of 0 the watch has ended.
type VeilidValueChange struct {
	Key     RecordKey           `json:"key"`
	Subkeys ValueSubkeyRangeSet `json:"subkeys"`
	Count   uint32              `json:"count"` // changes still to be reported
	Value   *ValueData          `json:"value"` // of the first subkey; nil: read it
}

// ShutdownUpdate is the last one.
type ShutdownUpdate struct{}

// UpdateKind is Log.
func (*VeilidLog) UpdateKind() UpdateKind { return UpdateLog }

// UpdateKind is AppMessage.
func (*VeilidAppMessage) UpdateKind() UpdateKind { return UpdateAppMessage }

// UpdateKind is AppCall.
func (*VeilidAppCall) UpdateKind() UpdateKind { return UpdateAppCall }

// UpdateKind is Attachment.
func (*VeilidStateAttachment) UpdateKind() UpdateKind { return UpdateAttachment }

// UpdateKind is Network.
func (*VeilidStateNetwork) UpdateKind() UpdateKind { return UpdateNetwork }

// UpdateKind is Config.
func (*VeilidStateConfig) UpdateKind() UpdateKind { return UpdateConfig }

// UpdateKind is RouteChange.
func (*VeilidRouteChange) UpdateKind() UpdateKind { return UpdateRouteChange }

// UpdateKind is ValueChange.
func (*VeilidValueChange) UpdateKind() UpdateKind { return UpdateValueChange }

// UpdateKind is Shutdown.
func (*ShutdownUpdate) UpdateKind() UpdateKind { return UpdateShutdown }

// AppendUpdate appends the line of an update, without its end.
func AppendUpdate(dst []byte, u Update) ([]byte, error) {
	dst = append(dst, `{"type":"Update","kind":"`...)
	dst = append(dst, u.UpdateKind()...)
	return appendFields(append(dst, '"'), u)
}

// ErrUnknownUpdate: an update of a kind that is not of the API.
type ErrUnknownUpdate struct{ Kind UpdateKind }

func (e *ErrUnknownUpdate) Error() string { return fmt.Sprintf("unknown update %.40q", string(e.Kind)) }

// ParseUpdate reads the line of an update. Errors: *[ErrUnknownUpdate], or those of
// encoding/json.
func ParseUpdate(line []byte) (Update, error) {
	var head struct{ Kind UpdateKind }
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, err
	}
	u := head.Kind.New()
	if u == nil {
		return nil, &ErrUnknownUpdate{head.Kind}
	}
	return u, json.Unmarshal(line, u)
}
