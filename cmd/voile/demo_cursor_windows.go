package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// movesCursor switches a console to understanding escape sequences; old ones cannot.
func movesCursor(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	return windows.GetConsoleMode(h, &mode) == nil &&
		windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
