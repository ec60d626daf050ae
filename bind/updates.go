package bind

import (
	"strconv"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
	"github.com/voile-net/voile/core/crypto"
)

// updateHead is what all updates begin with (spec 07 §5.3).
type updateHead struct {
	Type string `json:"type"`
	Kind string `json:"kind"`
}

func head(kind string) updateHead { return updateHead{"Update", kind} }

type attachmentUpdate struct {
	updateHead
	stateAttachment
}

type networkUpdate struct {
	updateHead
	stateNetwork
}

type configUpdate struct {
	updateHead
	Config config.Config `json:"config"`
}

type routeChangeUpdate struct {
	updateHead
	DeadRoutes       []crypto.RouteID `json:"dead_routes"`
	DeadRemoteRoutes []crypto.RouteID `json:"dead_remote_routes"`
}

// AppendUpdate appends an update as a line without its end. An update that the
// protocol's API does not have appends nothing.
func AppendUpdate(dst []byte, u core.Update) []byte {
	var value any
	switch u := u.(type) {
	case core.AppMessage:
		return append(appendMessage(dst, "AppMessage", u.RouteID, u.Message), '}')
	case core.AppCall:
		dst = append(appendMessage(dst, "AppCall", u.RouteID, u.Message), `,"call_id":"`...)
		dst = strconv.AppendUint(dst, u.CallID, 10)
		return append(dst, `"}`...)
	case core.AttachmentUpdate:
		value = attachmentUpdate{head("Attachment"), attachmentOf(u.AttachmentStatus)}
	case core.NetworkUpdate:
		value = networkUpdate{head("Network"), networkOf(u.NetworkStatus)}
	case core.RouteChange:
		value = routeChangeUpdate{head("RouteChange"), notNil(u.DeadRoutes), notNil(u.DeadRemoteRoutes)}
	case core.ValueChange:
		value = valueChangeOf(u)
	case core.ConfigUpdate:
		value = configUpdate{head("Config"), withoutSecrets(u.Config)}
	case core.ShutdownUpdate:
		value = head("Shutdown")
	default:
		return dst
	}
	line, err := appendValue(dst, value)
	if err != nil { // the types above have no value that does not marshal
		return dst
	}
	return line
}

// appendMessage writes a message but for its closing brace. Nobody is named as
// the sender: a private route hides who it is.
func appendMessage(dst []byte, kind string, route crypto.RouteID, message []byte) []byte {
	dst = append(dst, `{"type":"Update","kind":"`...)
	dst = append(dst, kind...)
	dst = append(dst, `","sender":null,"route_id":`...)
	if route.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, '"')
		dst, _ = route.AppendText(dst)
		dst = append(dst, '"')
	}
	return appendData(append(dst, `,"message":`...), message)
}
