package logs

import (
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// module is what the paths of our packages begin with.
const module = "github.com/voile-net/voile/"

// Facilities are the names of all facilities.
func Facilities() []string {
	var names []string
	for _, f := range facilities() {
		if !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return names
}

type facility struct{ path, name string }

// facilities are the packages by their paths, with the name that the original
// gives to such a part where it has one.
func facilities() []facility {
	return []facility{
		{"bind", "client_api"},
		{"cmd", "server"},
		{"core", "veilid_api"},
		{"core/attach", "attach"},
		{"core/crypto", "crypto"},
		{"core/dht", "dht"},
		{"core/envelope", "net"},
		{"core/network", "net"},
		{"core/route", "route"},
		{"core/routing", "rtab"},
		{"core/rpc", "rpc"},
		{"core/table", "tstore"},
		{"core/transport", "net"},
		{"platform", "platform"},
		{"platform/bbolt", "tstore"},
		{"platform/encfile", "pstore"},
		{"platform/igd", "net"},
		{"platform/keyring", "pstore"},
		{"platform/netinfo", "net"},
		{"platform/sockets", "net"},
	}
}

// canonical is a facility by its name or by another one that it has in the
// original or in this program.
func canonical(name string) (string, bool) {
	switch name {
	case "stor", "fanout":
		return "dht", true
	case "routing":
		return "rtab", true
	case "network", "transport", "network_result", "receipt":
		return "net", true
	case "table":
		return "tstore", true
	case "api", "node", "core":
		return "veilid_api", true
	}
	return name, slices.Contains(Facilities(), name)
}

// places remembers the facility of each line of the program that has logged.
type places struct{ known sync.Map } // uintptr to string

func (p *places) of(r slog.Record) string {
	if r.PC == 0 {
		return ""
	}
	if name, ok := p.known.Load(r.PC); ok {
		return name.(string)
	}
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	name := facilityOf(frame.Function)
	p.known.Store(r.PC, name)
	return name
}

// facilityOf finds the facility of a function by its full name, such as
// "github.com/voile-net/voile/core/rpc.(*RPC).Ask". "": not ours.
func facilityOf(function string) string {
	path, ours := strings.CutPrefix(function, module)
	if !ours {
		if strings.HasPrefix(function, "main.") {
			return "server"
		}
		return ""
	}
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		dot := strings.IndexByte(path[i:], '.')
		if dot >= 0 {
			path = path[:i+dot]
		}
	} else {
		path, _, _ = strings.Cut(path, ".")
	}
	best := facility{}
	for _, f := range facilities() {
		if (path == f.path || strings.HasPrefix(path, f.path+"/")) && len(f.path) > len(best.path) {
			best = f
		}
	}
	return best.name
}
