// Command bench measures Voile nodes and real Veilid nodes in the same
// laboratory, one kind after the other, and prints the figures side by side.
// Everything goes through the JSON API of both, by a client that costs little beside
// the nodes on the same machine (quick.go). Calls and messages carry noise, which
// the protocol cannot compress, unless -zeros says otherwise.
//
// It needs Linux, root and what package lab needs.
package main
