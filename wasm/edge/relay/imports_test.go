package relay

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What a worker is made of stays small, and policy does no I/O, as their documentation
// promises.
func TestImports(t *testing.T) {
	for _, tt := range []struct {
		pkg, platform string
		banned        []string
	}{
		{"../worker", "js/wasm", []string{"net/http", "net", "crypto/tls", "os/exec", "text/template"}},
		{"../policy", "linux/amd64", []string{"net/http", "net", "crypto/tls", "os/exec", "syscall/js"}},
		{"../edgeurl", "linux/amd64", []string{"net/http", "net", "net/url", "encoding/json", "crypto/tls"}},
		{".", "linux/amd64", []string{"net/http", "net", "crypto/tls", "os/exec"}},
	} {
		system, machine, _ := strings.Cut(tt.platform, "/")
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", tt.pkg)
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+machine, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range tt.banned {
			if strings.Contains("\n"+string(out), "\n"+b+"\n") {
				t.Errorf("%s depends on %s", tt.pkg, b)
			}
		}
	}
}
