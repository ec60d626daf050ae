package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// probe builds testdata/probe for the browser.
func probe(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "probe.wasm")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./testdata/probe")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustSlim(t *testing.T, in []byte) (out, names []byte) {
	t.Helper()
	out, names, err := slim(in)
	if err != nil {
		t.Fatal(err)
	}
	return out, names
}

// runNode runs a module under Node, which must end with the given code, and returns
// what it has written to both outputs.
func runNode(t *testing.T, module []byte, wantCode int) (stdout, stderr string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIP: no node to run a module with")
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "module.wasm")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, filepath.Join(strings.TrimSpace(string(root)), "lib/wasm/wasm_exec_node.js"), path)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != wantCode {
		t.Fatalf("the module: %v, want exit code %d\n%s\n%s", err, wantCode, &o, &e)
	}
	return o.String(), e.String()
}

// The small module does what the module did, to the crash at its end.
func TestSmallModuleRuns(t *testing.T) {
	in := probe(t)
	out, names := mustSlim(t, in)
	t.Logf("%d bytes, %d made small", len(in), len(out))
	if len(out) > len(in)*3/5 {
		t.Errorf("%d bytes of %d are left, want at most three fifths", len(out), len(in))
	}
	wantOut, wantErr := runNode(t, in, 2)
	gotOut, gotErr := runNode(t, out, 2)
	const stackStart = "\ngoroutine 1 [running]:\n"
	want, wantStack, ok := strings.Cut(wantOut, stackStart)
	got, gotStack, _ := strings.Cut(gotOut, stackStart)
	if want != got || !ok || !strings.Contains(got, "cleanup 7\n") {
		t.Errorf("it printed\n%s\nwant\n%s", got, want)
	}

	for _, c := range []struct{ got, want string }{{gotStack, wantStack}, {gotErr, wantErr}} {
		if strings.Contains(c.got, "main.main") || strings.Contains(c.got, ".go:") {
			t.Errorf("names are in the small module's stack:\n%s", c.got)
		}
		var resolved strings.Builder
		if err := resolve(&resolved, strings.NewReader(c.got), names); err != nil {
			t.Fatal(err)
		}
		place := func(stack string) string { // of main.main, with its line
			_, rest, _ := strings.Cut(stack, "\nmain.main()\n")
			if rest == "" {
				_, rest, _ = strings.Cut("\n"+stack, "\nmain.main()\n")
			}
			line, _, _ := strings.Cut(rest, " ")
			return line
		}
		if place(c.want) == "" || place(resolved.String()) != place(c.want) {
			t.Errorf("the stack with its names again has main.main at %q, want %q:\n%s", place(resolved.String()), place(c.want), &resolved)
		}
	}
	if line, _, _ := strings.Cut(wantErr, "\n"); !strings.HasPrefix(gotErr, line) {
		t.Errorf("the crash is told as\n%s\nwant %s", gotErr, line)
	}
}

// After its start function the module has in memory what strip has left of the tables,
// byte for byte, and nothing else is changed.
func TestMemoryAfterStart(t *testing.T) {
	out, _, want, err := shrink(probe(t))
	if err != nil {
		t.Fatal(err)
	}
	got := memoryAfterStart(t, out)
	if len(got) < len(want) {
		t.Fatalf("a memory of %d bytes, want %d at least", len(got), len(want))
	}
	if n, at := differences(got, want); n > 0 {
		t.Errorf("%d bytes of the memory are different, the first is byte %d, which is %#x", n, at, got[at])
	}
}

