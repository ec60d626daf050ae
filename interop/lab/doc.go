// Package lab runs real Veilid nodes and Voile nodes side by side in a private
// network: it makes their configurations (spec 04 §15.3, spec 07 §6), starts
// and stops them, and reads what they report about each other.
//
// It imports interop/netns, interop/api and interop/refnode.
package lab
