// Command write writes the generated files of package wrappers into the repository
// whose folder is its argument.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/voile-net/voile/mobile/internal/wrappers"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(root string) error {
	files, err := wrappers.Files(root)
	if err != nil {
		return err
	}
	for name, text := range files {
		to := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
