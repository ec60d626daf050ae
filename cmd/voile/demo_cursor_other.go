//go:build !windows

package main

import "os"

// movesCursor reports whether a terminal understands escape sequences.
func movesCursor(*os.File) bool { return true }
