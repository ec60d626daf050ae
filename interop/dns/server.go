package dns

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxUDP  = 512              // RFC 1035 §4.2.1; longer answers are asked for again over TCP
	maxTCP  = 65535            // the length field of RFC 1035 §4.2.2
	tcpTime = 10 * time.Second // for a whole conversation over TCP
	ttl     = 60               // seconds; nothing here changes during a test
)

// Server answers from a table. Goroutines: one for each of its sockets and one
// for each TCP conversation, all ended by Close.
type Server struct {
	txt map[string][]string
	udp net.PacketConn
	tcp net.Listener
	wg  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	shut  bool
}

// Serve answers TXT questions that come in over the two sockets, which it owns
// from now on. Names in txt are absolute and end with a dot; each text is a
// string of at most 255 bytes in a record of its own.
func Serve(udp net.PacketConn, tcp net.Listener, txt map[string][]string) *Server {
	s := &Server{txt: maps.Clone(txt), udp: udp, tcp: tcp, conns: map[net.Conn]struct{}{}}
	s.wg.Go(s.serveUDP)
	s.wg.Go(s.serveTCP)
	return s
}

// Close ends the server. It may be called twice.
func (s *Server) Close() error {
	s.mu.Lock()
	already := s.shut
	s.shut = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	if already {
		return nil
	}
	err := errors.Join(s.udp.Close(), s.tcp.Close())
	s.wg.Wait()
	return err
}

func (s *Server) serveUDP() {
	buf := make([]byte, maxTCP)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		if answer, err := s.answer(buf[:n], maxUDP); err == nil {
			// A lost answer is asked for again, as everywhere in DNS.
			_, _ = s.udp.WriteTo(answer, from)
		}
	}
}

func (s *Server) serveTCP() {
	for {
		conn, err := s.tcp.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.shut {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.wg.Go(func() {
			s.talk(conn)
			conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

func (s *Server) talk(conn net.Conn) {
	if err := conn.SetDeadline(time.Now().Add(tcpTime)); err != nil {
		return
	}
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		question := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, question); err != nil {
			return
		}
		answer, err := s.answer(question, maxTCP)
		if err != nil {
			return
		}
		framed := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
		if _, err := conn.Write(append(framed, answer...)); err != nil {
			return
		}
	}
}

// answer makes the answer to one message, cut if it is over limit.
func (s *Server) answer(message []byte, limit int) ([]byte, error) {
	var p dnsmessage.Parser
	head, err := p.Start(message)
	if err != nil {
		return nil, err
	}
	if head.Response {
		return nil, errors.New("dns: an answer, not a question")
	}
	question, err := p.Question()
	if err != nil {
		return nil, err
	}
	reply := dnsmessage.Message{
		Header: dnsmessage.Header{
			ID: head.ID, Response: true, Authoritative: true,
			RecursionDesired: head.RecursionDesired, RecursionAvailable: true,
		},
		Questions: []dnsmessage.Question{question},
	}
	texts, known := s.txt[strings.ToLower(question.Name.String())]
	switch {
	case !known:
		reply.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeTXT:
		for _, text := range texts {
			reply.Answers = append(reply.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: ttl},
				Body:   &dnsmessage.TXTResource{TXT: []string{text}},
			})
		}
	}
	packed, err := reply.Pack()
	if err != nil || len(packed) <= limit {
		return packed, err
	}
	reply.Truncated, reply.Answers = true, nil
	return reply.Pack()
}
