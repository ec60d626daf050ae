// Command wasmslim makes a WebAssembly module of the Go linker smaller without
// changing what it does:
//
//	wasmslim [-symbols file] in.wasm out.wasm
//	wasmslim -trace symbols < stack.txt
//
// It drops what only tracebacks read (names, files, lines and inlining of
// functions; [tables]), stores what describes functions densely and lets a start
// function unpack it into its place ([packed]), lets that function write the table
// that finds a function by its program counter instead of storing it
// ([tables.stripBuckets]), rewrites short runs of instructions into shorter ones of the
// same meaning ([rewrite]), lets functions store the program counters of their callers,
// which the callers did ([callRewriter]), drops the blocks that nothing goes to
// ([body.prune]), and puts functions into another order ([module.reorder]). All data is
// stored compressed, and the start function expands it first ([expansion]).
//
// What the collector, stack growth, defer and recover read stays where it was and as it
// was, save that the tables of steps are moved together and say of their last value that
// it holds on ([tables.moveSteps]).
//
// A traceback of the result has program counters and no names. With -symbols the
// names are written to a file, and -trace puts them back into a stack that was
// printed at the level "system" (runtime/debug.SetTraceback).
//
// The layout of the tables is that of Go 1.26. A module of another version is
// copied as it is, and a line on standard error says so. The same input gives the
// same output. It imports the standard library and package lzma alone.
package main
