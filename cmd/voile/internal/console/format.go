package console

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/voile-net/voile/bind/jsonapi"
)

// symbols are the characters that not every terminal has.
type symbols struct {
	bars                        []string // of a sparkline, from the least to the most
	up, down, yes, no, ellipsis string
	line, sep                   string
}

// Symbols of terminals with and without Unicode.
func unicodeSymbols() symbols {
	return symbols{
		bars: []string{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
		up:   "↑", down: "↓", yes: "●", no: "○", ellipsis: "…", line: "─", sep: "│",
	}
}

func asciiSymbols() symbols {
	return symbols{bars: []string{" ", ".", ":", "-", "=", "+", "*", "#"}, up: "up", down: "down", yes: "+", no: "-", ellipsis: "~", line: "-", sep: "|"}
}

// sparkline draws values of the same scale, the newest at the right, in a width.
func (s symbols) sparkline(values []uint64, width int) string {
	if len(values) > width {
		values = values[len(values)-width:]
	}
	most := uint64(1)
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", width-len(values)))
	for _, v := range values {
		i := 0
		if v > 0 { // something shows as something
			i = 1 + int(float64(v)/float64(most)*float64(len(s.bars)-2)+0.5)
		}
		b.WriteString(s.bars[i])
	}
	return b.String()
}

// byteCount is a number of bytes in four digits at most, such as 12.3 KB. It counts
// by thousands.
func byteCount(n uint64) string {
	units := []string{"B", "KB", "MB", "GB", "TB", "PB", "EB"}
	v, i := float64(n), 0
	for v >= 999.5 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	digits := 0
	if i > 0 && v < 99.95 {
		digits = 1
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + units[i]
}

// latency is a short time, such as 35 ms.
func latency(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 1, 64) + " ms"
	case d < 10*time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	}
	return strconv.FormatInt(int64(d/time.Second), 10) + " s"
}

// span is a long time in its two greatest units, such as 3h12m. After the first
// minute it changes once a minute, which spares slow links.
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%02dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

func micros(d jsonapi.TimestampDuration) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Microsecond)
	return time.Duration(min(uint64(d), most)) * time.Microsecond
}

// maxShown is how much of a message is shown.
const maxShown = 512

// payload shows bytes of a stranger: as text if they are one, or else in
// hexadecimal.
func payload(b []byte) string {
	shown := b[:min(len(b), maxShown)]
	more := ""
	if len(b) > len(shown) {
		more = "..."
	}
	text := string(shown)
	if len(b) > len(shown) { // a character that was cut does not count
		for i := 0; i < utf8.UTFMax && !utf8.ValidString(text); i++ {
			text = text[:len(text)-1]
		}
	}
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' && r != '\t' }) {
		return strconv.Quote(text) + more
	}
	return "hex " + hex.EncodeToString(shown) + more
}

// safe makes text of others harmless for a terminal: what is no character to see is
// replaced.
func safe(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == ' ':
			return r
		case r == '\t':
			return ' '
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
}
