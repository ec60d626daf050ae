// Package browser is what a node has of the network in a browser: WebSocket
// connections out (spec 02 §4.2, spec 04 §14), and whether the browser thinks that
// it is online. It also runs in other JavaScript engines that have WebSocket, as
// Node does from version 22 on; one that has none may be given one by setting
// globalThis.WebSocket.
//
// [Host] makes connections and never listens. Its limits are its own, because the
// browser's WebSocket has none: what is to be sent waits outside of it while it
// holds more than [MaxUnsent] bytes, and a connection that receives faster than the
// node reads is closed at [MaxUnread] bytes. The rules of URLs (a page that came by
// https, gateways) are in [Targets], which is compiled everywhere.
//
// The package imports core/transport, core/wire, platform and wasm/edge/edgeurl. On other platforms
// there is nothing but the rules of URLs.
package browser
