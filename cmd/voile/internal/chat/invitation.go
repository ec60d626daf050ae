package chat

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
)

// Invitation is what one gives to a friend, as one word: a private route, and for a
// private network what is needed to join it.
type Invitation struct {
	Ticket privnet.Ticket `json:"ticket"` // zero: the network that one is in
	Route  []byte         `json:"route"`  // blob
}

// prefix marks an invitation that has a ticket.
const prefix = "voile:"

// ErrInvitation is returned for a text that is no invitation.
var ErrInvitation = errors.New("neither a route nor an invitation: paste the whole word that your friend's `voile chat` printed")

// String is the word: base64url of the route alone if there is no ticket.
func (i Invitation) String() string {
	if i.Ticket == (privnet.Ticket{}) {
		return base64.RawURLEncoding.EncodeToString(i.Route)
	}
	b, _ := json.Marshal(i) // strings and bytes always encode
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseInvitation reads the word. White space in it, which a paste may bring, does
// not count.
func ParseInvitation(s string) (Invitation, error) {
	s = strings.Join(strings.Fields(s), "")
	text, ticketed := strings.CutPrefix(s, prefix)
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return Invitation{}, fmt.Errorf("%w (%w)", ErrInvitation, err)
	}
	i := Invitation{Route: b}
	if ticketed {
		i = Invitation{}
		if err := json.Unmarshal(b, &i); err != nil {
			return Invitation{}, fmt.Errorf("%w (%w)", ErrInvitation, err)
		}
	}
	if len(i.Route) == 0 || len(i.Route) > maxRoute || ticketed && (i.Ticket.NetworkKey == "" || i.Ticket.Bootstrap == "") {
		return Invitation{}, ErrInvitation
	}
	return i, nil
}
