package main

import (
	"bytes"
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
	out, names, _, err = shrink(in)
	return out, names, err
}

// shrink is slim, and returns the memory too that a new instance of the module has.
func shrink(in []byte) (out, names, memory []byte, err error) {
	m, err := parseModule(in)
	if err != nil {
		return nil, nil, nil, err
	}
	if v := m.goVersion(); v != tableVersion && !strings.HasPrefix(v, tableVersion+".") {
		return nil, nil, nil, fmt.Errorf("%w: %q, want %s", errVersion, v, tableVersion)
	}
	data := m.section(sectionData)
	if data == nil || m.section(sectionCode) == nil {
		return nil, nil, nil, fmt.Errorf("%w: no code or no data", errModule)
	}
	image, err := readImage(data.body)
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := findTables(image)
	if err != nil {
		return nil, nil, nil, err
	}
	if names, err = t.symbols(); err != nil {
		return nil, nil, nil, err
	}
	ends, returns := t.ends(), t.returns()
	if err := t.strip(); err != nil {
		return nil, nil, nil, err
	}
	memory = bytes.Clone(image)
	p, err := t.pack()
	if err != nil {
		return nil, nil, nil, err
	}
	size, err := m.memorySize()
	if err != nil {
		return nil, nil, nil, err
	}
	p.buckets = t.stripBuckets()
	x, err := expand(append(image, append(make([]byte, p.at-len(image)), p.stream...)...), p.end(), size)
	if err != nil {
		return nil, nil, nil, err
	}
	data.body = x.data()
	if err := m.rewriteCode(ends, returns); err != nil {
		return nil, nil, nil, err
	}
	if err := m.addStart(p, x); err != nil {
		return nil, nil, nil, err
	}
	if err := m.reorder(); err != nil {
		return nil, nil, nil, err
	}
	return m.encode(), names, memory, nil
}
