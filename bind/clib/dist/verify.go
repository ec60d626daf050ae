package main

import (
	"debug/elf"
	"debug/pe"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// page is the largest page that systems load programs in.
const page = 16 << 10

// verify checks what can be seen in a file without running it. oldest: it must run
// with the oldest glibc that is promised.
func verify(t target, path string, oldest bool) error {
	switch {
	case strings.HasSuffix(path, ".so"):
		return verifyELF(path, oldest)
	case strings.HasSuffix(path, ".dll"):
		return verifyPE(path)
	}
	text, err := os.ReadFile(path)
	if err == nil && !strings.HasPrefix(string(text[:min(len(text), 8)]), "!<arch>\n") {
		err = errors.New("not an archive")
	}
	return err
}

func verifyELF(path string, oldest bool) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && (p.Align < page || p.Vaddr%page != p.Off%page) {
			return fmt.Errorf("a segment is aligned to %d bytes, want %d", p.Align, page)
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	shown := 0
	for _, s := range symbols {
		switch {
		case s.Section == elf.SHN_UNDEF:
			if oldest && newer(s.Version, oldestGlibc) {
				return fmt.Errorf("%s needs %s, want glibc %s", s.Name, s.Version, oldestGlibc)
			}
		case !strings.HasPrefix(s.Name, "voile_"):
			return fmt.Errorf("it shows %s", s.Name)
		default:
			shown++
		}
	}
	if shown == 0 {
		return errors.New("it shows no function")
	}
	return nil
}

// newer reports whether a symbol's version, such as GLIBC_2.34, is after another.
func newer(version, than string) bool {
	number, ok := strings.CutPrefix(version, "GLIBC_")
	if !ok {
		return false
	}
	return slices.Compare(numbers(number), numbers(than)) > 0
}

func numbers(text string) (list []int) {
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		list = append(list, n)
	}
	return list
}

// verifyPE looks for the characteristic of a library; debug/pe reads no exports, and
// the test under wine calls them.
func verifyPE(path string) error {
	f, err := pe.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if f.Characteristics&pe.IMAGE_FILE_DLL == 0 {
		return errors.New("not a DLL")
	}
	return nil
}
