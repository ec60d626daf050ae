// Package netns makes private networks for tests: a switch and a number of
// hosts, each a network namespace of this machine with global-looking IPv4 and
// IPv6 addresses that are used only inside. The layout follows spec 04 §15.3.
//
// A Network has a name; networks of different names run side by side, two of
// one name exclude each other by a lock file. Processes started in a network
// die with the process that owns it, and New removes what a crashed run of the
// same name left behind.
//
// It needs root, iproute2 and nftables on Linux; Check says what is missing.
// It imports the standard library and golang.org/x/sys only.
package netns
