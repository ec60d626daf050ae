package console

import (
	"slices"
	"strings"

	"github.com/voile-net/voile/core"
)

// language is the words that can be typed: those of the console and of the server.
type language struct {
	commands []core.DebugCommand
}

// Commands of the console itself (spec 07 §8). Everything else is the server's.
func ownCommands() []core.DebugCommand {
	layers := []string{"all", "terminal", "file", "api", "system"}
	levels := []string{"off", "error", "warn", "info", "debug", "trace"}
	arg := func(name, about string, optional bool, words ...string) core.DebugArgument {
		return core.DebugArgument{Name: name, About: about, Optional: optional, Words: words}
	}
	return []core.DebugCommand{
		{Name: "help", About: "commands of the console and of the node", Arguments: []core.DebugArgument{arg("command", "", true)}},
		{Name: "exit", About: "leave the console; the node goes on"},
		{Name: "quit", About: "the same as exit"},
		{Name: "attach", About: "let the node join the network"},
		{Name: "detach", About: "let the node leave the network"},
		{Name: "shutdown", About: "stop the server with its node"},
		{Name: "disconnect", About: "end the connection to the server, and stay without"},
		{Name: "connect", About: "connect again, or to another server", Arguments: []core.DebugArgument{arg("address", "host:port, tls://host:port or unix:PATH", true)}},
		{Name: "change_log_level", About: "what a layer of the server's log lets through", Arguments: []core.DebugArgument{
			arg("layer", "", false, layers...), arg("directives", "a level, facility=level or #tag=level, with commas between", false, levels...),
		}},
		{Name: "change_log_ignore", About: "what a layer of the server's log leaves out", Arguments: []core.DebugArgument{
			arg("layer", "", false, layers...), arg("changes", "targets, with commas between; -target takes one back", false),
		}},
		{Name: "enable", About: "show something", Arguments: []core.DebugArgument{arg("what", "", false, switches...)}},
		{Name: "disable", About: "do not show something", Arguments: []core.DebugArgument{arg("what", "", false, switches...)}},
		{Name: "log", About: "lines of the node's log to show: a level, or hide or show", Arguments: []core.DebugArgument{
			arg("level", "", true, append([]string{"show", "hide"}, levels...)...),
		}},
		{Name: "clear", About: "clear the lines of the screen"},
	}
}

// switches are what enable and disable know.
var switches = []string{"app_messages", "value_changes", "route_changes"}

// newLanguage joins our words with those of a server, as its help lists them; ""
// if it is not known.
func newLanguage(help string) language {
	l := language{ownCommands()}
	listed := parseList(help, "")
	known := core.DebugCommands()
	if len(listed) == 0 { // nothing that we can read
		listed = known
	}
	for _, c := range listed {
		if i := slices.IndexFunc(known, func(k core.DebugCommand) bool { return k.Name == c.Name }); i >= 0 {
			c = known[i]
		}
		if _, ok := named(l.commands, c.Name); !ok {
			l.commands = append(l.commands, c)
		}
	}
	return l
}

// unknown are commands of the server that only its help can tell of.
func (l language) unknown() (names []string) {
	known := append(ownCommands(), core.DebugCommands()...)
	for _, c := range l.commands {
		if _, ok := named(known, c.Name); !ok && len(c.Commands) == 0 {
			names = append(names, c.Name)
		}
	}
	return names
}

// learn takes the second words of a command from its help.
func (l language) learn(name, help string) language {
	l.commands = slices.Clone(l.commands)
	for i := range l.commands {
		if l.commands[i].Name == name {
			l.commands[i].Commands = parseList(help, "  ")
		}
	}
	return l
}

// parseList reads the lines "name  about" of a help that begin with the indent.
func parseList(help, indent string) (list []core.DebugCommand) {
	for line := range strings.Lines(help) {
		rest, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), indent)
		name, about, hasAbout := strings.Cut(rest, "  ")
		if ok && hasAbout && isWord(name) {
			list = append(list, core.DebugCommand{Name: name, About: strings.TrimSpace(about)})
		}
	}
	return list
}

func isWord(s string) bool {
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}

func named(list []core.DebugCommand, name string) (core.DebugCommand, bool) {
	for _, c := range list {
		if c.Name == name {
			return c, true
		}
	}
	return core.DebugCommand{}, false
}

// find is the command that words begin with, and how many of them name it.
func (l language) find(words []string) (c core.DebugCommand, depth int) {
	list := l.commands
	for _, w := range words {
		next, ok := named(list, w)
		if !ok {
			break
		}
		c, depth, list = next, depth+1, next.Commands
	}
	return c, depth
}

// complete finds what may stand at the end of a line in place of its last word,
// which begins at start. ids are those of what was seen lately.
func (l language) complete(line string, ids func(argument string) []string) (start int, candidates []string) {
	start = strings.LastIndexByte(line, ' ') + 1
	words, last := strings.Fields(line[:start]), line[start:]
	var all []string
	c, depth := l.find(words)
	switch {
	case len(words) == 0:
		all = names(l.commands)
	case depth == 0:
	case c.Name == "help" && depth == 1: // of a command, and its second word
		if len(words) == 1 {
			all = names(l.commands)
		} else if of, _ := l.find(words[1:]); len(words) == 2 {
			all = names(of.Commands)
		}
	case depth == len(words) && len(c.Commands) > 0:
		all = names(c.Commands)
	default:
		if a, ok := argumentAt(c.Arguments, len(words)-depth); ok {
			all = append(all, a.Words...)
			all = append(all, ids(a.Name)...)
		}
	}
	for _, w := range all {
		if strings.HasPrefix(w, last) && !slices.Contains(candidates, w) {
			candidates = append(candidates, w)
		}
	}
	return start, candidates
}

// argumentAt is the argument at a place behind the command.
func argumentAt(args []core.DebugArgument, at int) (core.DebugArgument, bool) {
	if len(args) > 0 && at >= len(args) && args[len(args)-1].Repeated {
		return args[len(args)-1], true
	}
	if at >= len(args) {
		return core.DebugArgument{}, false
	}
	return args[at], true
}

func names(list []core.DebugCommand) (all []string) {
	for _, c := range list {
		all = append(all, c.Name)
	}
	slices.Sort(all)
	return all
}

// commonPrefix is what all words begin with.
func commonPrefix(words []string) string {
	if len(words) == 0 {
		return ""
	}
	p := words[0]
	for _, w := range words[1:] {
		for !strings.HasPrefix(w, p) {
			p = p[:len(p)-1]
		}
	}
	return p
}

// hint tells what the command of a line does and takes; "" if there is none.
func (l language) hint(line string) string {
	words := strings.Fields(line)
	c, depth := l.find(words)
	if depth == 0 {
		return ""
	}
	usage := strings.Join(append(words[:depth-1:depth-1], c.Usage()), " ")
	if c.About == "" {
		return usage
	}
	return usage + " - " + c.About
}

// ownHelp lists the commands of the console.
func ownHelp() string {
	var b strings.Builder
	b.WriteString("Commands of the console:\n")
	width := 0
	for _, c := range ownCommands() {
		width = max(width, len(c.Usage()))
	}
	for _, c := range ownCommands() {
		b.WriteString("  " + c.Usage() + strings.Repeat(" ", width-len(c.Usage())) + "  " + c.About + "\n")
	}
	return b.String()
}
