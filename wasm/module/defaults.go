package module

import "github.com/voile-net/voile/core/config"

// DefaultBootstrap is that of browsers (spec 04 §12.1).
const DefaultBootstrap = "ws://bootstrap-v1.veilid.net:5150/ws"

// Defaults are the settings of a browser node (spec 07 §6.1, column "wasm"). Its
// name is empty and has to be set.
func Defaults() config.Config {
	c := config.Default()
	n := &c.Network
	off := false
	n.RoutingTable.Bootstrap = []string{DefaultBootstrap}
	n.DHT.LocalSubkeyCacheSize = 128
	n.DHT.RemoteSubkeyCacheSize = 64
	n.DHT.RemoteMaxRecords = 64
	n.DHT.RemoteMaxStorageSpaceMB = 128
	n.UPnP, n.DetectAddressChanges = false, &off
	n.Protocol.UDP.Enabled = false
	n.Protocol.TCP.Connect, n.Protocol.TCP.Listen = false, false
	n.Protocol.WS.Listen = false
	return c
}
