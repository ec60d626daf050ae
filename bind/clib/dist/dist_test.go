package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// The manifest has the version of the interface that the header has.
func TestABI(t *testing.T) {
	text, err := os.ReadFile("../voile.h")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^#define VOILE_ABI (\d+)$`).FindSubmatch(text)
	if m == nil || string(m[1]) != strconv.Itoa(abiVersion) {
		t.Errorf("voile.h has %q, the manifest %d", m, abiVersion)
	}
}

func TestNewer(t *testing.T) {
	for version, want := range map[string]bool{
		"GLIBC_2.2.5": false, "GLIBC_2.17": false, "GLIBC_2.17.1": true, "GLIBC_2.34": true, "GLIBC_3": true, "": false, "GCC_3.0": false,
	} {
		if got := newer(version, oldestGlibc); got != want {
			t.Errorf("%q is newer than %s: %t", version, oldestGlibc, got)
		}
	}
}

// Files of another version or interface are forgotten; of the same one they stay.
func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.json")
	for text, want := range map[string]int{
		`{"version":"1","abi":1,"files":[{"target":"a"}]}`: 1,
		`{"version":"2","abi":1,"files":[{"target":"a"}]}`: 0,
		`{"version":"1","abi":9,"files":[{"target":"a"}]}`: 0,
		`nonsense`: 0,
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := load(path, "1")
		if err != nil || len(m.Files) != want || m.Version != "1" || m.ABI != abiVersion {
			t.Errorf("%s gives %+v, %v", text, m, err)
		}
	}
}
