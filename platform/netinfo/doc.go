// Package netinfo is the [platform.NetInfo] of the operating system: package
// net for interfaces, a connected UDP socket for the way out, and what each
// system adds about gateways and addresses (spec 04 §2.2, spec 02 §2.4).
//
//	            gateways  temporary addresses  change notification
//	Linux       yes       yes                  yes
//	macOS, iOS  yes       no                   no
//	Windows     yes       yes                  no
//	other       no        no                   no
//	Android     by the app: it denies apps the interface list, see FromApp
//	browser     nothing: Open gives platform.ErrUnsupported
//
// It imports platform, golang.org/x/net/route and golang.org/x/sys.
package netinfo
