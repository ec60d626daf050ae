//go:build js && wasm

package main

import (
	"context"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"syscall/js"

	"github.com/voile-net/voile/wasm/edge/policy"
	"github.com/voile-net/voile/wasm/edge/relay"
)

// maxConnections is the default of an object. It has to do with the 128 MB that an
// object has, not with what the platform could carry.
const maxConnections = 256

// main hands its functions to worker.mjs, which has put what it needs of the platform
// into a global for as long as the start takes. The program ends with its object.
func main() {
	host := js.Global().Get("voileGateway")
	settings := policy.Default()
	settings.MaxConnections = maxConnections
	var err error
	if text := host.Get("settings"); text.Type() == js.TypeString {
		settings, err = policy.ParseOver([]byte(text.String()), settings)
	}
	var gate *policy.Gate
	if err == nil {
		gate, err = policy.New(settings)
	}
	if err != nil {
		host.Call("failed", "SETTINGS: "+err.Error())
		return
	}
	hub := &relay.Hub{Gate: gate, Network: &platform{connect: host.Get("connect"), doh: host.Get("doh").String()}}
	host.Call("ready", js.ValueOf(map[string]any{
		"open":  js.FuncOf(func(_ js.Value, args []js.Value) any { return open(hub, args) }),
		"stats": js.FuncOf(func(js.Value, []js.Value) any { return stats(gate) }),
	}))
	select {}
}

// open is open(path, origin, client, offered): a promise of an answer with status and
// text, and for status 101 with protocol and run(webSocket).
func open(hub *relay.Hub, args []js.Value) any {
	client, _ := netip.ParseAddr(args[2].String()) // zero: all who have none count as one
	request := relay.Request{Path: args[0].String(), Origin: args[1].String(), Client: client}
	for part := range strings.SplitSeq(args[3].String(), ",") {
		request.Offered = append(request.Offered, strings.TrimSpace(part))
	}
	return promise(func() (any, error) {
		a := hub.Open(context.Background(), request)
		answer := map[string]any{"status": a.Status, "protocol": a.Subprotocol, "text": ""}
		if a.Refusal != nil {
			answer["text"] = a.Refusal.Text
		}
		var run js.Func
		run = js.FuncOf(func(_ js.Value, args []js.Value) any {
			run.Release()
			begin(a, args[0])
			return nil
		})
		answer["run"] = run
		return answer, nil
	})
}

// begin runs a WebSocket; without one (null) the page did not come after all.
func begin(a relay.Answer, ws js.Value) {
	switch {
	case a.Session == nil && ws.Truthy():
		closeSocket(ws, a.Refusal.Code, a.Refusal.Text)
	case a.Session == nil:
	case ws.Truthy():
		p := newPage(ws)
		go a.Session.Run(context.Background(), p)
	default:
		go a.Session.Abandon()
	}
}

// stats are numbers about this object.
func stats(gate *policy.Gate) any {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := gate.Stats()
	codes := func(counts map[policy.Code]uint64) map[string]any {
		all := map[string]any{}
		for code, n := range counts {
			all[strconv.Itoa(int(code))] = int(n)
		}
		return all
	}
	return map[string]any{
		"open": s.Open, "clients": s.Clients, "nodes": s.Nodes, "admitted": int(s.Admitted), "refused": codes(s.Refused), "ended": codes(s.Ended),
		"messagesUp": int(s.MessagesUp), "messagesDown": int(s.MessagesDown), "bytesUp": int(s.BytesUp), "bytesDown": int(s.BytesDown),
		"goroutines": runtime.NumGoroutine(), "heap": int(m.HeapAlloc), "memory": int(m.Sys),
	}
}
