package chat

import (
	"bytes"
	"encoding/base64"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/voile-net/voile/cmd/voile/internal/privnet"
)

func TestFrames(t *testing.T) {
	token := bytes.Repeat([]byte{7}, tokenLen)
	for _, f := range []frame{
		{Kind: hello, Token: token, Name: "Alice", Route: []byte("blob")},
		{Kind: say, Token: token, Name: "friend", Text: "a “quoted” line: ä 漢"},
		{Kind: done, Name: "friend"},
	} {
		got, err := decode(f.encode())
		f.Version = version
		if err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%s: got %+v, %v, want %+v", f.Kind, got, err, f)
		}
	}
}

func TestFramesCut(t *testing.T) {
	b := frame{Kind: say, Token: make([]byte, tokenLen), Text: "hello"}.encode()
	for n := range b {
		if _, err := decode(b[:n]); !errors.Is(err, errFrame) {
			t.Errorf("%d of %d bytes: %v, want errFrame", n, len(b), err)
		}
	}
	if _, err := decode(append(b, 'x')); !errors.Is(err, errFrame) {
		t.Errorf("a byte too many: %v, want errFrame", err)
	}
}

func TestFramesRefused(t *testing.T) {
	for name, f := range map[string]string{
		"other version": `{"voile_chat":2,"kind":"say"}`,
		"no version":    `{"kind":"say"}`,
		"long text":     `{"voile_chat":1,"kind":"say","text":"` + strings.Repeat("x", maxText+1) + `"}`,
		"long token":    `{"voile_chat":1,"kind":"say","token":"` + strings.Repeat("A", 24) + `"}`,
		"long name":     `{"voile_chat":1,"kind":"hello","name":"` + strings.Repeat("x", 4*maxName+1) + `"}`,
		"long route":    `{"voile_chat":1,"kind":"hello","route":"` + strings.Repeat("A", maxRoute*2) + `"}`,
		"text a number": `{"voile_chat":1,"kind":"say","text":5}`,
		"no object":     `[]`,
	} {
		if _, err := decode([]byte(f)); !errors.Is(err, errFrame) {
			t.Errorf("%s: %v, want errFrame", name, err)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"plain äöü 漢字", "plain äöü 漢字"},
		{"red \x1b[31mtext\x07", "red [31mtext"},
		{"two\nlines\tand\r", "two lines and"},
		{"turned \u202e text \u2028", "turned  text "},
		{"bad \xff\xfe", "bad "},
	} {
		if got := printable(c.in); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
	if got := cleanName(" \x1b "); got != "friend" {
		t.Errorf("an empty name became %q", got)
	}
	if got := cleanName(strings.Repeat("ä", 50)); got != strings.Repeat("ä", maxName) {
		t.Errorf("a long name became %q", got)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(frame{Kind: hello, Token: make([]byte, tokenLen), Name: "Alice", Route: []byte("blob")}.encode())
	f.Add([]byte(`{"voile_chat":1,"kind":"say","text":"\u001b[2J"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		got, err := decode(b)
		if !bytes.Equal(b, before) {
			t.Fatal("decode changed its input")
		}
		if err != nil {
			return
		}
		if strings.ContainsFunc(got.Text+got.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("%q, %q can move a cursor", got.Text, got.Name)
		}
		again, err := decode(got.encode())
		if err != nil || again.Text != got.Text || again.Name != got.Name || !bytes.Equal(again.Route, got.Route) {
			t.Fatalf("%+v does not come back: %+v, %v", got, again, err)
		}
	})
}

func TestInvitations(t *testing.T) {
	for name, i := range map[string]Invitation{
		"route":   {Route: []byte("blob of a route")},
		"private": {Route: []byte{0, 1, 2}, Ticket: privnet.Ticket{NetworkKey: "key", Bootstrap: "0|0|VLD0:x|127.0.0.1|T1"}},
	} {
		word := i.String()
		spaced := "  " + word[:5] + "\n " + word[5:] + "\t"
		if got, err := ParseInvitation(spaced); err != nil || !reflect.DeepEqual(got, i) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, i)
		}
	}
	whole := "\x01k\x01b\x02rr"
	for n := range whole {
		word := prefix + base64.RawURLEncoding.EncodeToString([]byte(whole[:n]))
		if i, err := ParseInvitation(word); !errors.Is(err, ErrInvitation) {
			t.Errorf("%d of %d bytes: %+v, %v, want ErrInvitation", n, len(whole), i, err)
		}
	}
	for name, text := range map[string]string{
		"empty":         "",
		"not base64":    "what is this?",
		"empty key":     prefix + "AAFhAWI",
		"a byte more":   prefix + base64.RawURLEncoding.EncodeToString([]byte("\x01k\x01b\x01r\x00")),
		"endless size":  prefix + base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 9)),
		"too long":      Invitation{Route: make([]byte, maxRoute+1)}.String(),
		"much too long": strings.Repeat(" ", maxLine+1),
	} {
		if i, err := ParseInvitation(text); !errors.Is(err, ErrInvitation) {
			t.Errorf("%s: %+v, %v, want ErrInvitation", name, i, err)
		}
	}
}

func FuzzInvitation(f *testing.F) {
	f.Add(Invitation{Route: []byte("blob")}.String())
	f.Add(Invitation{Route: []byte("blob"), Ticket: privnet.Ticket{NetworkKey: "k", Bootstrap: "b"}}.String())
	f.Fuzz(func(t *testing.T, s string) {
		i, err := ParseInvitation(s)
		if err != nil {
			return
		}
		if again, err := ParseInvitation(i.String()); err != nil || !reflect.DeepEqual(again, i) {
			t.Fatalf("%+v does not come back: %+v, %v", i, again, err)
		}
	})
}
