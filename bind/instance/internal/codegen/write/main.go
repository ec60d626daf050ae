// Command write writes the generated lists of error codes into the repository whose
// root is its argument.
package main

import (
	"log"
	"os"
	"path/filepath"

	"github.com/voile-net/voile/bind/instance/internal/codegen"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: write DIRECTORY")
	}
	for path, text := range codegen.Files() {
		path = filepath.Join(os.Args[1], filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
