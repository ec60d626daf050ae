// Package logs is the log layers of a server (spec 07 §7): terminal, file,
// system log and the clients of the API. Each has its own level, levels of single
// facilities, and facilities that it leaves out; all of that can be changed while
// the program runs.
//
// A facility is the part of the program that logs, found by the package that the
// log line stands in, so that no package has to name itself.
//
// The package imports the standard library only.
package logs
