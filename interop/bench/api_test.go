//go:build linux && !android

package main

import (
	"bufio"
	"net"
	"slices"
	"strings"
	"testing"
)

// Answers are counted, updates are not, however long.
func TestAPIAnswers(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	long := `{"type":"Update","x":"` + strings.Repeat("x", 1000) + `"}` + "\n"
	want := []string{`{"type":"Response","id":1}` + "\n", `{"id":2,"type":"Response","value":null}` + "\n"}
	go func() {
		defer there.Close()
		for _, line := range []string{long, want[0], long, long, `{"type":"Update"}` + "\n", want[1], long} {
			if _, err := there.Write([]byte(line)); err != nil {
				return
			}
		}
	}()
	c := &apiConn{here, bufio.NewReaderSize(here, 64)}
	var got []string
	for {
		line, err := c.answer()
		if err != nil {
			break
		}
		got = append(got, string(line))
	}
	if !slices.Equal(got, want) {
		t.Errorf("answers are %q, want %q", got, want)
	}
}

func TestAPIRequest(t *testing.T) {
	if got, want := string(appendRequest(nil, 12)), `{"id":12,"op":"VeilidVersionString"}`+"\n"; got != want {
		t.Errorf("request is %q, want %q", got, want)
	}
}