// What the runtime reads of each function is the same in the tables that strip leaves:
// the stack pointer and the stack map at each program counter, the stack maps and the
// rest of its data, and the flags.
func TestTablesMeanTheSame(t *testing.T) {
	in := probe(t)
	_, _, after, err := shrink(bytes.Clone(in))
	if err != nil {
		t.Fatal(err)
	}
	m, err := parseModule(in)
	if err != nil {
		t.Fatal(err)
	}
	before, err := readImage(m.section(sectionData).body)
	if err != nil {
		t.Fatal(err)
	}
	want, err := findTables(before)
	if err != nil {
		t.Fatal(err)
	}
	got, err := findTables(append(after, make([]byte, len(before)-len(after))...))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.functions) != len(want.functions) || len(got.functions) < 1000 {
		t.Fatalf("%d functions, want %d", len(got.functions), len(want.functions))
	}
	values := func(tab *tables, f function, k int) []int32 {
		if k >= len(f.pcs) {
			return nil
		}
		runs, _, err := tab.stepsAt(f.pcs[k])
		if err != nil {
			t.Fatal(err)
		}
		var all []int32
		for _, r := range runs {
			for uint32(len(all)) < r.until {
				all = append(all, r.value)
			}
		}
		return all
	}
	short, renamed := 0, 0
	for i, w := range want.functions {
		g := got.functions[i]
		if g.at != w.at || g.entry != w.entry || len(g.pcs) != len(w.pcs) || len(g.funcdata) != len(w.funcdata) {
			t.Fatalf("function %d is %+v, was %+v", i, g, w)
		}
		for _, k := range []int{0, 3 + pcStackMap} {
			gv, wv := values(got, g, k), values(want, w, k)
			if len(gv) < len(wv) || len(gv) > 1<<16 || !slices.Equal(gv[:len(wv)], wv) || len(wv) == 0 != (len(gv) == 0) {
				t.Fatalf("function %d has the steps %v, had %v", i, gv, wv)
			}
			if len(wv) > 0 && len(gv) <= len(wv) {
				short++
			}
		}
		for k, offset := range w.funcdata {
			switch {
			case k == dataInline || k == dataArgInfo:
				if g.funcdata[k] != absent {
					t.Fatalf("function %d has data %d still", i, k)
				}
			case g.funcdata[k] != offset:
				t.Fatalf("data %d of function %d is at %#x, was at %#x", k, i, g.funcdata[k], offset)
			case offset != absent && k <= 1:
				if a, b := stackMap(got, offset), stackMap(want, offset); !bytes.Equal(a, b) {
					t.Fatalf("the stack map %d of function %d is %x, was %x", k, i, a, b)
				}
			}
		}
		for _, at := range []int{0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 28, 29, 30, 31, 40, 41, 42, 43} {
			if got.image[g.at+at] != want.image[w.at+at] {
				t.Fatalf("byte %d of function %d is %#x, was %#x", at, i, got.image[g.at+at], want.image[w.at+at])
			}
		}
		was, is := want.nameOf(w.name), got.nameOf(g.name)
		if keepName(was) && is != was || strings.HasPrefix(is, "runtime.") != strings.HasPrefix(was, "runtime.") || is == "" {
			t.Fatalf("function %d, %s, is called %q", i, was, is)
		}
		if is != was {
			renamed++
		}
	}
	if short > 0 || renamed < 1000 {
		t.Errorf("%d tables end with their function, want none; %d names are gone, want more", short, renamed)
	}
}

// stackMap is one, with its header: how many bitmaps it has, and of how many bits.
func stackMap(t *tables, offset uint32) []byte {
	at := t.funcData + int(offset)
	n, bits := int(t.u32(at)), int(t.u32(at+4))
	return t.image[at : at+8+n*((bits+7)/8)]
}

func TestSameEveryTime(t *testing.T) {
	in := probe(t)
	first, firstNames := mustSlim(t, bytes.Clone(in))
	second, secondNames := mustSlim(t, bytes.Clone(in))
	if !bytes.Equal(first, second) || !bytes.Equal(firstNames, secondNames) {
		t.Error("two runs gave different modules or names")
	}
}

