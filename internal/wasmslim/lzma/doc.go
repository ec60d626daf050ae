// Package lzma compresses the memory image of a module, in the form of the LZMA SDK
// (LZMA1 without header and end mark), for the decoder that package wasmslim writes
// into the module. It takes its time: a module is built once and loaded often.
//
// It differs from other encoders in one thing. What it compresses lies in a memory
// with holes, which the decoder jumps over, and distances count them.
//
// It imports the standard library alone.
package lzma
