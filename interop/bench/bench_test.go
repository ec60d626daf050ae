//go:build linux && !android

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/voile-net/voile/interop/lab"
)

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for _, c := range []struct {
		name string
		in   []time.Duration
		p    int
		want time.Duration
	}{
		{"middle", hundred, 50, 50}, {"high", hundred, 99, 99}, {"all", hundred, 100, 100},
		{"one", hundred[:1], 99, 1}, {"two", hundred[:2], 50, 1}, {"three", hundred[:3], 50, 2},
	} {
		if got := percentile(c.in, c.p); got != c.want {
			t.Errorf("%s: percentile %d is %d, want %d", c.name, c.p, got, c.want)
		}
	}
}

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 250 150 0 0"
	for _, c := range []struct {
		name, text string
		want       time.Duration
	}{
		{"plain", "42 (voile)" + rest, 4 * time.Second},
		{"odd name", "42 (a) b (c)" + rest, 4 * time.Second},
		{"no name", "42 voile" + rest, 0},
		{"cut", "42 (voile) S 1 2", 0},
		{"no number", "42 (voile) S 1 2 3 4 5 6 7 8 9 10 x 150 0 0", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseStat(c.text)
			if got != c.want || (err == nil) != (c.want != 0) {
				t.Errorf("parseStat = %s, %v; want %s", got, err, c.want)
			}
		})
	}
}

func TestOwnProcess(t *testing.T) {
	if rss, err := residentSize(os.Getpid()); err != nil || rss < 1<<20 || rss > 1<<34 {
		t.Errorf("this test has %d bytes, %v", rss, err)
	}
	if _, err := parseStatus("Name:\tzombie\n"); err == nil {
		t.Error("an ended process has memory")
	}
}

func TestParseKinds(t *testing.T) {
	for _, c := range []struct {
		text string
		want []lab.Kind
	}{
		{"real,voile", []lab.Kind{lab.Real, lab.Voile}}, {"voile", []lab.Kind{lab.Voile}}, {"", nil}, {"real,other", nil},
	} {
		got, err := parseKinds(c.text)
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("parseKinds(%q) = %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}

func TestTable(t *testing.T) {
	results := []Result{
		{Kind: lab.Real, IdleRSS: 36e6, Calls: []CallLoad{{InFlight: 16, PerSecond: 1500}}},
		{Kind: lab.Voile, IdleRSS: 18e6, Calls: []CallLoad{{InFlight: 16, PerSecond: 3000, Errors: 2}}},
	}
	var b bytes.Buffer
	if err := writeTable(&b, plan{nodes: 6}, results); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{"real", "0.5.8", "voile", "ratio"},
		{"idle", "memory,", "MB", "36", "18", "0.50"},
		{"calls/s,", "16", "in", "flight", "1500", "3000", "2.00"},
		{"failed", "calls,", "16", "in", "flight", "0", "2", "-"},
	} {
		if !slices.ContainsFunc(strings.Split(b.String(), "\n"), func(line string) bool { return slices.Equal(strings.Fields(line), want) }) {
			t.Errorf("no row %q in\n%s", want, &b)
		}
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-nodes", "5"}, {"-load", "0s"}, {"-offer", "0"}, {"extra"}, {"-kinds", "none"}, {"-loads", "none"}} {
		if err := run(context.Background(), args); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v, want an error", args, err)
		}
	}
}

func TestRestEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := rest(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("rest: %v, want canceled", err)
	}
}
