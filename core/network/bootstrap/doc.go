// Package bootstrap finds the first peers of a network: it reads, writes and
// checks bootstrap records (spec 02 §13.2), looks them up in TXT records, asks
// nodes directly with BOOT and B01T (§13.4, §13.5), and makes the answers that
// a node gives to those (spec 04 §12).
//
// [Gather] asks all sources at once and returns peers, without telling the
// routing table: asking these peers for more is the business of core/attach.
// Name resolution comes in through [Resolver], so that the package names no
// platform.
//
// Goroutines: those that Gather starts, joined before it returns. It may import
// core/crypto, core/jsonread, core/sorting and core/wire.
package bootstrap
