//go:build windowstest

package windowstest

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind/clib/internal/zig"
)

const (
	target = "x86_64-windows-gnu"
	root   = "../../.."
)

// wine runs programs in a prefix of these tests, which stays in the cache since it
// takes a while to make.
type wine struct {
	command string
	prefix  string
	dir     string // where the programs and the DLL are
	zig     *zig.Compiler
}

func newWine(t *testing.T) *wine {
	t.Helper()
	w := &wine{dir: t.TempDir()}
	for _, name := range []string{"wine64", "wine", "/usr/lib/wine/wine64"} {
		if path, err := exec.LookPath(name); err == nil {
			w.command = path
			break
		}
	}
	if w.command == "" {
		t.Skip("SKIP: no wine (Debian: apt-get install wine64)")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	w.prefix = filepath.Join(home, ".cache", "voile-wine")
	if w.zig, err = zig.Find(); err != nil {
		t.Skipf("SKIP: %v", err)
	}
	system := filepath.Join(w.prefix, "drive_c", "windows", "system32")
	if _, err := os.Stat(system); err != nil { // wine makes it with the first program it runs
		w.run(t, "hostname.exe")
	}
	if _, err := os.Stat(filepath.Join(system, "bcryptprimitives.dll")); err != nil {
		w.cc(t, filepath.Join(system, "bcryptprimitives.dll"), "-shared", "testdata/bcryptprimitives.c", "-ladvapi32")
	}
	return w
}

func (w *wine) cmd(t *testing.T, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), w.command, append([]string{program}, args...)...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=")
	return cmd
}

// run runs a program to its end and gives what it says.
func (w *wine) run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := w.cmd(t, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// cc compiles for Windows.
func (w *wine) cc(t *testing.T, to string, args ...string) {
	t.Helper()
	cmd := w.zig.Command(target, append([]string{"-g0", "-O1", "-std=c11", "-I..", "-o", to}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// golang builds a Go program for Windows.
func (w *wine) golang(t *testing.T, to, pkg string) {
	t.Helper()
	cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(w.dir, to), pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", pkg, err, out)
	}
}

func TestLibrary(t *testing.T) {
	w := newWine(t)
	dist := exec.Command("go", "run", "./bind/clib/dist", "-out", w.dir, "windows/amd64")
	dist.Dir = root
	out, err := dist.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	if err := os.Rename(filepath.Join(w.dir, "voile-windows-amd64.dll"), filepath.Join(w.dir, "voile.dll")); err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(w.dir, "voile-windows-amd64.lib")
	t.Run("promises", func(t *testing.T) {
		w.cc(t, filepath.Join(w.dir, "check.exe"), "../testdata/check.c", lib)
		if out := w.run(t, "check.exe"); !strings.HasSuffix(strings.TrimSpace(out), "ok cycles") {
			t.Errorf("it ends with %q", out)
		}
	})
	t.Run("example", func(t *testing.T) {
		w.cc(t, filepath.Join(w.dir, "hello.exe"), root+"/examples/c/hello.c", lib)
		// Wine 8 lacks a control of datagram sockets that Go's need.
		if out := w.run(t, "hello.exe", strconv.Itoa(freePorts(t)), "tcp"); !strings.HasSuffix(strings.TrimSpace(out), "all is closed") {
			t.Errorf("it ends with %q", out)
		}
	})
}

// freePorts is the first of five ports in a row that are free.
func freePorts(t *testing.T) int {
	for first := 25250; first < 32000; first += 10 {
		free := true
		for i := range 5 {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(first+i))
			if err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// The server listens on a named pipe and answers a client there.
func TestNamedPipe(t *testing.T) {
	w := newWine(t)
	w.golang(t, "voile.exe", "github.com/voile-net/voile/cmd/voile")
	w.golang(t, "pipeclient.exe", "./pipeclient")
	if err := os.Mkdir(filepath.Join(w.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	name := "voile-test-" + strconv.Itoa(os.Getpid())
	server := w.cmd(t, "voile.exe", "serve", "--data", "data", "--no-attach", "--api", "pipe:"+name)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		server.Process.Kill()
		server.Wait() // it was killed
	}()
	ready := false
	for lines := bufio.NewScanner(out); !ready && lines.Scan(); {
		ready = strings.HasPrefix(lines.Text(), "ready ")
		t.Log(lines.Text())
	}
	if !ready {
		t.Fatal("the server has ended")
	}
	for range 2 {
		if said := w.run(t, "pipeclient.exe", `\\.\pipe\`+name); !strings.HasPrefix(said, "answers of ") {
			t.Errorf("the client says %q", said)
		}
	}
}
