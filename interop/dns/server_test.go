package dns

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, txt map[string][]string) (*Server, *net.Resolver) {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(udp, tcp, txt)
	t.Cleanup(func() { s.Close() })
	return s, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, udp.LocalAddr().String())
	}}
}

func TestLookup(t *testing.T) {
	long := []string{strings.Repeat("a", 255), strings.Repeat("b", 255), strings.Repeat("c", 255)}
	_, r := start(t, map[string][]string{"boot.lab.": {"one", "two"}, "long.lab.": long})
	for _, c := range []struct {
		name, ask string
		want      []string
	}{
		{"two records", "boot.lab.", []string{"one", "two"}},
		{"upper case", "BOOT.lab.", []string{"one", "two"}},
		{"too long for a datagram", "long.lab.", long},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := r.LookupTXT(t.Context(), c.ask)
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("LookupTXT = %q, %v; want %q", got, err, c.want)
			}
		})
	}
	var e *net.DNSError
	if _, err := r.LookupTXT(t.Context(), "other.lab."); !errors.As(err, &e) || !e.IsNotFound {
		t.Errorf("unknown name: %v, want not found", err)
	}
	if _, err := r.LookupHost(t.Context(), "boot.lab."); err == nil {
		t.Error("a TXT name has an address")
	}
}

func TestOddMessagesGetNoAnswer(t *testing.T) {
	s, _ := start(t, nil)
	question := dnsmessage.Message{Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName("boot.lab."), Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET}}}
	good, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.answer(good, maxUDP); err != nil {
		t.Fatalf("a good question: %v", err)
	}
	for n := range good {
		if answer, err := s.answer(good[:n], maxUDP); err == nil {
			t.Errorf("the first %d bytes of a question: %d bytes of answer", n, len(answer))
		}
	}
	question.Response = true
	looped, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.answer(looped, maxUDP); err == nil {
		t.Error("an answer was answered")
	}
}

func TestCloseEndsOpenConversations(t *testing.T) {
	s, _ := start(t, nil)
	conn, err := net.Dial("tcp", s.tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("the conversation goes on: %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	question := dnsmessage.Message{Questions: []dnsmessage.Question{{
		Name: dnsmessage.MustNewName("boot.lab."), Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET}}}
	good, err := question.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	s := &Server{txt: map[string][]string{"boot.lab.": {strings.Repeat("a", 255), strings.Repeat("b", 255), "c"}}}
	f.Fuzz(func(t *testing.T, message []byte) {
		answer, err := s.answer(message, maxUDP)
		if err == nil && len(answer) > maxUDP {
			t.Errorf("answer of %d bytes", len(answer))
		}
	})
}