func TestOtherVersionStays(t *testing.T) {
	in := bytes.ReplaceAll(probe(t), []byte("go1.26."), []byte("go1.99."))
	if _, _, err := slim(in); !errors.Is(err, errVersion) {
		t.Errorf("%v, want errVersion", err)
	}
	dir := t.TempDir()
	from, to := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(from, in, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := execute("", "", []string{from, to}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, in) {
		t.Errorf("the module of another version is no copy: %v", err)
	}
}

// What is cut short or has lost its tables is refused, with no panic.
func TestDamagedModule(t *testing.T) {
	in := probe(t)
	for _, n := range []int{0, 7, 8, 100, len(in) / 2, len(in) - 1} {
		if _, _, err := slim(bytes.Clone(in[:n])); err == nil {
			t.Errorf("the first %d bytes were taken for a module", n)
		}
	}
	for _, off := range []int{0, 8, 9, 15, 32, 39, 40, 48, 56, 64, 71} {
		m, err := parseModule(in)
		if err != nil {
			t.Fatal(err)
		}
		data := m.section(sectionData)
		image, err := readImage(data.body)
		if err != nil {
			t.Fatal(err)
		}
		image[bytes.Index(image, []byte("\xf1\xff\xff\xff\x00\x00\x01\x08"))+off] ^= 0x5a
		data.body = dataSection(0, image)
		if _, _, err := slim(m.encode()); !errors.Is(err, errModule) {
			t.Errorf("byte %d of the header changed: %v, want errModule", off, err)
		}
	}
}

func FuzzSlim(f *testing.F) {
	f.Add([]byte(magic))
	f.Add([]byte(magic + "\x01\x04\x01\x60\x00\x00\x03\x02\x01\x00\x0a\x04\x01\x02\x00\x0b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, _, err := slim(b); (out == nil) != (err != nil) {
			t.Errorf("%d bytes and %v", len(out), err)
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add([]byte("\x01\x01\x7f\x20\x01\x41\x08\x6a\x28\x02\x00\x1a\x0b"))
	f.Add([]byte("\x00\x03\x40\x02\x40\x02\x40\x20\x00\x0e\x01\x00\x01\x0b\x41\x01\x21\x00\x0c\x01\x0b\x0b\x0b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := parseBody(b, []byte{typeI32})
		if err != nil {
			return
		}
		body.rewrite(&callRewriter{ends: map[int64]int64{7: 9}, enter: map[int64]bool{6: true, 7: true}}, 0, 2)
		body.enter()
		again, err := parseBody(body.encode(), []byte{typeI32})
		if err != nil || len(again.code) != len(body.code) {
			t.Errorf("what was written does not read: %v", err)
		}
	})
}

// Every function of a module reads and is written back with the same meaning.
func TestBodiesRoundTrip(t *testing.T) {
	m, err := parseModule(probe(t))
	if err != nil {
		t.Fatal(err)
	}
	params, err := m.functionParams()
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{b: m.section(sectionCode).body}
	if n := int(r.u32()); n != len(params) || n < 1000 {
		t.Fatalf("%d functions, %d declared", n, len(params))
	}
	for i := range params {
		b := r.bytes(int(r.u32()))
		f, err := parseBody(b, params[i])
		if err != nil {
			t.Fatal(err)
		}
		// The linker pads the numbers of functions.
		written := f.encode()
		again, err := parseBody(written, params[i])
		if err != nil || !reflect.DeepEqual(again, f) || !bytes.Contains(b, []byte{opCall}) && !bytes.Equal(written, b) {
			t.Fatalf("function %d is written differently: %v\n%x\n%x", i, err, written, b)
		}
	}
	if r.err != nil || len(r.b) > 0 {
		t.Errorf("%v, %d bytes left", r.err, len(r.b))
	}
}

// The rules, one by one. The function has the parameter 0, the stack pointer 1 and
// the 64-bit local 2.
func TestRewrite(t *testing.T) {
	get := func(n int64) instr { return instr{op: opLocalGet, a: n} }
	set := func(n int64) instr { return instr{op: opLocalSet, a: n} }
	i32 := func(n int64) instr { return instr{op: opI32Const, a: n} }
	i64 := func(n int64) instr { return instr{op: opI64Const, a: n} }
	load := func(off int64) instr { return instr{op: 0x29, a: 3, b: off} }
	store := func(off int64) instr { return instr{op: 0x37, a: 3, b: off} }
	op := func(o byte) instr { return instr{op: o} }
	br := func(o byte, n int64) instr { return instr{op: o, a: n} }
	void := func(o byte) instr { return instr{op: o, a: typeVoid} }
	const ltS, geS = 0x53, 0x59
	frame := func(k int64) []instr {
		return []instr{get(1), op(opI64ExtendU), i64(k), op(opI64Add), op(opI32WrapI64)}
	}
	cat := func(lists ...[]instr) []instr { return slices.Concat(lists...) }
	one := func(list ...instr) []instr { return list }
	// A function of three parts: the start, 1 and 2.
	dispatch := func(parts ...[]instr) []instr {
		out := one(void(opLoop), void(opBlock), void(opBlock), void(opBlock), get(0), instr{op: opBrTable, table: []uint32{0, 1, 2, 0}}, op(opEnd))
		for i, p := range parts {
			out = append(out, p...)
			if i < 2 {
				out = append(out, op(opEnd))
			}
		}
		return append(out, op(opEnd), op(opUnreachable))
	}
	for _, c := range []struct {
		name     string
		in, want []instr
	}{
		{"nop", one(op(opNop), op(opReturn)), one(op(opReturn))},
		{"copy to itself", one(get(2), set(2)), nil},
		{"set what was just set", one(i64(1), br(opLocalTee, 2), set(2)), one(i64(1), set(2))},
		{"read what was just set", one(i64(1), set(2), get(2)), one(i64(1), br(opLocalTee, 2))},
		{"constant address", one(i64(1<<32+70000), op(opI32WrapI64)), one(i32(70000))},
		{"high constant address", one(i64(0x80000000), op(opI32WrapI64)), one(i32(-0x80000000))},
		{"load from the frame", cat(frame(384), one(load(8))), one(get(1), load(392))},
		{"store of a constant", cat(frame(384), one(i64(0), store(8))), one(get(1), i64(0), store(392))},
		{"store of a sum", cat(frame(16), one(get(2), i64(3), op(opI64Add), store(0))), one(get(1), get(2), i64(3), op(opI64Add), store(16))},
		{"store to the frame of what is in it", cat(frame(16), frame(32), one(load(0), store(0))), one(get(1), get(1), load(32), store(16))},
		{"address below the stack pointer", cat(frame(-8), one(load(0))), one(get(1), i32(-8), op(opI32Add), load(0))},
		{"address from a pointer", one(get(2), i64(8), op(opI64Add), op(opI32WrapI64), load(0)), one(get(2), i64(8), op(opI64Add), op(opI32WrapI64), load(0))},
		{"address from the parameter", one(get(0), i32(8), op(opI32Add), load(0)), one(get(0), i32(8), op(opI32Add), load(0))},
		{"value of a call", cat(frame(16), one(br(opCall, 5), store(0))), one(get(1), i32(16), op(opI32Add), br(opCall, 5), store(0))},
		{"not less", one(op(ltS), op(opI32Eqz)), one(op(geS))},
		{"not less, of floating-point numbers", one(op(0x63), op(opI32Eqz)), one(op(0x63), op(opI32Eqz))},
		{"no zero", one(i64(0), op(opI64Eq)), one(op(opI64Eqz))},
		{"not a boolean", one(op(ltS), op(opI64ExtendU), op(opI64Eqz)), one(op(geS))},
		{"truth of a boolean", one(op(ltS), op(opI64ExtendU), i64(0), op(opI64Ne), br(opBrIf, 0)), one(op(ltS), br(opBrIf, 0))},
		{"end of a function",
			one(get(1), i32(32), op(opI32Add), br(opLocalTee, 1), br(opGlobalSet, 0), get(1), i32(8), op(opI32Add), br(opLocalTee, 1), br(opGlobalSet, 0), i32(0), op(opReturn)),
			one(get(1), i32(40), op(opI32Add), br(opGlobalSet, 0), i32(0), op(opReturn))},
		{"stack pointer raised for another global",
			one(get(1), i32(32), op(opI32Add), br(opLocalTee, 1), br(opGlobalSet, 3), get(1), i32(8), op(opI32Add), br(opLocalTee, 1), br(opGlobalSet, 0)),
			one(get(1), i32(32), op(opI32Add), br(opLocalTee, 1), br(opGlobalSet, 3), get(1), i32(8), op(opI32Add), br(opLocalTee, 1), br(opGlobalSet, 0))},
		{"jumps forward",
			dispatch(one(op(ltS), void(opIf), i32(2), set(0), br(opBr, 3), op(opEnd), i32(1), set(0), br(opBr, 2)), nil, nil),
			dispatch(one(op(ltS), br(opBrIf, 1), br(opBr, 0)), nil, nil)},
		{"jumps back",
			dispatch(nil, one(i32(1), set(0), br(opBr, 1)), one(i32(0), set(0), br(opBr, 0))),
			dispatch(nil, one(i32(1), set(0), br(opBr, 1)), one(i32(0), set(0), br(opBr, 0)))},
		{"jump when the number is used otherwise",
			dispatch(one(i32(2), set(0), br(opBr, 2)), one(get(0)), nil),
			dispatch(one(i32(2), set(0), br(opBr, 2)), one(get(0)), nil)},
		{"jump out of another block, with the number set",
			dispatch(one(void(opBlock), i32(2), set(0), br(opBr, 0), op(opEnd)), nil, nil),
			dispatch(one(void(opBlock), i32(2), set(0), br(opBr, 0), op(opEnd)), nil, nil)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &body{params: []byte{typeI32}, locals: []byte{0}, kinds: []byte{typeI32, typeI32, 0x7e}, code: slices.Clone(c.in)}
			f.rewrite(&callRewriter{}, 0)
			want := &body{locals: []byte{0}, code: c.want}
			if got := f.encode(); !bytes.Equal(got, want.encode()) {
				t.Errorf("got %v\nwant %v", f.code, c.want)
			}
		})
	}
}
