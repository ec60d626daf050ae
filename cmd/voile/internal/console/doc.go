// Package console is "voile console": a person's view of a running node through the
// JSON API, on the screen of a terminal or line by line, in the manner of the
// original's veilid-cli (spec 07 §8). It speaks to our server and to others.
//
// The screen is a value that changes by messages and draws itself as text
// ([Screen]), so that tests can feed it and read it without a terminal.
//
// The package may import client, bind/jsonapi, core for the names of the debug
// commands, and charm.land/bubbletea and lipgloss.
package console
