package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// A file of symbols has one line a function, in order of program counters, fields
// divided by tabs: the first program counter in hexadecimal, the name, then for
// each run of program counters its end, counted from the first, its file and its
// line, divided by spaces; a file that is that of the run before is left out.

func (t *tables) symbols() ([]byte, error) {
	var out bytes.Buffer
	for _, f := range t.functions {
		fmt.Fprintf(&out, "%x\t%s", uint64(f.entry)<<16, t.nameOf(f.name))
		files, _, err := t.stepsAt(f.pcs[1])
		if err != nil {
			return nil, err
		}
		lines, _, err := t.stepsAt(f.pcs[2])
		if err != nil {
			return nil, err
		}
		last := ""
		for i, j := 0, 0; i < len(files) && j < len(lines); {
			until := min(files[i].until, lines[j].until)
			file := t.fileOf(f.cu, files[i].value)
			fmt.Fprintf(&out, "\t%x %d", until, lines[j].value)
			if file != last {
				out.WriteString(" " + file)
				last = file
			}
			if files[i].until == until {
				i++
			}
			if lines[j].until == until {
				j++
			}
		}
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// fileOf is the name of a file of a compilation unit.
func (t *tables) fileOf(cu uint32, file int32) string {
	at := t.cus + 4*int(cu+uint32(file))
	if file < 0 || at < t.cus || at+4 > t.files {
		return "?"
	}
	offset := t.u32(at)
	if offset == absent || t.files+int(offset) >= t.steps {
		return "?"
	}
	return t.textAt(t.files + int(offset))
}

var (
	traceFunction = regexp.MustCompile(`^(created by )?(f[a-p]{4}|panic|runtime\.[^\s(]*)(\(| in )`)
	numberedName  = regexp.MustCompile(`^(runtime\.)?f[a-p]{4}$`)
	tracePlace    = regexp.MustCompile(`^\t\?:0 \+0x([0-9a-f]+)`)
)

// resolve copies the text of stacks and gives functions their names and places.
func resolve(out io.Writer, stack io.Reader, symbols []byte) error {
	table := make(map[string]string) // by what the stack calls the function
	for line := range strings.Lines(string(symbols)) {
		first, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		pc, err := strconv.ParseUint(first, 16, 64)
		if err != nil {
			return fmt.Errorf("symbols: %w", err)
		}
		name, _, _ := strings.Cut(rest, "\t")
		number := shortName(uint32(pc >> 16))
		table[number], table[runtimePrefix+number], table[name] = rest, rest, rest
		if name == "runtime.gopanic" { // as stacks call it
			table["panic"] = rest
		}
	}
	lines := bufio.NewScanner(stack)
	function := ""
	for lines.Scan() {
		line := lines.Text()
		if m := traceFunction.FindStringSubmatchIndex(line); m != nil {
			function = table[line[m[4]:m[5]]]
			if name, _, _ := strings.Cut(function, "\t"); numberedName.MatchString(line[m[4]:m[5]]) && name != "" {
				line = line[:m[4]] + name + line[m[5]:]
			}
		} else if m := tracePlace.FindStringSubmatchIndex(line); m != nil {
			pc, err := strconv.ParseUint(line[m[2]:m[3]], 16, 64)
			if place := locate(function, pc); err == nil && place != "" {
				line = "\t" + place + strings.TrimPrefix(line, "\t?:0")
			}
		}
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return lines.Err()
}

// locate finds what the symbols of a function say of the place before pc, which a
// call returns to.
func locate(symbols string, pc uint64) string {
	file := ""
	for i, field := range strings.Split(symbols, "\t") {
		parts := strings.SplitN(field, " ", 3)
		if i == 0 || len(parts) < 2 {
			continue
		}
		if len(parts) == 3 {
			file = parts[2]
		}
		if until, err := strconv.ParseUint(parts[0], 16, 64); err == nil && pc <= until {
			return file + ":" + parts[1]
		}
	}
	return ""
}
