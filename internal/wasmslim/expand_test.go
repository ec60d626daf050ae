package main

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/voile-net/voile/internal/wasmslim/lzma"
)

// memoryAfterStart is the memory, exported as "mem", of a new instance.
func memoryAfterStart(t *testing.T, module []byte) []byte {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIP: no node to instantiate a module with")
	}
	dir := t.TempDir()
	path, memory := filepath.Join(dir, "module.wasm"), filepath.Join(dir, "memory")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	const instantiate = `
		const fs = require("fs"), [module, memory] = process.argv.slice(1);
		const m = new WebAssembly.Module(fs.readFileSync(module)), imports = {};
		for (const i of WebAssembly.Module.imports(m)) (imports[i.module] ??= {})[i.name] = () => 0;
		fs.writeFileSync(memory, new Uint8Array(new WebAssembly.Instance(m, imports).exports.mem.buffer));`
	if out, err := exec.Command(node, "-e", instantiate, path, memory).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(memory)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// differences counts the bytes of got that are not those of want, or zero behind it,
// and returns the first.
func differences(got, want []byte) (n, first int) {
	for at := len(got) - 1; at >= 0; at-- {
		if at < len(want) && got[at] != want[at] || at >= len(want) && got[at] != 0 {
			n, first = n+1, at
		}
	}
	return n, first
}

// A module that does nothing but expand has the image in its memory, and what the
// expansion needs behind it.
func TestExpand(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	random := make([]byte, 100_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	// Copies of all lengths, from each power of two of a distance and around it.
	distances := append([]byte{0}, random[:70_000]...)
	for back := 1; back < 1<<17; back *= 2 {
		for d := max(1, back-2); d < back+3; d++ {
			for range min(2+r.IntN(280), len(distances)) {
				distances = append(distances, distances[max(0, len(distances)-d)])
			}
			distances = append(distances, random[d%70_000:][:1+d%2]...)
		}
	}
	words := []byte{0}
	for range 30_000 {
		words = append(words, "memory type function"[r.IntN(4)*5:][:5]...)
		words = append(words, byte(r.IntN(3)))
	}
	holes := make([]byte, 300_000)
	copy(holes[10:], words[:5000])
	copy(holes[20_000:], words[:5000])
	copy(holes[200_003:], distances[:30_000])
	for _, c := range []struct {
		name  string
		image []byte
		most  int // bytes of the compressed form
	}{
		{"nothing", nil, 4},
		{"zeros", make([]byte, 10_000), 4},
		{"one byte", []byte{0, 1}, 6},
		{"the last byte of many", append(make([]byte, 100_000), 0xff), 6},
		{"no match", random[:1], 6},
		{"random", append([]byte{0}, random...), 102_000},
		{"one byte many times", append([]byte{0}, bytes.Repeat([]byte{0xa5}, 200_000)...), 200},
		{"ten bytes many times", append([]byte{0}, bytes.Repeat([]byte("0123456789"), 20_000)...), 200},
		{"zeros and ones, each fewer than a hole", bytes.Repeat(append(make([]byte, minHole-1), bytes.Repeat([]byte{1}, 3000)...), 40), 1000},
		{"all distances", distances, 74_000},
		{"words", words, 20_000},
		{"holes", holes, 35_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if len(c.image) > 0 {
				c.image[0] = 0
			}
			const pages = 16
			m := &module{sections: []section{
				{sectionType, []byte{0}}, {sectionFunction, []byte{0}}, {sectionMemory, []byte{1, 0, pages}},
				{sectionGlobal, []byte{0}}, {sectionExport, []byte("\x01\x03mem\x02\x00")}, {sectionCode, []byte{0}},
			}}
			x, err := expand(c.image, len(c.image)+1, pages<<16)
			if err != nil {
				t.Fatal(err)
			}
			if len(x.stream) > c.most {
				t.Errorf("compressed to %d bytes, want %d at most", len(x.stream), c.most)
			}
			if err := x.add(m); err != nil {
				t.Fatal(err)
			}
			a := new(assembler)
			x.start(a, a.local())
			start, err := m.addFunction(nil, nil, a.body())
			if err != nil {
				t.Fatal(err)
			}
			m.add(section{sectionStart, []byte{byte(start)}})
			m.add(section{sectionData, x.data()})

			got := memoryAfterStart(t, m.encode())
			if n, at := differences(got[:x.at], c.image); n > 0 {
				t.Errorf("%d bytes of %d are others, the first at %d", n, len(c.image), at)
			}
			if n, at := differences(got[x.end():], nil); n > 0 {
				t.Errorf("%d bytes are written behind the end, the first %d bytes behind it", n, at)
			}
		})
	}
}

func TestExpandRefuses(t *testing.T) {
	image := []byte("\x00some bytes")
	x, err := expand(image, 100, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	if x.end() < x.probabilities+2*lzma.Size || x.probabilities < x.at+len(x.stream) || x.at < 100 {
		t.Errorf("the places of %d bytes are %d, %d and %d", len(x.stream), x.at, x.probabilities, x.end())
	}
	if _, err := expand(image, 100, x.end()); err != nil {
		t.Errorf("a memory that is just enough: %v", err)
	}
	if _, err := expand(image, 100, x.end()-1); !errors.Is(err, errModule) {
		t.Errorf("a memory that is too small: %v, want errModule", err)
	}
	if _, err := expand(image[1:], 100, 1<<16); !errors.Is(err, errModule) {
		t.Errorf("data at address 0: %v, want errModule", err)
	}
}
