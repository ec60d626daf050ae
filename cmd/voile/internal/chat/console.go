package chat

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"
)

// Console is where one talks. Say and Note may be called from any goroutine, and
// while ReadLine waits.
type Console interface {
	// ReadLine waits for the next line; io.EOF: there are no more.
	ReadLine() (string, error)
	// Say prints what belongs to the conversation, Note what the program has to say.
	Say(text string)
	Note(text string)
	Close() error
}

// maxLine bounds a line that is read: an invitation, or a text.
const maxLine = 64 << 10

// pipes is a console without a terminal: the conversation goes to one stream, the
// rest to another.
type pipes struct {
	in       *bufio.Scanner
	mu       sync.Mutex // guards both
	out, err io.Writer
}

// NewPipes makes a console of streams.
func NewPipes(in io.Reader, out, err io.Writer) Console {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 4096), maxLine)
	return &pipes{in: s, out: out, err: err}
}

func (p *pipes) ReadLine() (string, error) {
	if p.in.Scan() {
		return p.in.Text(), nil
	}
	if err := p.in.Err(); err != nil {
		return "", fmt.Errorf("input: %w", err)
	}
	return "", io.EOF
}

func (p *pipes) Say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.out, text)
}

func (p *pipes) Note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintln(p.err, "* "+text)
}

func (p *pipes) Close() error { return nil }

// screen is a console on a terminal: what arrives is printed above the line that is
// being typed.
type screen struct {
	*term.Terminal
	out    io.Writer
	colour bool
	fd     int
	before *term.State
}

// NewScreen makes a console of a terminal that reads and writes. Close gives the
// terminal back as it was.
func NewScreen(in, out *os.File, colour bool) (Console, error) {
	fd := int(in.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	s := &screen{
		Terminal: term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{in, out}, "> "),
		out: out, colour: colour, fd: fd, before: before,
	}
	if w, h, err := term.GetSize(int(out.Fd())); err == nil && w > 0 && h > 0 {
		s.SetSize(w, h)
	}
	return s, nil
}

func (s *screen) Say(text string) { fmt.Fprintln(s.Terminal, text) }

func (s *screen) Note(text string) {
	if s.colour {
		text = "\x1b[2m* " + text + "\x1b[0m"
	} else {
		text = "* " + text
	}
	fmt.Fprintln(s.Terminal, text)
}

func (s *screen) Close() error {
	err := term.Restore(s.fd, s.before)
	fmt.Fprintln(s.out) // ends the line of the prompt
	return err
}
