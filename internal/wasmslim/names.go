package main

import (
	"fmt"
	"strings"
)

// The names that functions keep are those that the runtime asks for: getStackMap
// wants to know the two stubs of reflection, tracebacks which functions of the runtime
// they show, and isSystemGoroutine what is the runtime's own. For the last the
// package is enough: all others have their number for a name, "f" and four letters,
// and "runtime." before it if they are of the runtime. The start function writes
// those ([assembler.fillNames]), and resolve understands them.
const (
	runtimePrefix = "runtime."
	numberDigits  = 4
	numberSize    = 1 + numberDigits

	// What the field of a name is in the packed form, for names that are to be
	// written; others are their offsets.
	nameNumber  = 0
	nameRuntime = 1
	firstName   = 2 // where names begin
)

func keepName(name string) bool {
	own, ok := strings.CutPrefix(name, runtimePrefix)
	if !ok {
		return name == "reflect.makeFuncStub" || name == "reflect.methodValueCall"
	}
	own = strings.TrimPrefix(own, "(*")
	return name == "runtime.gopanic" || own != "" && own[0] >= 'A' && own[0] <= 'Z'
}

// shortName is what a function is called whose name is gone.
func shortName(number uint32) string {
	name := []byte("f")
	for shift := 4 * (numberDigits - 1); shift >= 0; shift -= 4 {
		name = append(name, 'a'+byte(number>>shift&15))
	}
	return string(name)
}

// nameFunctions replaces the names, and clears what else is in their part of the
// image: compilation units and files.
func (t *tables) nameFunctions() error {
	kept := make([]string, len(t.functions))
	t.named = make([]uint32, len(t.functions))
	for i, f := range t.functions {
		if f.name < 0 || t.names+int(f.name) >= t.cus {
			return fmt.Errorf("%w: a name outside of its table", errModule)
		}
		name := t.nameOf(f.name)
		switch {
		case keepName(name):
			kept[i] = name
		case strings.HasPrefix(name, runtimePrefix):
			t.named[i] = nameRuntime
		}
	}
	clear(t.image[t.names:t.steps])
	at := t.names + firstName
	add := func(i int, name string) error {
		if at+len(name) >= t.steps {
			return fmt.Errorf("%w: no room for names", errModule)
		}
		t.put32(t.functions[i].at+4, uint32(at-t.names))
		at += copy(t.image[at:], name) + 1
		return nil
	}
	for i, name := range kept {
		if name != "" {
			t.named[i] = uint32(at - t.names)
			if err := add(i, name); err != nil {
				return err
			}
		}
	}
	t.numbers = at
	for i, f := range t.functions {
		if kept[i] != "" {
			continue
		}
		name := shortName(f.entry)
		if t.named[i] == nameRuntime {
			name = runtimePrefix + name
		}
		if err := add(i, name); err != nil {
			return err
		}
	}
	return nil
}
