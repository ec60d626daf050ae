//go:build interop && linux && !android

package interop

import (
	"encoding/json"
	"strings"
)

// debugScript runs debug commands with and without arguments. What they print is
// for people and only has to be text; which fail, and how, is the same.
func debugScript() []exchange {
	var s []exchange
	for command := range strings.Lines(`
help
help nodeid
help dance
dance
"unbalanced
Help
nodeid
nodeinfo
dialinfo
peerinfo
peerinfo published
peerinfo dance
uptime
lifecycle
buckets
buckets dead
buckets dance
entries
entries reliable
entries fastest
entries dance
entry
entry ?
contact
contact ?
resolve
resolve ?
transport
transport stats
transport dance
punish
punish dance
punish list
punish add
punish add ?
punish remove
punish remove ?
punish clear
route
route dance
route list
route allocate dance
route release
route release ?
route publish
route publish ?
route unpublish
route unpublish ?
route print
route print ?
route import
route import ?
route test
route test ?
route diag ?
config
config network
config network.max_connections
config dance
txtrecord
keypair
keypair VLD0
keypair dance
purge
purge dance
purge routes
purge connections
attach
network
network dance
network stats
ping
ping ?
appmessage
appmessage ?
appmessage ? y
appcall
appcall ? y
appreply
appreply ?
record
record dance
record list
record list dance
record list local
record list remote
record list opened
record list offline
record list watched
record list transactions
record purge
record purge dance
record purge local
record purge remote
record create dance
record open
record open ?
record close
record close ?
record set
record set ?
record get
record get ?
record delete
record delete ?
record info
record info ?
record watch
record watch ?
record cancel
record cancel ?
record inspect
record inspect ?
record rehydrate
record rehydrate ?
table
table dance
table list
table info
table info dance`[1:]) {
		command = strings.TrimSpace(command)
		text, err := json.Marshal(command)
		if err != nil {
			continue // cannot be: every text has a JSON form
		}
		s = append(s, ask("debug "+command, "Debug", `"command":`+string(text)).shape())
	}
	return append(s, ask("debug nothing", "Debug", `"command":""`).shape())
}
