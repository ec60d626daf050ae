// Package dns is a name server for private networks: it answers TXT questions
// from a fixed table, as bootstrapping needs (spec 04 §12.2), and knows of no
// other name.
//
// It imports the standard library and golang.org/x/net/dns/dnsmessage only.
package dns
