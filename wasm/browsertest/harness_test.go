//go:build !js

package browsertest

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// places are where the module runs. "node" is Node itself, with the WebSocket of
// the npm package ws where it has none of its own.
func places(t *testing.T) []string {
	t.Helper()
	only := os.Getenv("VOILE_BROWSERS")
	if only == "" {
		t.Skip("SKIP: takes minutes: make wasm-test sets VOILE_BROWSERS=node,chromium,firefox")
	}
	return slices.DeleteFunc([]string{"node", "chromium", "firefox"}, func(p string) bool {
		return !slices.Contains(strings.Split(only, ","), p)
	})
}

// in runs a test in every place.
func in(t *testing.T, f func(t *testing.T, place string)) {
	for _, place := range places(t) {
		t.Run(place, func(t *testing.T) {
			need(t, place)
			f(t, place)
		})
	}
}

// root is the top of the tree.
func root(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// need skips the test where something is not installed.
func need(t testing.TB, place string) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("SKIP: node is not installed")
	}
	if _, err := os.Stat(filepath.Join(root(t), "web/node_modules/playwright-core")); err != nil {
		t.Skip("SKIP: web/node_modules is not there: run npm ci in web")
	}
	programs := map[string][]string{"chromium": {"chromium"}, "firefox": {"firefox-esr", "firefox"}}[place]
	if programs != nil && !slices.ContainsFunc(programs, func(p string) bool { _, err := exec.LookPath(p); return err == nil }) {
		t.Skipf("SKIP: %s is not installed", place)
	}
}

// module is the path of the module that pages load, which make web-module makes.
func module(t testing.TB) string {
	t.Helper()
	path := filepath.Join(root(t), "web", "dist", "voile.wasm")
	if _, err := os.Stat(path); err != nil {
		t.Skip("SKIP: web/dist/voile.wasm is not there: run make web-module")
	}
	return path
}

// job and step are what scenario.mjs is told; see there.
type job struct {
	Place  string `json:"place"`
	Module string `json:"module"`
	Steps  []step `json:"steps"`
	// TLS has key, cert and authority, for a page that is served by https.
	TLS map[string]string `json:"tls,omitempty"`
}

type step struct {
	Scenario  string         `json:"scenario"`
	Config    any            `json:"config,omitempty"`
	Host      map[string]any `json:"host,omitempty"` // besides what the scenario says
	Data      map[string]any `json:"data"`
	Keep      bool           `json:"keep,omitempty"`
	KillAfter *int           `json:"killAfter,omitempty"`
	Quota     *int           `json:"quota,omitempty"`
}

// play runs the steps of one place and reads what each has to say into results,
// which is a pointer to a slice.
func play(t *testing.T, place string, results any, steps ...step) {
	t.Helper()
	playJob(t, job{Place: place, Steps: steps}, results)
}

func playJob(t *testing.T, j job, results any) {
	t.Helper()
	for i := range j.Steps {
		if j.Steps[i].Data == nil {
			j.Steps[i].Data = map[string]any{}
		}
	}
	j.Module = module(t)
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "test/browser/scenario.mjs")
	cmd.Dir = filepath.Join(root(t), "web")
	cmd.Stdin = bytes.NewReader(text)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if err := json.Unmarshal(out.Bytes(), results); err != nil {
		t.Fatalf("%v: %s\n%s", err, out.String(), log.String())
	}
	if testing.Verbose() && log.Len() > 0 {
		t.Log(log.String())
	}
}
