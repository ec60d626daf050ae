// Package windowstest has tests of what is built for Windows, run under wine: the C
// library with the programs that check it elsewhere, and the named pipe of voile
// serve. They are behind the build tag windowstest, since they build a lot:
//
//	make windows-test
package windowstest
