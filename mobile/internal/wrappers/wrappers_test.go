package wrappers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/voile-net/voile/bind"
	"github.com/voile-net/voile/bind/jsonapi"
)

const root = "../../.."

// The committed files are what the generator writes.
func TestFilesAreCurrent(t *testing.T) {
	files, err := Files(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s is not what go generate ./mobile writes", name)
		}
	}
}

// Each operation, parameter, update and error of the API has its place in both
// languages: looked for in the committed text, by the name that goes over the border.
func TestNothingIsForgotten(t *testing.T) {
	for _, language := range []struct{ dir, suffix, class, operation string }{
		{kotlinDir, ".kt", `(?s)class %s .*?\n}\n`, `(?s)    (?:override )?suspend fun %s\(.*?(?:\n    }|\n\n)`},
		{swiftDir, ".swift", `(?s)final class %s: .*?\n}\n`, `(?s)    public func %s\(.*?\n    }`},
	} {
		t.Run(language.suffix, func(t *testing.T) {
			read := func(name string) string {
				text, err := os.ReadFile(filepath.Join(root, language.dir, name+language.suffix))
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			operations, types := read("Operations"), read("Types")
			for _, o := range bind.Operations() {
				text := operations[:strings.Index(operations, "RoutingContext\", \"rc_id\"")]
				if o.Family != "" {
					text = regexp.MustCompile(fmt.Sprintf(language.class, o.Family)).FindString(operations)
				}
				body := ""
				for _, found := range regexp.MustCompile(fmt.Sprintf(language.operation, lowerFirst(o.Name))).FindAllString(text, -1) {
					if strings.Contains(found, fmt.Sprintf("equest(%q)", o.Name)) {
						body = found
					}
				}
				if body == "" {
					t.Errorf("%s.%s is missing", o.Family, o.Name)
					continue
				}
				for _, p := range o.Params {
					if !strings.Contains(body, fmt.Sprintf("(%q, ", p.Name)) {
						t.Errorf("%s.%s does not send %s", o.Family, o.Name, p.Name)
					}
				}
			}
			for _, kind := range jsonapi.UpdateKind("").Values() {
				if !strings.Contains(types, fmt.Sprintf("%q", kind)) {
					t.Errorf("the update %s is missing", kind)
				}
			}
			errors := read(map[string]string{".kt": "VoileException", ".swift": "VoileError"}[language.suffix])
			for _, kind := range jsonapi.ErrorKind("").Values() {
				for _, field := range append(kind.Fields(), string(kind)) {
					if !strings.Contains(errors, fmt.Sprintf("%q", field)) {
						t.Errorf("%s of the error %s is missing", field, kind)
					}
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	for in, want := range map[string]string{"o_cnt": "oCnt", "public_internet_ready": "publicInternetReady", "key": "key"} {
		if got := camel(in); got != want {
			t.Errorf("camel(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"AttachedGood": "ATTACHED_GOOD", "IPV4": "IPV4", "IndexedDb": "INDEXED_DB"} {
		if got := constant(in); got != want {
			t.Errorf("constant(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"AttachedGood": "attachedGood", "IPV4": "ipv4"} {
		if got := swiftCase(in); got != want {
			t.Errorf("swiftCase(%q) = %q, want %q", in, got, want)
		}
	}
}
