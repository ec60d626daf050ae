package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestDemoOnce is `voile demo --once` with its output piped.
func TestDemoOnce(t *testing.T) {
	var out bytes.Buffer
	c := newDemoCommand()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs([]string{"--once", "--nodes", "5"})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "2 calls answered, 2 messages arrived, 0 failed") {
		t.Errorf("no summary in\n%s", out.String())
	}
}

func TestDemoMisused(t *testing.T) {
	c := newDemoCommand()
	c.SetOut(&bytes.Buffer{})
	c.SetErr(&bytes.Buffer{})
	c.SetArgs([]string{"--nodes", "2"})
	var bad *misuse
	if err := c.ExecuteContext(t.Context()); !errors.As(err, &bad) || !strings.Contains(err.Error(), "5 to 16, not 2") {
		t.Errorf("2 nodes: %v, want a misuse", err)
	}
}
