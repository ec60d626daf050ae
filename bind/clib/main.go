// Command clib is the C library: go build -buildmode=c-shared (or c-archive) makes
// libvoile of it, which voile.h describes. The functions of that header are in
// bridge.c and voile_dart.c; they call the exported functions of this package, which
// carry arguments to package abi and answers back. A program made of it does nothing.
//
// Each exported function recovers: a panic is an error of the kind Internal for the
// caller, with the stack in the message.
//
// It may import bind/clib/abi, bind/instance and core/config.
package main

func main() {}
