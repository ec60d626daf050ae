// Package interop tests Voile against real Veilid nodes: programs of both kinds
// run side by side in network namespaces, and each behaviour is asserted on
// what both sides report.
//
// The tests need root and the build tag interop; README.md says how to run
// them and where the logs of a failed run are. Helper packages: netns (private
// networks), refnode (the real node and its build), api (JSON API client), dns
// (a name server for bootstrap records), lab (nodes of both kinds), bench (the
// two kinds compared).
package interop
