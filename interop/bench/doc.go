// Command bench measures Voile nodes and real Veilid nodes in the same
// laboratory, one kind after the other, and prints the figures side by side.
// Everything goes through the JSON API of both.
//
// It needs Linux, root and what package lab needs.
package main
