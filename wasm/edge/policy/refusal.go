package policy

import "fmt"

// Code is the code of a Close frame: what a gateway says at the end of a connection.
type Code uint16

const (
	Ended       Code = 1000 // the page or the node closed in an orderly way
	GoingAway   Code = 1001 // the gateway stops
	Broken      Code = 1002 // the page broke the WebSocket protocol
	Unsupported Code = 1003 // a text message
	Breach      Code = 1008 // a message that the rules do not allow: empty, or too many parts or too much at once
	TooLarge    Code = 1009 // a message of more than MaxMessage bytes
	Fault       Code = 1011 // a fault of the gateway
	Busy        Code = 1013 // no room in the gateway; another time, or another gateway

	BadURL     Code = 4400 // the URL names no node
	NotAllowed Code = 4403 // no connections to this node from here
	NoName     Code = 4404 // the name of the node does not resolve
	Idle       Code = 4408 // nothing moved in either direction
	Unread     Code = 4410 // the page does not read what comes for it
	TooMany    Code = 4429 // this client, or all towards this node, have as many connections as they may
	NodeBroken Code = 4502 // no connection to the node, or it broke off
	NodeSilent Code = 4504 // the node did not answer in time
)

// Status is the HTTP status for a refusal before a WebSocket is there.
func (c Code) Status() int {
	switch {
	case c == Busy, c == GoingAway:
		return 503
	case c > 4000 && c < 4600:
		return int(c) - 4000
	}
	return 500
}

// Refusal is why something is not done. Its text goes to the page and names neither
// addresses nor anything of the gateway's inside.
type Refusal struct {
	Code Code
	Text string // at most 123 bytes, the room of a Close frame
}

func (r *Refusal) Error() string { return fmt.Sprintf("%s (%d)", r.Text, r.Code) }

func refuse(code Code, text string) *Refusal { return &Refusal{code, text} }
