// Package memory is a simulated internet for tests: hosts with addresses,
// latency, loss and MTU, address translators and firewalls of the usual kinds,
// and partitions. A [Host] is a [transport.Host], so whole nodes run over it.
//
// Nothing here touches a real socket and all waiting is on channels and package
// time, so it works inside testing/synctest. What happens to a packet depends
// on the seed, its two addresses and how many went between them before, so a
// run can be repeated as far as the program under test repeats itself.
//
// It models what the protocol notices. Not modelled: fragmentation by IP
// (larger datagrams are lost), congestion control, more than one translator
// between a host and the internet.
//
// It may import core/transport.
package memory
