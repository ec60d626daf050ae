package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

const committed = "../../../web/src/generated/api.ts"

func TestCommittedFileIsCurrent(t *testing.T) {
	want, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what bind's schema says: make generate", committed)
	}
}

// Names turn around: what a table leaves out can be found again.
func TestNamesTurnAround(t *testing.T) {
	for wire, want := range map[string]string{
		"rc_id": "rcId", "o_cnt": "oCnt", "tm90": "tm90", "NodeId": "nodeId", "Safe": "safe",
		"max_connections_per_ip6_prefix_size": "maxConnectionsPerIp6PrefixSize",
	} {
		if got := camel(wire); got != want {
			t.Errorf("%s: %s, want %s", wire, got, want)
		}
	}
	request, err := readSchema("Request")
	if err != nil {
		t.Fatal(err)
	}
	message, err := readSchema("RecvMessage")
	if err != nil {
		t.Fatal(err)
	}
	m := newModel(request, message, nil)
	check := func(where string, fields []field) {
		for _, f := range fields {
			if strings.Contains(f.entry(), "[\"") {
				continue // named
			}
			if got := snake(f.name); got != f.wire {
				t.Errorf("%s.%s is %s on the line, and would be written %s", where, f.name, f.wire, got)
			}
		}
	}
	for _, s := range m.structs {
		check(s.name, s.fields)
	}
	for _, o := range m.operations {
		check(o.name, o.params)
	}
	if len(m.operations) < 100 || len(m.updates) != 9 {
		t.Errorf("%d operations, %d updates", len(m.operations), len(m.updates))
	}
}

// snake is the rule of web/src/codec.ts.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
