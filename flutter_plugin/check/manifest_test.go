package check

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// The build hook reads what bind/clib/dist writes.
func TestManifest(t *testing.T) {
	writer, err := os.ReadFile("../../bind/clib/dist/main.go")
	if err != nil {
		t.Fatal(err)
	}
	names := func(pattern, source string) (found []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(source, -1) {
			found = append(found, m[1])
		}
		slices.Sort(found)
		return found
	}
	wrote := names("`json:\"(\\w+)\"`", string(writer))
	reads := names(`json\['(\w+)'\]`, files(t)["lib/src/hook/manifest.dart"])
	if len(wrote) == 0 || !slices.Equal(wrote, reads) {
		t.Errorf("the hook reads %q, the manifest has %q", reads, wrote)
	}
	// An archive is linked by the hook; its name says that it is one.
	if got := names(`"(\w+/\w+)", "[^"]+", "[^"]+\.a", "c-archive"`, string(writer)); !slices.Equal(got, []string{"darwin/amd64", "darwin/arm64"}) {
		t.Errorf("archives are prebuilt for %q; see BuildTarget.isArchive in lib/src/hook/target.dart", got)
	}
}
