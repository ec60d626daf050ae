//go:build linux && !android

package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// writeTable prints the results side by side, with each figure's ratio to that
// of the first kind.
func writeTable(w io.Writer, p plan, results []Result) error {
	if len(results) == 0 {
		_, err := fmt.Fprintln(w, "nothing was measured")
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := []string{""}
	for i, r := range results {
		head = append(head, string(r.Kind))
		if i > 0 {
			head = append(head, "ratio")
		}
	}
	fmt.Fprintln(t, strings.Join(head, "\t")+"\t")
	row := func(name, format string, figure func(Result) float64) {
		cells := []string{name}
		for i, r := range results {
			cells = append(cells, fmt.Sprintf(format, figure(r)))
			if i == 0 {
				continue
			}
			ratio := "-"
			if base := figure(results[0]); base != 0 {
				ratio = fmt.Sprintf("%.2f", figure(r)/base)
			}
			cells = append(cells, ratio)
		}
		fmt.Fprintln(t, strings.Join(cells, "\t")+"\t")
	}
	row(fmt.Sprintf("network of %d ready, s", p.nodes-1), "%.1f", func(r Result) float64 { return r.NetworkReady.Seconds() })
	row("one more ready, s", "%.1f", func(r Result) float64 { return r.JoinReady.Seconds() })
	row("idle memory, MB", "%.0f", func(r Result) float64 { return float64(r.IdleRSS) / 1e6 })
	row("memory after load, largest, MB", "%.0f", func(r Result) float64 { return float64(r.LoadRSS) / 1e6 })
	row("call of 1 KiB, p50, ms", "%.2f", func(r Result) float64 { return millis(r.CallP50) })
	row("call of 1 KiB, p99, ms", "%.2f", func(r Result) float64 { return millis(r.CallP99) })
	for i, c := range results[0].Calls {
		row(fmt.Sprintf("calls/s, %d in flight", c.InFlight), "%.0f", func(r Result) float64 { return r.Calls[i].PerSecond })
		row(fmt.Sprintf("p99 with %d in flight, ms", c.InFlight), "%.2f", func(r Result) float64 { return millis(r.Calls[i].P99) })
		row(fmt.Sprintf("processor per call, %d in flight, all nodes, ms", c.InFlight), "%.3f", func(r Result) float64 { return millis(r.Calls[i].CPU) })
		row(fmt.Sprintf("failed calls, %d in flight", c.InFlight), "%.0f", func(r Result) float64 { return float64(r.Calls[i].Errors) })
	}
	row("record set of 1 KiB, p50, ms", "%.2f", func(r Result) float64 { return millis(r.Records.SetP50) })
	row("record set of 1 KiB, p99, ms", "%.2f", func(r Result) float64 { return millis(r.Records.SetP99) })
	row("record get from the network, p50, ms", "%.2f", func(r Result) float64 { return millis(r.Records.GetP50) })
	row("record get from the network, p99, ms", "%.2f", func(r Result) float64 { return millis(r.Records.GetP99) })
	row("messages of 16 KiB offered, MB/s", "%.1f", func(Result) float64 { return p.offered })
	row("messages taken, MB/s", "%.1f", func(r Result) float64 { return r.Messages.Offered })
	row("messages delivered, MB/s", "%.1f", func(r Result) float64 { return r.Messages.Delivered })
	row("messages lost, %", "%.1f", func(r Result) float64 { return 100 * r.Messages.Lost })
	row("messages refused", "%.0f", func(r Result) float64 { return float64(r.Messages.Errors) })
	for _, f := range apiFigures() {
		row(f.name, f.format, func(r Result) float64 { return f.of(r.API) })
	}
	return t.Flush()
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// splitList splits at commas; empty parts are none.
func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}
