package main

import (
	"debug/elf"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/voile-net/voile/internal/loopback"
)

// built are the libraries of this run, made when a test first wants them.
type built struct {
	dir             string
	shared, archive func() error
}

var libraries built

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "voile-clib")
	if err != nil {
		panic(err)
	}
	libraries = built{
		dir: dir,
		shared: sync.OnceValue(func() error {
			return build(dir, "libvoile.so", "c-shared", "-extldflags=-Wl,-z,max-page-size=16384,--version-script="+here("exports.map"))
		}),
		archive: sync.OnceValue(func() error { return build(dir, "libvoile.a", "c-archive", "") }),
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// here is a file of this package, wherever the test runs.
func here(name string) string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return filepath.Join(dir, name)
}

func build(dir, name, mode, flags string) error {
	cmd := exec.Command("go", "build", "-buildmode="+mode, "-trimpath", "-ldflags=-s -w "+flags, "-o", filepath.Join(dir, name), ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return &buildError{string(out), err}
	}
	return nil
}

type buildError struct {
	output string
	err    error
}

func (e *buildError) Error() string { return e.err.Error() + "\n" + e.output }

// shared is the path of the shared library. Tests that need it are for systems where
// this run can make and load it.
func shared(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIP: builds the library")
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIP: the test programs are built for Linux here; see make clib-all")
	}
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("SKIP: no C compiler (cc)")
	}
	if err := libraries.shared(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(libraries.dir, "libvoile.so")
}

// compile makes a program of a C file and the library.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	args := append([]string{"-g", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I.", "-o", program, source}, flags...)
	if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
		t.Fatalf("cc %v: %v\n%s", args, err, out)
	}
	return program
}

// run runs a program that loads the library, and gives what it prints.
func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries.dir, "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", filepath.Base(program), args, err, out)
	}
	return string(out)
}

// sanitizers are the flags for a C compiler that has them.
func sanitizers(t *testing.T) []string {
	flags := []string{"-fsanitize=address,undefined", "-fno-omit-frame-pointer"}
	empty := filepath.Join(t.TempDir(), "empty.c")
	if err := os.WriteFile(empty, []byte("int main(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", append(flags, "-o", empty+".out", empty)...).CombinedOutput(); err != nil {
		t.Logf("SKIP the sanitizers: %s", out)
		return nil
	}
	return flags
}

// The promises of the header, checked by a C program under AddressSanitizer, with
// both forms of the library.
func TestPromises(t *testing.T) {
	shared(t)
	flags := sanitizers(t)
	t.Run("shared", func(t *testing.T) {
		out := run(t, compile(t, "testdata/check.c", append(flags, "-L"+libraries.dir, "-lvoile", "-lpthread")...))
		if !strings.HasSuffix(out, "ok cycles\n") {
			t.Errorf("it ends with %q", out)
		}
	})
	t.Run("archive", func(t *testing.T) {
		if err := libraries.archive(); err != nil {
			t.Fatal(err)
		}
		out := run(t, compile(t, "testdata/check.c", append(flags, filepath.Join(libraries.dir, "libvoile.a"), "-lpthread", "-ldl", "-lresolv")...))
		if !strings.HasSuffix(out, "ok cycles\n") {
			t.Errorf("it ends with %q", out)
		}
	})
}

// said is what the examples must have said by their end.
var said = []string{
	"ann hears: hello ann, nobody knows where I am\n", "ben reads: the key is under the mat\n",
	"ann remembers that ben likes tea\n", "a ninth page: InvalidArgument (12)\n", "all is closed\n",
}

// firstPort is the first of five free ports in a row.
func firstPort(t *testing.T) string {
	const count = 5
	for range 100 {
		first := loopback.FreePort(t)
		free := first+count < 1<<16
		for i := 1; free && i < count; i++ {
			free = isFree(first + i)
		}
		if free {
			return strconv.Itoa(first)
		}
	}
	t.Fatal("no five free ports in a row")
	return ""
}

func isFree(port int) bool {
	at := "127.0.0.1:" + strconv.Itoa(port)
	l, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	l.Close()
	p, err := net.ListenPacket("udp", at)
	if err != nil {
		return false
	}
	p.Close()
	return true
}

func TestExampleC(t *testing.T) {
	shared(t)
	program := compile(t, "../../examples/c/hello.c", append(sanitizers(t), "-L"+libraries.dir, "-lvoile")...)
	out := run(t, program, firstPort(t))
	for _, s := range said {
		if !strings.Contains(out, s) {
			t.Errorf("it does not say %q:\n%s", s, out)
		}
	}
}

func TestExamplePython(t *testing.T) {
	library := shared(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("SKIP: no python3")
	}
	out := run(t, python, "../../examples/ctypes/hello.py", library, firstPort(t))
	for _, s := range said {
		if !strings.Contains(out, s) {
			t.Errorf("it does not say %q:\n%s", s, out)
		}
	}
}

// What it costs to cross the border stays below what is promised.
func TestCost(t *testing.T) {
	shared(t)
	if raceEnabled {
		t.Skip("SKIP: under the race detector")
	}
	t.Log("\n" + run(t, compile(t, "testdata/bench.c", "-O2", "-L"+libraries.dir, "-lvoile"), "-check"))
}

// The library shows the functions of the headers and nothing else.
func TestSymbols(t *testing.T) {
	f, err := elf.Open(shared(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF {
			got = append(got, s.Name)
		}
	}
	for _, header := range []string{"voile.h", "voile_dart.h"} {
		text, err := os.ReadFile(header)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^VOILE_API .*?(voile_\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			want = append(want, m[1])
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) < 20 {
		t.Errorf("the library shows %v,\nthe headers %v", got, want)
	}
}

// Android and some Linux devices load in pages of 16 KiB.
func TestPageAlignment(t *testing.T) {
	const page = 16 << 10
	f, err := elf.Open(shared(t))
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
		if p.Align < page || p.Align%page != 0 || p.Vaddr%page != p.Off%page {
			t.Errorf("a segment at %#x of the file goes to %#x, aligned to %d bytes", p.Off, p.Vaddr, p.Align)
		}
	}
	if loads == 0 {
		t.Error("nothing is loaded")
	}
}

// The module for Python has the numbers that the header has.
func TestPythonNumbers(t *testing.T) {
	text, err := os.ReadFile("../../examples/ctypes/voile.py")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, header := range []string{"voile.h", "voile_codes.h"} {
		h, err := os.ReadFile(header)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)(?:#define |^  )VOILE_(\w+) =? ?(\d+)\b`).FindAllStringSubmatch(string(h), -1) {
			want[m[1]], _ = strconv.Atoi(m[2])
		}
	}
	got := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)^([A-Z_]+(?:, [A-Z_]+)*) = (\d+(?:, \d+)*)$`).FindAllStringSubmatch(string(text), -1) {
		numbers := strings.Split(m[2], ", ")
		for i, name := range strings.Split(m[1], ", ") {
			got[name], _ = strconv.Atoi(numbers[i])
		}
	}
	if len(got) < 10 {
		t.Errorf("only %v was found", slices.Collect(maps.Keys(got)))
	}
	names := map[string]string{"ANSWER": "EVENT_ANSWER", "UPDATE": "EVENT_UPDATE", "CRASH": "EVENT_CRASH", "SESSION_ENDED": "EVENT_CLOSED"}
	for name, number := range got {
		c := name
		if other, ok := names[name]; ok {
			c = other
		}
		if n, ok := want[c]; !ok || n != number {
			t.Errorf("%s is %d, VOILE_%s is %d", name, number, c, n)
		}
	}
}
