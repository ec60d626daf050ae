package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/voile-net/voile/bind"
)

func main() {
	out := flag.String("o", "", "file to write; empty: standard output")
	flag.Parse()
	text, err := generate()
	if err == nil {
		if *out == "" {
			_, err = os.Stdout.Write(text)
		} else {
			err = os.WriteFile(*out, text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gents:", err)
		os.Exit(1)
	}
}

// generate is the text of the file.
func generate() ([]byte, error) {
	request, err := readSchema(bind.SchemaRequest)
	if err != nil {
		return nil, err
	}
	message, err := readSchema(bind.SchemaRecvMessage)
	if err != nil {
		return nil, err
	}
	d, err := readDocs()
	if err != nil {
		return nil, err
	}
	return write(newModel(request, message, d))
}
