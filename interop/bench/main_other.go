//go:build !linux || android

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: network namespaces need Linux")
	os.Exit(1)
}
