// Command pipeclient asks a server of the JSON API some things over the address that
// is its argument, and ends with 0 if all answers were right. It is built for Windows
// and run under wine, to try the named pipe.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/voile-net/voile/bind/jsonapi"
	"github.com/voile-net/voile/client"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: pipeclient ADDRESS")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "pipeclient:", err)
		os.Exit(1)
	}
}

func run(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// go-winio holds the name of a pipe with an instance that takes nobody. Wine 8
	// gives it to the first who comes, so that one comes for nothing.
	if f, err := os.OpenFile(address, os.O_RDWR, 0); err == nil {
		f.Close()
	}
	c, err := client.Dial(ctx, address, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	version, err := c.VeilidVersionString(ctx)
	if err != nil {
		return err
	}
	db, err := c.OpenTable(ctx, "pipe", 1)
	if err != nil {
		return err
	}
	value := bytes.Repeat([]byte("through a pipe "), 4000)
	if err := db.Store(ctx, 0, []byte("k"), value); err != nil {
		return err
	}
	got, found, err := db.Load(ctx, 0, []byte("k"))
	if err != nil || !found || !bytes.Equal(got, value) {
		return fmt.Errorf("loaded %d bytes, found %t, %w", len(got), found, err)
	}
	if _, err := c.Debug(ctx, "nonsense command"); !errors.Is(err, jsonapi.Generic) && !errors.Is(err, jsonapi.ParseError) {
		return fmt.Errorf("a wrong command is answered with %w", err)
	}
	// Many at once, whose answers come as they are ready.
	answers := make(chan error)
	for range 100 {
		go func() {
			_, err := c.Now(ctx)
			answers <- err
		}()
	}
	for range 100 {
		err = errors.Join(err, <-answers)
	}
	fmt.Println("answers of", version)
	return err
}
