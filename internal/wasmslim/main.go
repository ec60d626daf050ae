package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
)

func main() {
	symbols := flag.String("symbols", "", "write the names of functions, for -trace, to this `file`")
	trace := flag.String("trace", "", "put the names of this `file` into the stack on standard input")
	flag.Parse()
	if err := execute(*symbols, *trace, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "wasmslim:", err)
		os.Exit(1)
	}
}

func execute(symbols, trace string, args []string) error {
	if trace != "" {
		names, err := os.ReadFile(trace)
		if err != nil {
			return err
		}
		return resolve(os.Stdout, os.Stdin, names)
	}
	if len(args) != 2 {
		return errors.New("usage: wasmslim [-symbols file] in.wasm out.wasm")
	}
	in, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	out, names, err := slim(in)
	if errors.Is(err, errVersion) {
		fmt.Fprintf(os.Stderr, "wasmslim: %v: %s is a copy\n", err, args[1])
		out = in
	} else if err != nil {
		return err
	}
	if symbols != "" {
		if err := os.WriteFile(symbols, names, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(args[1], out, 0o644)
}

// slim returns the module made small and the names it has lost. A module of an
// unknown version is errVersion, and neither is returned.
func slim(in []byte) (out, names []byte, err error) {
	m, err := parseModule(in)
	if err != nil {
		return nil, nil, err
	}
	if v := m.goVersion(); v != tableVersion && !strings.HasPrefix(v, tableVersion+".") {
		return nil, nil, fmt.Errorf("%w: %q, want %s", errVersion, v, tableVersion)
	}
	data := m.section(sectionData)
	if data == nil || m.section(sectionCode) == nil {
		return nil, nil, fmt.Errorf("%w: no code or no data", errModule)
	}
	image, err := readImage(data.body)
	if err != nil {
		return nil, nil, err
	}
	t, err := findTables(image)
	if err != nil {
		return nil, nil, err
	}
	if names, err = t.symbols(); err != nil {
		return nil, nil, err
	}
	if err := t.strip(); err != nil {
		return nil, nil, err
	}
	t.stripNumbers()
	start := t.start(t.stripBuckets())
	data.body = writeImage(image)
	if err := m.rewriteCode(); err != nil {
		return nil, nil, err
	}
	if err := m.addStart(start); err != nil {
		return nil, nil, err
	}
	return m.encode(), names, nil
}
