//go:build linux && !android

package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"go.uber.org/goleak"

	"github.com/voile-net/voile/platform"
	"github.com/voile-net/voile/platform/platformtest"
)

func TestMain(m *testing.M) {
	// The bus library keeps its one connection for the life of the process.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*Conn).inWorker"), goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.newConn.func1"))
}

const (
	scene    = "VOILE_TEST_KEYRING_SCENE" // set in the child: "yes"
	patience = 20 * time.Second
)

// onPrivateBus runs f in a child process that has a message bus and a home of
// its own; config is a bus configuration, empty for the ordinary one.
func onPrivateBus(t *testing.T, home, config string, f func(t *testing.T)) {
	if os.Getenv(scene) != "" {
		f(t)
		return
	}
	args := []string{"--", os.Args[0], "-test.run=^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$", "-test.v"}
	if config != "" {
		args = append([]string{"--config-file=" + config}, args...)
	}
	for _, program := range []string{"dbus-run-session", "gnome-keyring-daemon"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs a real keyring: %v (Debian: apt-get install dbus gnome-keyring)", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "dbus-run-session", args...)
	run := filepath.Join(home, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	// Nothing of the developer's session: no display, no runtime folder, no home.
	cmd.Env = []string{scene + "=yes", "HOME=" + home, "XDG_DATA_HOME=" + filepath.Join(home, "data"), "XDG_RUNTIME_DIR=" + run, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + home}
	// What the bus started must end with it and not keep the pipe open.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the session ended well, some daemon of it lives on
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: ")) {
		t.Errorf("in the private session: %v\n%s", err, out)
	}
}

// startDaemon runs gnome-keyring with its keyring unlocked by a password.
func startDaemon(t *testing.T) {
	t.Helper()
	bus, err := dbus.SessionBus()
	if err != nil {
		t.Fatal(err)
	}
	if err := bus.AddMatchSignal(dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, secretsName)); err != nil {
		t.Fatal(err)
	}
	owned := make(chan *dbus.Signal, 8)
	bus.Signal(owned)
	defer bus.RemoveSignal(owned)
	cmd := exec.Command("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
	cmd.Stdin = strings.NewReader("password")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	select {
	case <-owned:
	case <-time.After(patience):
		t.Fatal("gnome-keyring-daemon does not come up")
	}
}

func TestGnomeKeyring(t *testing.T) {
	onPrivateBus(t, t.TempDir(), "", func(t *testing.T) {
		startDaemon(t)
		n := 0
		platformtest.ProtectedStore(t, func(t *testing.T) platformtest.Secrets {
			n++ // the keyring is one; each test has a namespace
			s, err := Open(t.Context(), Options{Program: "voile test", Namespace: fmt.Sprint(n)})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
		platformtest.ProtectedStoreReopened(t, func(t *testing.T) platformtest.Secrets {
			s, err := Open(t.Context(), Options{Program: "voile test"})
			if err != nil {
				t.Fatal(err)
			}
			return s
		})
	})
}

// TestLockedGnomeKeyring: a keyring that was made, whose user is not there.
func TestLockedGnomeKeyring(t *testing.T) {
	home := t.TempDir()
	t.Run("made", func(t *testing.T) {
		onPrivateBus(t, home, "", func(t *testing.T) {
			startDaemon(t)
			s, err := Open(t.Context(), Options{Program: "voile test"})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Save(t.Context(), "key", []byte("v")); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("locked", func(t *testing.T) {
		onPrivateBus(t, home, "", func(t *testing.T) { // the bus starts the daemon, nobody unlocks
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if _, err := Open(ctx, Options{Program: "voile test"}); !errors.Is(err, platform.ErrLocked) {
				t.Errorf("Open of a locked keyring: %v, want ErrLocked", err)
			}
		})
	})
}

func TestGnomeKeyringWithoutCollection(t *testing.T) {
	onPrivateBus(t, t.TempDir(), "", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if _, err := Open(ctx, Options{Program: "voile test"}); !errors.Is(err, ErrNoKeyring) {
			t.Errorf("Open of a keyring without a collection: %v, want ErrNoKeyring", err)
		}
	})
}

func TestBusWithoutKeyring(t *testing.T) {
	config := filepath.Join(t.TempDir(), "bus.conf")
	if err := os.WriteFile(config, []byte(`<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`), 0o600); err != nil {
		t.Fatal(err)
	}
	onPrivateBus(t, t.TempDir(), config, func(t *testing.T) {
		if _, err := Open(t.Context(), Options{Program: "voile test"}); !errors.Is(err, ErrNoKeyring) {
			t.Errorf("Open on a bus without a keyring: %v, want ErrNoKeyring", err)
		}
	})
}

func TestNoBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "absent"))
	if _, err := Open(t.Context(), Options{Program: "voile test"}); !errors.Is(err, ErrNoKeyring) {
		t.Errorf("Open without a bus: %v, want ErrNoKeyring", err)
	}
}
