// Package browsertest runs the browser module for real: in Node, Chromium and
// Firefox, against native nodes of a private network on the loopback interface. It
// holds tests only, which start web/test/browser/scenario.mjs; what is not installed
// is skipped.
//
//	make wasm-test                                       # all that is installed
//	VOILE_BROWSERS=chromium go test ./wasm/browsertest   # one; without it: none
//
// The packages under platform with code for browsers have tests of their own, which
// [TestPackages] runs in the same browsers.
package browsertest
