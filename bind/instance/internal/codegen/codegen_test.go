package codegen_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind/instance"
	"github.com/voile-net/voile/bind/instance/internal/codegen"
)

const root = "../../../.."

// What is in the repository is what the list of codes says.
func TestCurrent(t *testing.T) {
	for path, want := range codegen.Files() {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Errorf("%v: run go generate ./bind/instance", err)
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not current: run go generate ./bind/instance", path)
		}
	}
}

// Each language has the same names with the same numbers. The files are read with
// one pattern per language, not with what wrote them.
func TestEqualEverywhere(t *testing.T) {
	want := map[string]int{}
	for _, c := range instance.Codes() {
		want[strings.ToLower(c.Name)] = int(c.Code)
	}
	for path, pattern := range map[string]string{
		"bind/clib/voile_codes.h":                              `(?m)^  VOILE_([A-Z_]+) = (\d+),?$`,
		"mobile/kotlin/src/main/kotlin/net/voile/ErrorCode.kt": `(?m)^    ([A-Z_]+)\((\d+), "\w+"\)[,;]$`,
		"mobile/swift/Sources/Voile/ErrorCode.swift":           `(?m)^    case (\w+) = (\d+)$`,
		"flutter_plugin/lib/src/error_code.dart":               `(?m)^  (\w+)\((\d+), '\w+'\)[,;]$`,
		"web/src/error-code.ts":                                `(?m)^  (\w+): (\d+),$`,
	} {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
			continue
		}
		got := map[string]int{}
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
			name := strings.ToLower(strings.ReplaceAll(m[1], "_", ""))
			if name == "internalerror" { // internal is a keyword of Swift
				name = "internal"
			}
			if got[name], err = strconv.Atoi(m[2]); err != nil {
				t.Error(err)
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s has %v, want %v", path, got, want)
		}
	}
}
