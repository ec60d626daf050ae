//go:build !nodebugapi

package core_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/voile-net/voile/core"
)

// debugLine is a captured request with its answer (testdata/debug-errors.jsonl: a
// real node of 0.5.8).
type debugLine struct {
	Name              string
	Request, Response string
}

// debugAnswer is the answer in it.
type debugAnswer struct {
	Value *string
	Error *struct{ Kind, Message, Context, Argument, Value string }
}

// Bad commands fail as they do on a real node: the same kind, the same texts.
func TestDebugErrorVectors(t *testing.T) {
	n := start(t, local(t, "errors"))
	record(t, n) // the network has started
	file, err := os.Open("testdata/debug-errors.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	// Texts that the real node answers and ours does not, and why.
	differs := map[string]string{
		"debug ":                     "help in our own words",
		"debug   nodeid  ":           "another node",
		"debug record info nonsense": "other lines; see TestDebugOfRecords",
		"debug table info nonsense":  "a table is not made by asking for it",
	}
	lines := 0
	for scan := bufio.NewScanner(file); scan.Scan(); lines++ {
		var line debugLine
		var request struct{ Command string }
		var want debugAnswer
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(json.Unmarshal([]byte(line.Request), &request), json.Unmarshal([]byte(line.Response), &want)); err != nil {
			t.Fatal(err)
		}
		t.Run(line.Name, func(t *testing.T) {
			text, err := n.Debug(t.Context(), request.Command)
			if want.Error == nil {
				switch {
				case err != nil:
					t.Errorf("%v, want text", err)
				case differs[line.Name] == "" && text != *want.Value:
					t.Errorf("%q, want %q", text, *want.Value)
				}
				return
			}
			var got *core.Error
			if !errors.As(err, &got) {
				t.Fatalf("%q %v, want %+v", text, err, *want.Error)
			}
			if w := want.Error; string(got.Kind) != w.Kind || got.Message != w.Message || got.Context != w.Context || got.Argument != w.Argument || got.Value != w.Value {
				t.Errorf("%v, want %+v", got, *w)
			}
		})
	}
	if lines < 30 {
		t.Errorf("%d lines in the file", lines)
	}
}

// What a real node answers to further bad commands (tried on 0.5.8).
func TestDebugBadArguments(t *testing.T) {
	n := start(t, local(t, "bad"))
	record(t, n)
	const stranger = "VLD0:Yfwkg5XoqsYReVxLY9AWRtRt91B6vMjkz0D-byQA6XY"
	for command, want := range map[string]core.Error{
		"nodeid x":                             {Kind: core.InvalidArgument, Context: "debug_nodeid", Argument: "arg_1", Value: "x"},
		"buckets nonsense":                     {Kind: core.InvalidArgument, Context: "debug_buckets", Argument: "min_state", Value: "nonsense"},
		"buckets dead x":                       {Kind: core.InvalidArgument, Context: "debug_buckets", Argument: "arg_1", Value: "dead"},
		"contact":                              {Kind: core.InvalidArgument, Context: "debug_contact", Argument: "arg_1"},
		"contact nonsense":                     {Kind: core.InvalidArgument, Context: "debug_contact", Argument: "node_ref", Value: "nonsense"},
		"contact " + stranger + "/quic":        {Kind: core.InvalidArgument, Context: "debug_contact", Argument: "node_ref", Value: stranger + "/quic"},
		"contact " + stranger + "+xyz":         {Kind: core.InvalidArgument, Context: "debug_contact", Argument: "node_ref", Value: stranger + "+xyz"},
		"entry " + stranger:                    {Kind: core.InvalidArgument, Context: "debug_entry", Argument: "node_id", Value: stranger},
		"entries nonsense":                     {Kind: core.InvalidArgument, Context: "debug_entries", Argument: "unknown", Value: "nonsense"},
		"entries ABC":                          {Kind: core.InvalidArgument, Context: "debug_entries", Argument: "unknown", Value: "ABC"},
		"keypair vld0":                         {Kind: core.InvalidArgument, Context: "debug_keypair", Argument: "kind", Value: "vld0"},
		"peerinfo nonsense":                    {Kind: core.InvalidArgument, Context: "debug_peerinfo", Argument: "which", Value: "nonsense"},
		"punish nonsense":                      {Kind: core.Generic, Message: "Unknown punish subcommand"},
		"punish list x":                        {Kind: core.InvalidArgument, Context: "debug_punish", Argument: "arg_1", Value: "list"},
		"punish add":                           {Kind: core.InvalidArgument, Context: "debug_punish", Argument: "arg_1", Value: "add"},
		"punish add nonsense":                  {Kind: core.InvalidArgument, Context: "debug_punish_add", Argument: "target", Value: "nonsense"},
		"punish remove nonsense":               {Kind: core.InvalidArgument, Context: "debug_punish_remove", Argument: "target", Value: "nonsense"},
		"relay nonsense":                       {Kind: core.InvalidArgument, Context: "debug_relay", Argument: "relay", Value: "nonsense"},
		"transport":                            {Kind: core.MissingArgument, Context: "debug_transport", Argument: "subcommand"},
		"transport nonsense":                   {Kind: core.InvalidArgument, Context: "debug_transport", Argument: "subcommand", Value: "nonsense"},
		"transport enable":                     {Kind: core.MissingArgument, Context: "debug_transport", Argument: "selector"},
		"transport disable ws/ipv4":            {Kind: core.InvalidArgument, Context: "debug_transport", Argument: "selector", Value: "ws/ipv4"},
		"transport toggle udp nonsense":        {Kind: core.InvalidArgument, Context: "debug_transport", Argument: "selector", Value: "nonsense"},
		"chaos nonsense":                       {Kind: core.Generic, Message: "no chaos setting at 'nonsense'"},
		"chaos net.self.send.loss=200":         {Kind: core.Generic, Message: "loss is a percentage, 0 to 100"},
		"chaos net.ip['nonsense'].recv.loss=1": {Kind: core.Generic, Message: "invalid address range 'nonsense' in chaos path"},
		"chaos preset nonsense":                {Kind: core.Generic, Message: "no chaos preset 'nonsense'"},
		"chaos reset a b":                      {Kind: core.Generic, Message: "reset takes at most one path"},
		"chaos stats x":                        {Kind: core.Generic, Message: "expected <path>=<value>, got 'stats'"},
		"network":                              {Kind: core.MissingArgument, Context: "debug_network", Argument: "arg_0"},
		"network nonsense":                     {Kind: core.Generic, Message: "Unknown network subcommand"},
		"config nonsense":                      {Kind: core.ParseError, Message: "invalid subkey in key 'nonsense'", Value: "nonsense"},
		"config network.nonsense":              {Kind: core.ParseError, Message: "invalid subkey in key 'network.nonsense'", Value: "nonsense"},
		"config a b c":                         {Kind: core.InvalidArgument, Context: "debug_config", Argument: "arg_1", Value: "a"},
		"help record nonsense":                 {Kind: core.Generic, Message: "Unknown debug command"},
		"purge buckets":                        {Kind: core.Internal, Message: "Must be detached to purge"},
		"txtrecord nonsense":                   {Kind: core.InvalidArgument, Context: "debug_txtrecord", Argument: "signing_key_pairs", Value: "(not a key pair)"},
		"route publish nonsense":               {Kind: core.InvalidArgument, Context: "debug_route", Argument: "route_id", Value: "nonsense"},
		"route test nonsense":                  {Kind: core.InvalidArgument, Context: "debug_route", Argument: "route_id", Value: "nonsense"},
		"route diag nonsense":                  {Kind: core.InvalidArgument, Context: "debug_route", Argument: "route_id", Value: "nonsense"},
		"route list x":                         {Kind: core.InvalidArgument, Context: "debug_route", Argument: "arg_1", Value: "list"},
		"route import AAAA":                    {Kind: core.Internal, Message: "no compatible crypto kinds in route"},
		"route allocate avoid nonsense":        {Kind: core.InvalidArgument, Context: "debug_route", Argument: "avoid", Value: "nonsense"},
		"ping a b":                             {Kind: core.InvalidArgument, Context: "debug_ping", Argument: "arg_1", Value: "a"},
		"ping #nonsense":                       {Kind: core.InvalidArgument, Context: "debug_ping", Argument: "destination", Value: "#nonsense"},
		"ping nonsense@nonsense":               {Kind: core.InvalidArgument, Context: "debug_ping", Argument: "destination", Value: "nonsense@nonsense"},
		"appmessage nonsense foo":              {Kind: core.InvalidArgument, Context: "debug_app_message", Argument: "destination", Value: "nonsense"},
		"appcall nonsense foo":                 {Kind: core.InvalidArgument, Context: "debug_app_call", Argument: "destination", Value: "nonsense"},
		"appmessage":                           {Kind: core.InvalidArgument, Context: "debug_appmessage", Argument: "arg_1"},
		"appreply":                             {Kind: core.Generic, Message: "no app calls waiting"},
		"appreply ?":                           {Kind: core.ParseError, Message: "invalid digit found in string", Value: "?"},
		"appreply foo bar":                     {Kind: core.ParseError, Message: "invalid digit found in string", Value: "foo"},
		"appreply #zz foo":                     {Kind: core.ParseError, Message: "invalid digit found in string", Value: "zz"},
		"appreply '' foo":                      {Kind: core.ParseError, Message: "cannot parse integer from empty string"},
		"appreply fffffffffffffffff":           {Kind: core.ParseError, Message: "number too large to fit in target type", Value: "fffffffffffffffff"},
		"appreply 12":                          {Kind: core.Internal, Message: "Generic: [RPCError: Ignore(Unmatched operation id: 18)]"},
		"appreply #12 foo":                     {Kind: core.Internal, Message: "Generic: [RPCError: Ignore(Unmatched operation id: 18)]"},
		"appreply 12 #zz":                      {Kind: core.InvalidArgument, Context: "debug_app_reply", Argument: "data", Value: "#zz"},
		"resolve nonsense":                     {Kind: core.InvalidArgument, Context: "debug_resolve", Argument: "destination", Value: "nonsense"},
		"record create 0":                      {Kind: core.InvalidArgument, Context: "must have at least one subkey", Argument: "o_cnt", Value: "0"},
		"record create 2000":                   {Kind: core.InvalidArgument, Context: "too many subkeys", Argument: "o_cnt", Value: "2000"},
		"record create 1 XXXX":                 {Kind: core.InvalidArgument, Context: "debug_record_create", Argument: "kind", Value: "XXXX"},
		"record create 1 VLD0 nonsense":        {Kind: core.InvalidArgument, Context: "debug_record_create", Argument: "safety", Value: "nonsense"},
		"record open":                          {Kind: core.InvalidArgument, Context: "debug_record", Argument: "arg_1", Value: "open"},
		"record open nonsense":                 {Kind: core.InvalidArgument, Context: "debug_record_open", Argument: "key", Value: "nonsense"},
		"record purge":                         {Kind: core.InvalidArgument, Context: "debug_record", Argument: "arg_1", Value: "purge"},
		"record purge local nonsense":          {Kind: core.InvalidArgument, Context: "debug_record_purge", Argument: "bytes", Value: "nonsense"},
		"record purge local --keys":            {Kind: core.MissingArgument, Context: "debug_record_purge", Argument: "keys"},
		"record purge local --keys nonsense":   {Kind: core.InvalidArgument, Context: "debug_record_purge", Argument: "keys", Value: "nonsense"},
		"record delete nonsense":               {Kind: core.InvalidArgument, Context: "debug_record_delete", Argument: "key", Value: "nonsense"},
		"record rehydrate nonsense":            {Kind: core.InvalidArgument, Context: "debug_record_rehydrate", Argument: "key", Value: "nonsense"},
		"record info":                          {Kind: core.InvalidArgument, Context: "debug_record", Argument: "arg_1", Value: "info"},
		"record info ?":                        {Kind: core.InvalidArgument, Context: "debug_record_info", Argument: "key", Value: "?"},
		"record info 0":                        {Kind: core.InvalidArgument, Context: "debug_record_info", Argument: "key", Value: "0"},
		"record info ? 0":                      {Kind: core.InvalidArgument, Context: "debug_record_info", Argument: "key", Value: "?"},
		"record info nonsense ?":               {Kind: core.InvalidArgument, Context: "debug_record", Argument: "arg_1", Value: "info"},
		"record watch nonsense":                {Kind: core.MissingArgument, Context: "key is not opened", Argument: "key"},
		"record inspect nonsense":              {Kind: core.MissingArgument, Context: "key is not opened", Argument: "key"},
		"record close nonsense":                {Kind: core.MissingArgument, Context: "key is not opened", Argument: "key"},
		"record close a b":                     {Kind: core.InvalidArgument, Context: "debug_record", Argument: "arg_1", Value: "close"},
		"table list x":                         {Kind: core.InvalidArgument, Context: "debug_table", Argument: "arg_1", Value: "list"},
		"table info":                           {Kind: core.InvalidArgument, Context: "debug_table", Argument: "arg_1", Value: "info"},
	} {
		t.Run(command, func(t *testing.T) {
			text, err := n.Debug(t.Context(), command)
			var got *core.Error
			if !errors.As(err, &got) {
				t.Fatalf("%q %v, want %v", text, err, &want)
			}
			if got.Kind != want.Kind || got.Message != want.Message || got.Context != want.Context || got.Argument != want.Argument || got.Value != want.Value {
				t.Errorf("%v, want %v", got, &want)
			}
		})
	}
	for command, want := range map[string]string{
		"route allocate nonsense": "Invalid argument specified: nonsense",
		"route allocate ord":      "Invalid argument specified: ord",
		"record purge nonsense":   "Invalid scope\n",
		"record list nonsense":    "Invalid scope\n",
		"route print " + stranger: "Route key not found",
	} {
		if text, err := n.Debug(t.Context(), command); err != nil || text != want {
			t.Errorf("%s: %q %v, want %q", command, text, err, want)
		}
	}
}

// Every command has help, and the list that programs complete with names the same.
func TestDebugHelp(t *testing.T) {
	n, err := core.Start(t.Context(), local(t, "help"), core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	list, err := n.Debug(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	var check func(before string, commands []core.DebugCommand)
	check = func(before string, commands []core.DebugCommand) {
		for _, c := range commands {
			line := strings.TrimSpace(before + " " + c.Name)
			text, err := n.Debug(t.Context(), "help "+line)
			if err != nil || !strings.Contains(text, c.About) || !strings.Contains(text, strings.TrimSpace(before+" "+c.Usage())) {
				t.Errorf("help %s: %q %v", line, text, err)
			}
			for _, a := range c.Arguments {
				if !strings.Contains(text, a.About) {
					t.Errorf("help %s does not explain %s", line, a.Name)
				}
			}
			check(line, c.Commands)
		}
	}
	commands := core.DebugCommands()
	check("", commands)
	for _, name := range []string{ // those of the original (spec 07 §9)
		"nodeid", "buckets", "dialinfo", "peerinfo", "contact", "keypair", "entries", "entry", "punish", "txtrecord",
		"relay", "transport", "chaos", "ping", "appmessage", "appcall", "appreply", "resolve", "nodeinfo", "purge",
		"attach", "detach", "config", "network", "route", "record", "table", "uptime", "lifecycle", "help",
	} {
		if !strings.Contains("\n"+list, "\n"+name+" ") {
			t.Errorf("%s is not in the list", name)
		}
	}
	commands[0].Name = "changed"
	if core.DebugCommands()[0].Name != "nodeid" {
		t.Error("the list is shared")
	}
}

// FuzzDebug: no line makes a node panic, and what fails is an error of the API.
func FuzzDebug(f *testing.F) {
	n, err := core.Start(f.Context(), local(f, "fuzz"), core.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { n.Close() })
	var seed func(before string, commands []core.DebugCommand)
	seed = func(before string, commands []core.DebugCommand) {
		for _, c := range commands {
			line := before + c.Name
			f.Add(line)
			for _, a := range c.Arguments {
				line += " " + strings.Join(a.Words, " ")
				f.Add(line)
			}
			seed(before+c.Name+" ", c.Commands)
		}
	}
	seed("", core.DebugCommands())
	for _, line := range []string{
		`record set 'a b' "c\"d" \e #00ff`, "record create 2 VLD0 ,pru,low,3", "chaos net.ip['1.2.3.4/8'].send.loss=5",
		"ping A@B/udp/ipv4+-pru", "route allocate pru avoid a b", "transport toggle udp tcp/ipv4 1s", "record purge local --keys=a,b",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "attach") { // this node stays off the network
			return
		}
		_, err := n.Debug(t.Context(), line)
		var known *core.Error
		if err != nil && (!errors.As(err, &known) || known.Kind == "") {
			t.Errorf("%q: %v", line, err)
		}
	})
}
