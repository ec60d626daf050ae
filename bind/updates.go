package bind

import (
	"strconv"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/crypto"
)

// AppendUpdate appends an update as a line without its end. An update that the
// protocol's API does not have appends nothing.
func AppendUpdate(dst []byte, u core.Update) []byte {
	e := encoder{line: dst}
	e.update(u)
	return e.line
}

// AppendUpdateBinary is as [AppendUpdate], but the bytes of applications come
// beside the line, as [Call.RunBinary] has them. They belong to the update, which
// other receivers may have as well: they must not be changed.
func AppendUpdateBinary(dst []byte, u core.Update) (line []byte, blobs [][]byte) {
	e := encoder{line: dst, binary: true}
	e.update(u)
	return e.line, e.blobs
}

func (e *encoder) update(u core.Update) {
	var value jsonapi.Update
	switch u := u.(type) {
	case core.AppMessage:
		e.message(jsonapi.UpdateAppMessage, u.RouteID, u.Message)
		e.byte('}')
		return
	case core.AppCall:
		e.message(jsonapi.UpdateAppCall, u.RouteID, u.Message)
		e.text(`,"call_id":"`)
		e.line = strconv.AppendUint(e.line, u.CallID, 10)
		e.text(`"}`)
		return
	case core.ValueChange:
		e.valueChange(u)
		return
	case core.AttachmentUpdate:
		value = attachmentOf(u.AttachmentStatus)
	case core.NetworkUpdate:
		value = networkOf(u.NetworkStatus)
	case core.RouteChange:
		value = &jsonapi.VeilidRouteChange{DeadRoutes: notNil(u.DeadRoutes), DeadRemoteRoutes: notNil(u.DeadRemoteRoutes)}
	case core.ConfigUpdate:
		value = &jsonapi.VeilidStateConfig{Config: withoutSecrets(u.Config)}
	case core.LogUpdate:
		value = logOf(u)
	case core.ShutdownUpdate:
		value = &jsonapi.ShutdownUpdate{}
	default:
		return
	}
	// The types above have no value that does not marshal.
	if line, err := jsonapi.AppendUpdate(e.line, value); err == nil {
		e.line = line
	}
}

func (e *encoder) updateHead(kind jsonapi.UpdateKind) {
	e.text(`{"type":"Update","kind":"`)
	e.text(string(kind))
	e.byte('"')
}

// message writes a message but for its closing brace. Nobody is named as the
// sender: a private route hides who it is.
func (e *encoder) message(kind jsonapi.UpdateKind, route crypto.RouteID, message []byte) {
	e.updateHead(kind)
	e.text(`,"sender":null,"route_id":`)
	if route.IsZero() {
		e.text("null")
	} else {
		e.byte('"')
		e.line, _ = route.AppendText(e.line)
		e.byte('"')
	}
	e.text(`,"message":`)
	e.data(message)
}

func (e *encoder) valueChange(c core.ValueChange) {
	e.updateHead(jsonapi.UpdateValueChange)
	e.text(`,"key":"`)
	e.text(c.Key.Text())
	e.text(`","subkeys":`)
	e.line = rangesOf(c.Subkeys).AppendJSON(e.line)
	e.text(`,"count":`)
	e.line = strconv.AppendUint(e.line, uint64(c.Count), 10)
	e.text(`,"value":`)
	e.recordValue(c.Value)
	e.byte('}')
}
