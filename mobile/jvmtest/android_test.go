package jvmtest

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// pageSize is what Android's devices may have: a part of a library that is loaded
// must begin at a multiple of it, or the library is refused.
const pageSize = 16 << 10

// aligned checks that a library can be loaded with large pages.
func aligned(t *testing.T, library string) {
	t.Helper()
	f, err := elf.Open(library)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	loads := 0
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		loads++
		if p.Align%pageSize != 0 || p.Vaddr%pageSize != p.Off%pageSize {
			t.Errorf("%s: the part at %#x of the file, %#x in memory, is aligned to %d bytes, want %d", filepath.Base(library), p.Off, p.Vaddr, p.Align, pageSize)
		}
	}
	if loads == 0 {
		t.Errorf("%s: nothing to load", library)
	}
}

// What gobind generates, unchanged, compiles and links for Android: with the
// compiler of this machine, Android's own header files where they are installed, and
// empty libraries in the place of those that a device has. It does not run here.
func TestAndroidLinks(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("SKIP: the compiler of this machine makes no code for Linux on amd64")
	}
	need(t, "gcc", "go")
	generated := gobind(t)
	dir := t.TempDir()
	include := filepath.Join(dir, "include")
	headers := ""
	const native, log = "/usr/include/android/nativehelper", "/usr/include/android/android/log.h"
	if _, err := os.Stat(native + "/jni.h"); err == nil {
		write(t, filepath.Join(include, "jni.h"), "#include <stdint.h>\n#include \""+native+"/jni.h\"\n")
	} else {
		home := jdk(t) // the desktop's, which differs in the type of one parameter
		write(t, filepath.Join(include, "jni.h"), "#include <stdint.h>\n#include \""+filepath.Join(home, "include/jni.h")+"\"\n")
		headers = " -Wno-incompatible-pointer-types -I" + filepath.Join(home, "include/linux")
	}
	if _, err := os.Stat(log); err == nil {
		write(t, filepath.Join(include, "android/log.h"), "#include \""+log+"\"\n")
		headers += " -I/usr/include/android"
	} else {
		headers += " -I" + filepath.Join(root(t), "mobile/jvmtest/shim")
	}
	for _, name := range []string{"log", "android"} {
		c := exec.Command("gcc", "-shared", "-xc", "/dev/null", "-o", filepath.Join(dir, "lib"+name+".so"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	lib := library(t, generated, filepath.Join(dir, "out"), func(name, text string) (string, string) { return name, text },
		[]string{
			"GOOS=android", "GOARCH=amd64", "CC=gcc",
			"CGO_CFLAGS=-D_GNU_SOURCE -I" + filepath.Join(root(t), "mobile/jvmtest/bionic") + " -I" + include + headers,
			"CGO_LDFLAGS=-L" + dir,
		}, "-ldflags=-s -w -extldflags=-Wl,-z,max-page-size=16384")
	aligned(t, lib)
	info, err := os.Stat(lib)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("libgojni.so for Android has %d bytes", info.Size())
}

// An archive for Android that was built on this machine (make android) has libraries
// that load with large pages.
func TestAndroidArchive(t *testing.T) {
	aar := filepath.Join(root(t), "bin", "voile.aar")
	if _, err := os.Stat(aar); err != nil {
		t.Skip("SKIP: no bin/voile.aar; make android builds it where Android's SDK is")
	}
	need(t, "unzip")
	dir := t.TempDir()
	run(t, dir, nil, "unzip", "-q", aar)
	for _, so := range find(t, ".so", filepath.Join(dir, "jni")) {
		aligned(t, so)
	}
}
