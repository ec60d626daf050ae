//go:build js

// The browser module: a node for a Web Worker, or for Node 20 and newer. See
// package module for the border to JavaScript.
package main

import "github.com/voile-net/voile/wasm/module"

// version is that of the build; the linker sets it.
var version = "(devel)"

func main() { module.Serve(version) }
