package bind

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// debug answers a debug command (spec 07 §9). No client parses the text.
func (a *API) debug(_ context.Context, command string) (any, error) {
	s, err := a.node.State()
	if err != nil {
		return nil, err
	}
	words := strings.Fields(command)
	if len(words) == 0 {
		words = []string{"help"}
	}
	switch words[0] {
	case "help":
		return "nodeid      node ids\nuptime      time since the start\n", nil
	case "nodeid":
		return a.node.ID().String() + "\n", nil
	case "uptime":
		return fmt.Sprintf("Uptime...\n  since launch: %s\n  since attachment: %s\n",
			s.Attachment.Uptime.Round(time.Millisecond), s.Attachment.AttachedUptime.Round(time.Millisecond)), nil
	}
	return nil, generic("Unknown debug command")
}
