package core_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/voile-net/voile/core"
	"github.com/voile-net/voile/core/config"
)

// kept is a configuration that keeps everything in a folder.
func kept(t *testing.T) config.Config {
	cfg := local(t, "kept")
	cfg.ProtectedStore.Directory, cfg.TableStore.Directory = t.TempDir(), t.TempDir()
	cfg.ProtectedStore.AlwaysUseInsecureStorage = true
	return cfg
}

func open(t *testing.T, cfg config.Config) *core.Node {
	t.Helper()
	n, err := core.Start(t.Context(), cfg, core.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func TestTablesAndSecretsSurviveARestart(t *testing.T) {
	cfg := kept(t)
	n := open(t, cfg)
	ctx := t.Context()
	table, err := n.OpenTable(ctx, "notes", 2)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := table.Transact()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "b"} {
		if err := tx.Store(1, []byte(key), []byte("value of "+key)); err != nil {
			t.Fatal(err)
		}
	}
	if _, found, err := table.Load(ctx, 1, []byte("a")); err != nil || found {
		t.Errorf("before the commit: found %v, %v", found, err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := n.SaveUserSecret(ctx, "token", []byte("hush")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.OpenTable(ctx, "no/slash", 1); core.KindOf(err) != core.InvalidArgument {
		t.Errorf("bad name: %v, want InvalidArgument", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{cfg.TableStore.Directory, cfg.ProtectedStore.Directory} {
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			raw, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"value of a", "hush", "notes"} {
				if bytes.Contains(raw, []byte(text)) {
					t.Errorf("%s holds %q in clear", f.Name(), text)
				}
			}
		}
	}

	n = open(t, cfg)
	if table, err = n.OpenTable(ctx, "notes", 2); err != nil {
		t.Fatal(err)
	}
	if value, found, err := table.Load(ctx, 1, []byte("b")); err != nil || !found || string(value) != "value of b" {
		t.Errorf("after a restart: %q, %v, %v", value, found, err)
	}
	if secret, found, err := n.LoadUserSecret(ctx, "token"); err != nil || !found || string(secret) != "hush" {
		t.Errorf("secret after a restart: %q, %v, %v", secret, found, err)
	}
}

// A damaged file is named, and is never taken for an empty one.
func TestCorruptStoreIsNamed(t *testing.T) {
	cfg := kept(t)
	open(t, cfg).Close()
	var file string
	files, err := os.ReadDir(cfg.TableStore.Directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".lock") {
			file = filepath.Join(cfg.TableStore.Directory, f.Name())
		}
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"cut off": raw[:3*4096], // its first pages alone
		"garbage": bytes.Repeat([]byte("x"), len(raw)),
	} {
		if err := os.WriteFile(file, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := core.Start(t.Context(), cfg, core.Options{})
		if core.KindOf(err) != core.Internal || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v, want an Internal error that names %s", name, err, file)
		}
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, damaged) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
}
