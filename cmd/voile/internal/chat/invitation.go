package chat

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
)

// Invitation is what one gives to a friend, as one word: a private route, and for a
// private network what is needed to join it.
type Invitation struct {
	Ticket privnet.Ticket // zero: the network that one is in
	Route  []byte         // blob
}

// prefix marks an invitation that has a ticket.
const prefix = "voile:"

// ErrInvitation is returned for a text that is no invitation.
var ErrInvitation = errors.New("neither a route nor an invitation: paste the whole word that your friend's `voile chat` printed")

// String is the word: base64url of the route alone if there is no ticket, else of
// network key, bootstrap record and route, each after its length.
func (i Invitation) String() string {
	if i.Ticket == (privnet.Ticket{}) {
		return base64.RawURLEncoding.EncodeToString(i.Route)
	}
	var b []byte
	for _, part := range [][]byte{[]byte(i.Ticket.NetworkKey), []byte(i.Ticket.Bootstrap), i.Route} {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return prefix + base64.RawURLEncoding.EncodeToString(b)
}

// ParseInvitation reads the word. White space in it, which a paste may bring, does
// not count.
func ParseInvitation(s string) (Invitation, error) {
	if len(s) > maxLine {
		return Invitation{}, ErrInvitation
	}
	s = strings.Join(strings.Fields(s), "")
	text, ticketed := strings.CutPrefix(s, prefix)
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return Invitation{}, fmt.Errorf("%w (%w)", ErrInvitation, err)
	}
	i := Invitation{Route: b}
	if ticketed {
		var parts [3][]byte
		for n := range parts {
			size, used := binary.Uvarint(b)
			if used <= 0 || size == 0 || size > uint64(len(b)-used) {
				return Invitation{}, ErrInvitation
			}
			parts[n], b = b[used:used+int(size)], b[used+int(size):]
		}
		if len(b) > 0 {
			return Invitation{}, ErrInvitation
		}
		i = Invitation{Ticket: privnet.Ticket{NetworkKey: string(parts[0]), Bootstrap: string(parts[1])}, Route: parts[2]}
	}
	if len(i.Route) == 0 || len(i.Route) > maxRoute {
		return Invitation{}, ErrInvitation
	}
	return i, nil
}
